"""The machine that chooses: right where it was given what tells, at chance where it was not."""

from __future__ import annotations

import pytest
import torch

from patch_observers import means_by_class, profile_scores
from two_choice import CANDIDATES, matched, mean_of, right, summed_up


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def patches(n: int, seed: int) -> torch.Tensor:
    return torch.rand(n, 3, 12, 12, generator=gen(seed))


def test_a_pair_counts_where_the_first_scores_higher_and_half_where_both_are_equal() -> None:
    scores = torch.tensor([[1.0, 0.0, 2.0, 2.0], [0.0, 1.0, 2.0, 1.0]])
    assert right(scores) == pytest.approx(2.5 / 4)
    noise = torch.rand(2, 20_000, generator=gen())
    assert right(noise) == pytest.approx(0.5, abs=0.02)


def test_what_a_unit_needs_decides_what_likeness_counts() -> None:
    red = patches(40, 1)
    red[:, 0] += 0.5
    pairs = torch.stack([red[20:], patches(20, 2)])
    own, others = red[:20], patches(300, 3)
    needs = {"needs_colour": 1.0, "needs_fine_texture": 0.0, "needs_arrangement": 0.0}
    assert right(profile_scores(pairs, own, others, needs)) == 1.0
    nothing = dict.fromkeys(needs, 0.0)
    assert right(profile_scores(pairs, own, others, nothing)) == 0.5
    # The same patches say little by their arrangement.
    other = {**nothing, "needs_arrangement": 1.0}
    assert right(profile_scores(pairs, own, others, other)) < 0.8


def test_arrangement_and_waves_are_told_from_each_other() -> None:
    half = torch.zeros(40, 3, 12, 12)
    half[:, :, :, :6] = 0.5
    half += 0.2 * patches(40, 4)
    turned = half.flip(3)  # the same waves
    pairs = torch.stack([half[20:], turned[20:]])
    others = torch.cat([0.5 * patches(200, 5), turned[:20]])
    needs = {"needs_colour": 0.0, "needs_fine_texture": 0.0, "needs_arrangement": 1.0}
    assert right(profile_scores(pairs, half[:20], others, needs)) == 1.0
    waves = {**needs, "needs_arrangement": 0.0, "needs_fine_texture": 1.0}
    assert 0.2 < right(profile_scores(pairs, half[:20], others, waves)) < 0.8


def test_weak_patches_are_as_bright_as_strong_ones() -> None:
    wanted = torch.rand(500, 2, generator=gen(6))
    there = torch.rand(3000, 2, generator=gen(7))
    rows = matched(wanted, there, gen())
    away = (there[rows] - wanted).norm(dim=1)
    any_away = (there[:500] - wanted).norm(dim=1)
    assert CANDIDATES > 10
    assert float(away.mean()) < 0.3 * float(any_away.mean())


def test_means_by_class_are_those_of_each_class() -> None:
    peaks = torch.tensor([[1.0, 0.0], [3.0, 0.0], [5.0, 2.0]])
    found = means_by_class(peaks, torch.tensor([0, 0, 2]), 3)
    assert found.tolist() == [[2.0, 0.0], [0.0, 0.0], [5.0, 2.0]]


def test_figures_are_means_over_units_with_intervals() -> None:
    units = [
        {"kind": "edge", "class": 0.5, "profile": 0.9, "both": 0.8 + 0.1 * (i % 2)}
        for i in range(40)
    ]
    found = summed_up(units)
    assert found["units"] == 40
    assert found["description"] is None
    mean, low, high = found["both"]
    assert mean == pytest.approx(0.85)
    assert low < mean < high
    assert found["both less class"][0] == pytest.approx(0.35)
    assert mean_of(torch.zeros(0)) is None
