"""Statistics that keep their digits, and histograms that see all of a map."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from layerscope.analysis.activations.sampled_places import Batch
from layerscope.analysis.activations.unit_statistics import (
    BINS,
    HISTOGRAM_PLACES,
    Start,
    UnitAccumulator,
    UnitStatistics,
    counts_of,
    edges_between,
)


def figures_of(values: torch.Tensor, first: int = 0) -> UnitStatistics:
    rows = torch.arange(first, first + len(values))
    edges = torch.linspace(-3, 3, BINS + 1).repeat(values.shape[2], 1)
    tally = UnitAccumulator(counted=values.shape[1], start=Start(edges))
    tally.add(values, Batch(rows, values.device), values.amax(1))
    return tally.statistics


def histogram(values: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
    """Counts of a few places of each map, as the tally chooses them."""
    batch = Batch(torch.arange(len(values)), values.device)
    return counts_of(batch.take(values, min(HISTOGRAM_PLACES, values.shape[1])), edges)


def test_the_spread_of_values_far_from_zero_is_not_lost() -> None:
    noise = torch.randn(50, 20, 2, generator=torch.Generator().manual_seed(0)) * 0.01
    values = noise + torch.tensor([1000.0, 0.0])
    figures = figures_of(values)
    assert figures.std.numpy() == pytest.approx(values.double().numpy().std((0, 1)), rel=1e-4)
    assert figures_of(torch.full((50, 20, 1), 100.3)).std.tolist() == [0]


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.integers(1, 39), st.integers(1, 39), st.booleans())
def test_any_split_in_either_order_gives_numpys_figures(a: int, b: int, turned: bool) -> None:
    generator = torch.Generator().manual_seed(41 * a + b)
    values = torch.randn(40, 6, 3, generator=generator).clamp(min=0) + torch.tensor([0, 5.0, -9])
    cuts = sorted({0, a, b, 40})
    parts = [figures_of(values[i:j], i) for i, j in pairwise(cuts)]
    if turned:
        parts.reverse()
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merged(part)
    whole = figures_of(values)
    exact = values.double().numpy()
    assert (merged.n, merged.n_values) == (40, 240)
    assert merged.mean.numpy() == pytest.approx(exact.mean((0, 1)), abs=1e-7)
    assert merged.std.numpy() == pytest.approx(exact.std((0, 1)), abs=1e-6)
    assert merged.squares.numpy() == pytest.approx((exact**2).sum((0, 1)), rel=1e-6)
    for name in ("low", "high", "n_zero", "counts"):
        assert torch.equal(getattr(merged, name), getattr(whole, name)), name


@pytest.mark.parametrize("side", [1, 2, 5, 7, 14, 28])
def test_the_histogram_visits_every_place_of_a_map(side: int) -> None:
    places = side * side
    # Each place has a value of its own, the same in all pictures.
    values = torch.arange(places).float().view(1, places, 1).expand(places, places, 1)
    k = min(HISTOGRAM_PLACES, places)
    edges = torch.linspace(-0.5, places - 0.5, BINS + 1)[None]
    counts = histogram(values, edges)
    assert int(counts.sum()) == places * k
    expected, _ = np.histogram(np.arange(places), edges[0].numpy())
    assert np.abs(np.cumsum(counts[0].numpy() - k * expected)).max() <= k  # at an edge


def test_bounds_reach_a_little_beyond_the_first_values_and_hold_all_that_comes() -> None:
    values = torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1)
    edges = edges_between(values.amin((0, 1)), values.amax((0, 1)))
    assert edges[0, 0] == 0 and edges[0, -1] == pytest.approx(2.2)
    counts = histogram(torch.tensor([-7.0, 99.0]).view(2, 1, 1), edges)
    assert counts[0, 0] == 1 and counts[0, -1] == 1 and int(counts.sum()) == 2
