"""Differences and their intervals, against scipy, statsmodels' formulas and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from layerscope.training.experiments.paired_differences import (
    Difference,
    mean_interval,
    over_pictures,
    over_seeds,
    points,
)

SHARES = st.lists(st.floats(0.1, 0.99), min_size=2, max_size=8)


@given(SHARES, SHARES)
def test_one_comparison_is_scipys_paired_t_interval(arm: list[float], base: list[float]) -> None:
    n = min(len(arm), len(base))
    arm, base = arm[:n], base[:n]
    found = over_seeds(arm, base)
    differences = np.subtract(arm, base)
    assert found.mean == pytest.approx(differences.mean())
    assert found.interval is not None
    if np.ptp(differences) > 1e-9:  # scipy warns of differences that are all alike
        theirs = scipy.stats.ttest_rel(arm, base).confidence_interval(0.95)
        assert found.interval == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_two_seeds_by_hand() -> None:
    # Differences 0.01 and 0.03: mean 0.02, deviation 0.01 * sqrt(2), t of one degree 12.706.
    found = over_seeds([0.81, 0.83], [0.80, 0.80])
    assert found.interval == pytest.approx((0.02 - 12.7062 * 0.01, 0.02 + 12.7062 * 0.01), abs=1e-5)


def test_several_comparisons_hold_together() -> None:
    generator = np.random.default_rng(0)
    wrong = 0
    for _ in range(2000):
        base = generator.normal(size=5)
        arms = [generator.normal(size=5) for _ in range(4)]
        found = [over_seeds(arm, base, comparisons=4) for arm in arms]
        wrong += any(d.interval[0] > 0 or d.interval[1] < 0 for d in found if d.interval)
    assert wrong / 2000 < 0.06  # the family errs in at most 5% of experiments
    one, four = over_seeds([1, 2, 4], [0, 0, 0]), over_seeds([1, 2, 4], [0, 0, 0], comparisons=4)
    assert one.interval is not None
    assert four.interval is not None
    assert four.interval[0] < one.interval[0]


def test_one_seed_gives_no_interval_and_no_verdict() -> None:
    found = over_seeds([0.9], [0.8])
    assert found.interval is None
    assert mean_interval([0.9]) is None
    assert "no verdict" in found.verdict("a", "b")


def test_mean_interval_is_scipys() -> None:
    values = [0.71, 0.74, 0.69, 0.75]
    theirs = scipy.stats.t.interval(0.95, 3, np.mean(values), scipy.stats.sem(values))
    assert mean_interval(values) == pytest.approx(theirs)


def test_pictures_by_hand_and_mcnemars_p() -> None:
    arm = [True] * 80 + [True] * 12 + [False] * 4 + [False] * 4
    base = [True] * 80 + [False] * 12 + [True] * 4 + [False] * 4
    found = over_pictures(arm, base)
    assert found.mean == pytest.approx(0.08)
    up, down = 13 / 102, 5 / 102
    reach = 1.959964 * math.sqrt((up + down - (up - down) ** 2) / 102)
    assert found.interval == pytest.approx((up - down - reach, up - down + reach))
    assert found.p == pytest.approx(2 * sum(math.comb(16, k) for k in range(5)) / 2**16)
    assert over_pictures(arm, arm).p == 1.0


def test_several_comparisons_over_pictures_hold_together() -> None:
    arm, base = [True] * 60 + [False] * 40, [True] * 45 + [False] * 55
    one, four = over_pictures(arm, base), over_pictures(arm, base, comparisons=4)
    assert one.interval and four.interval and one.p is not None
    assert four.p == pytest.approx(min(1.0, 4 * one.p))
    half = [(found.interval[1] - found.interval[0]) / 2 for found in (one, four) if found.interval]
    assert half[1] / half[0] == pytest.approx(scipy.stats.norm.ppf(1 - 0.025 / 4) / 1.959964)
    assert over_pictures(arm, arm, comparisons=4).p == 1.0


def test_the_interval_over_pictures_covers_what_it_should() -> None:
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(1000):
        drawn = generator.choice(4, size=300, p=[0.8, 0.08, 0.04, 0.08])
        found = over_pictures(
            [bool(d in (0, 1)) for d in drawn], [bool(d in (0, 2)) for d in drawn]
        )
        assert found.interval is not None
        covered += found.interval[0] <= 0.04 <= found.interval[1]
    assert 0.93 < covered / 1000 < 0.98


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (
            Difference(-0.008, (-0.011, -0.005), 3, "seeds"),
            "a against b: -0.8 points, 95% interval -1.1 to -0.5 (3 seeds): worse",
        ),
        (
            Difference(0.02, (0.001, 0.039), 5, "seeds"),
            "a against b: +2.0 points, 95% interval +0.1 to +3.9 (5 seeds): better",
        ),
        (
            Difference(0.001, (-0.01, 0.012), 1000, "test pictures"),
            "a against b: +0.1 points, 95% interval -1.0 to +1.2 (1,000 test pictures): "
            "no difference seen; more test pictures could tell",
        ),
    ],
)
def test_verdicts_are_plain(difference: Difference, said: str) -> None:
    assert difference.verdict("a", "b") == said


def test_points_have_their_sign() -> None:
    assert [points(v) for v in (-0.0081, 0.0, 0.012)] == ["-0.8", "+0.0", "+1.2"]
