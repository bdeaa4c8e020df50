"""How many units like this one would be there untrained: held against known mixtures."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from layerscope.analysis.controls.training_fdr import (
    FEWEST_UNITS,
    share_at_least,
    training_share,
)


def gen(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_formula_by_hand() -> None:
    values = torch.tensor([*[0.1] * 10, *[0.9] * 10])
    null = torch.tensor([*[0.1] * 80, *[0.9] * 19])
    found = training_share(values, null)
    # 20 of 100 with one's own at 0.9; pi0 = (10 + 1) / (20 / 2), at most 1.
    assert found.base_rate[-1] == pytest.approx(0.2)
    assert found.null_share == 1.0
    assert found.q[-1] == pytest.approx(0.2 / 0.5)
    # The root of 20 more, of 100.
    high = training_share(values, null, standard_errors=1)
    assert high.base_rate[-1] == pytest.approx(0.2)
    assert high.q[-1] == pytest.approx((0.2 + 0.2 / 20**0.5) / 0.5)
    assert found.q[0] == pytest.approx(1.0)


def test_copies_that_scatter_more_than_counting_does_say_less() -> None:
    values = torch.tensor([*[0.1] * 10, *[0.9] * 10])
    # Of 99 untrained units 18 reach 0.9: two of each copy, or all of two copies' units.
    alike = torch.tensor([[0.9] * 2 + [0.1] * 9] * 9)
    apart = torch.tensor([[0.9] * 9 + [0.1] * 2] * 2 + [[0.1] * 11] * 7)
    nulls = (list(alike), list(apart), apart.flatten())
    one, other, pooled = (training_share(values, null, standard_errors=1) for null in nulls)
    assert one.base_rate[-1] == other.base_rate[-1] == pytest.approx(0.19)
    assert one.q[-1] == pooled.q[-1] == pytest.approx((0.19 + (0.19 / 100) ** 0.5) / 0.5)
    shares = torch.tensor([9 / 11] * 2 + [0.0] * 7)
    assert other.q[-1] == pytest.approx((0.19 + float(shares.std()) / 9**0.5) / 0.5)
    # Copies may have different numbers of units: of directions they do.
    uneven = [torch.cat([*alike[:2], alike[2, :5]]), *alike[3:], alike[2, 5:]]
    assert (
        training_share(values, uneven).q.tolist()
        == training_share(values, alike.flatten()).q.tolist()
    )


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_the_false_share_is_what_q_says(share: float) -> None:
    false, named, truths = 0, 0, 0
    for seed in range(20):
        g = gen(seed)
        null = torch.randn(20 * 64, generator=g)
        untouched = torch.randn(int(64 * (1 - share)), generator=g)
        changed = torch.randn(64 - len(untouched), generator=g) + 3
        q = training_share(torch.cat([untouched, changed]), null).q
        false += int((q[: len(untouched)] <= 0.2).sum())
        truths += int((q[len(untouched) :] <= 0.2).sum())
        named += int((q <= 0.2).sum())
    assert false / named <= 0.2 + 0.05
    assert truths > 0.7 * 20 * 64 * share  # and it finds what is there


def test_an_untrained_layer_gets_next_to_nothing() -> None:
    found = 0
    for seed in range(40):
        g = gen(100 + seed)
        q = training_share(torch.randn(64, generator=g), torch.randn(20 * 64, generator=g)).q
        found += int((q <= 0.05).sum())
    assert found <= 0.05 * 40 * 64


def test_small_layers_and_no_control_say_nothing() -> None:
    null = torch.rand(400, generator=gen(0))
    assert training_share(torch.rand(FEWEST_UNITS - 1), null).q.isnan().all()
    assert not training_share(torch.rand(FEWEST_UNITS), null).q.isnan().any()
    alone = training_share(torch.rand(50), torch.zeros(0))
    assert alone.q.isnan().all()
    assert alone.verdict(0) is None


def test_verdicts_are_cut_at_their_bars() -> None:
    values = torch.cat([torch.zeros(30), torch.full((40,), 5.0)])
    found = training_share(values, torch.zeros(1000))
    assert found.verdict(69) == "training"
    assert found.verdict(0) == "untrained alike"


@given(
    st.lists(st.floats(0, 1, width=32), min_size=FEWEST_UNITS, max_size=60),
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=80),
)
def test_a_stronger_unit_is_never_less_sure(values: list[float], null: list[float]) -> None:
    scores = torch.tensor(values)
    q = training_share(scores, torch.tensor(null)).q
    order = scores.argsort()
    assert (q[order].diff() <= 1e-12).all()
    assert ((q >= 0) & (q <= 1)).all()
    for score in scores.unique():  # units alike get figures alike
        assert len(q[scores == score].unique()) == 1


def test_share_at_least_counts() -> None:
    population = torch.tensor([1.0, 2.0, 2.0, 3.0])
    found = share_at_least(population, torch.tensor([0.0, 2.0, 3.0, 4.0]))
    assert found.tolist() == [1.0, 0.75, 0.25, 0.0]
    assert math.isclose(float(share_at_least(population, torch.tensor([4.0]), own=1)[0]), 0.2)
