"""The strongest places: ties, floors, and any order of merging."""

from __future__ import annotations

from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from layerscope.analysis.activations.top_patches import (
    PATCHES,
    TopPlaces,
    TopPlacesAccumulator,
    top_places,
)


def places_of(values: torch.Tensor, rows: torch.Tensor) -> TopPlaces:
    return top_places(values, values.amax(1), rows)


def same(a: TopPlaces, b: TopPlaces) -> bool:
    return all(
        torch.equal(getattr(a, name), getattr(b, name)) for name in ("values", "rows", "places")
    )


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.integers(0, 1000), st.lists(st.integers(1, 30), min_size=1, max_size=3))
def test_any_split_in_any_order_finds_the_same_places(seed: int, cuts: list[int]) -> None:
    generator = torch.Generator().manual_seed(seed)
    # Few different values: ties between pictures, and between places of one, are the rule.
    values = torch.randint(0, 5, (40, 6, 3), generator=generator).float()
    rows = torch.arange(40)
    whole = places_of(values, rows)
    bounds = sorted({0, *cuts, 40})
    parts = [places_of(values[a:b], rows[a:b]) for a, b in pairwise(bounds)]
    order = torch.randperm(len(parts), generator=generator).tolist()
    merged = parts[order[0]]
    for i in order[1:]:
        merged = merged.merged(parts[i])
    assert same(merged, whole)


def test_a_floor_spares_the_search_and_changes_nothing() -> None:
    values = torch.rand(60, 8, 4, generator=torch.Generator().manual_seed(0))
    rows = torch.arange(60)
    first, second = places_of(values[:30], rows[:30]), places_of(values[30:], rows[30:])
    peaks = values.amax(1)
    tally = TopPlacesAccumulator()
    tally.add(values[:30], peaks[:30], rows[:30])
    tally.add(values[30:36], peaks[30:36], rows[30:36])
    # Only what beats the ninth so far was searched for its place and put by.
    searched = sum(len(part[0]) for part in tally.buffer)
    assert 0 < searched == int((peaks[30:36] > first.values[:, PATCHES - 1]).sum()) < 6 * 4
    tally.add(values[36:], peaks[36:], rows[36:])
    assert same(tally.places(), first.merged(second))
    assert same(tally.places(), places_of(values, rows))


def test_of_equal_peaks_the_earlier_picture_and_the_first_place_come_first() -> None:
    values = torch.zeros(12, 4, 1)
    values[:, 2:, 0] = 1.0
    whole = places_of(values, torch.arange(12))
    assert whole.rows.tolist() == [list(range(9))]
    assert whole.places.tolist() == [[2] * 9]
