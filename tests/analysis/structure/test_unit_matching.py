"""Units that recur against planted ones, and the rate at which chance makes them."""

from __future__ import annotations

from math import comb

import pytest
import torch

from layerscope.analysis.structure.unit_matching import recurring_units
from layerscope.errors import DataError


def drawn(n: int, units: int, seed: int) -> torch.Tensor:
    return torch.randn(n, units, generator=torch.Generator().manual_seed(seed))


def test_planted_units_are_found_again_and_only_these() -> None:
    shared = drawn(2000, 4, 0)
    own = torch.cat([shared, drawn(2000, 4, 1)], 1)
    others = [
        torch.cat([drawn(2000, 5, 2), 2 * shared + 0.5 * drawn(2000, 4, 3) + 7], 1),
        torch.cat([shared.flip(1), drawn(2000, 3, 4)], 1),
    ]
    found = recurring_units(own, others, [drawn(2000, 8, 10 + i) for i in range(20)])
    assert found.recurs.tolist() == [True] * 4 + [False] * 4
    assert found.units[:4].tolist() == [[5, 3], [6, 2], [7, 1], [8, 0]]
    expected = 2 / (4 + 0.25) ** 0.5  # of 2 s + noise of deviation 0.5 with s
    assert found.matches[:4, 0].tolist() == pytest.approx([expected] * 4, abs=0.01)
    assert found.matches[:4, 1].tolist() == pytest.approx([1] * 4)


@pytest.mark.parametrize("n_others", [1, 2])
def test_units_that_are_matched_no_better_than_untrained_ones_recur_at_the_stated_rate(
    n_others: int,
) -> None:
    recurred, total = 0, 0
    for trial in range(30):
        nets = [drawn(60, 40, 1000 * trial + i) for i in range(21 + n_others)]
        found = recurring_units(nets[0], nets[1 : 1 + n_others], nets[1 + n_others :])
        recurred += int(found.recurs.sum())
        total += 40
    assert recurred / total <= 1.5 / comb(20 + n_others, n_others)


def test_units_that_never_vary_match_nothing() -> None:
    own = torch.cat([torch.zeros(50, 1), drawn(50, 1, 0)], 1)
    found = recurring_units(own, [own], [drawn(50, 2, 1)])
    assert found.matches[0].tolist() == [0]
    assert found.recurs.tolist() == [False, True]
    assert recurring_units(own, [], []).recurs.tolist() == [False, False]
    with pytest.raises(DataError, match="at 50 and 40 places"):
        recurring_units(own, [drawn(40, 2, 0)], [])
