"""Classes become easier to tell apart layer by layer, and only where something was learned.

Alain and Bengio, "Understanding intermediate layers using linear classifier probes", 2016,
section 4: a linear probe's error falls with depth in a trained network.

Seen on creatures-compact, its eight activation layers, 1,000 test pictures: Spearman's correlation
of depth with the probe's accuracy is 0.98 (accuracies 0.73 to 1.00); over eight untrained networks
of its shape it is -0.23 on average, 0.48 at most (accuracies 0.58 to 0.69). Single ones scatter (of
eight layers, pure noise has a standard deviation of 0.38), so their mean is what is held to 0.5.

What does not hold: the same correlation with the share of variance between classes (eta squared)
is 1.00 for the trained network, but 0.76 to 0.83 for untrained ones. It rises there as well, only
hardly (0.0015 to 0.0056, against 0.002 to 0.81): the rank alone is no evidence of learning.
"""

from __future__ import annotations

from statistics import fmean

import pytest

from claims.depth import DepthCurve, depth_curve, rank_with_depth
from claims.networks import fresh_network, packaged

COPIES = 8

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained() -> DepthCurve:
    run = packaged("creatures-compact")
    assert run.data
    return depth_curve(run.model, run.spec, run.data.test)


@pytest.fixture(scope="module")
def untrained() -> list[DepthCurve]:
    run = packaged("creatures-compact")
    assert run.data
    test = run.data.test
    return [
        depth_curve(fresh_network(run.spec, test, seed), run.spec, test) for seed in range(COPIES)
    ]


def test_a_linear_probe_gets_better_with_depth_in_the_trained_network(trained: DepthCurve) -> None:
    assert len(trained.layers) == 8
    assert rank_with_depth(trained.accuracy) >= 0.9
    assert trained.accuracy[-1] - trained.accuracy[0] > 0.2


def test_it_does_not_in_untrained_copies(untrained: list[DepthCurve]) -> None:
    ranks = [rank_with_depth(copy.accuracy) for copy in untrained]
    assert fmean(ranks) < 0.5
    assert sum(rank >= 0.9 for rank in ranks) == 0
    assert max(copy.accuracy[-1] for copy in untrained) < 0.75


def test_the_share_of_variance_between_classes_needs_its_size_beside_its_rank(
    trained: DepthCurve, untrained: list[DepthCurve]
) -> None:
    assert rank_with_depth(trained.separation) >= 0.9
    # It goes up in untrained networks too, so that the rank alone would mislead.
    assert fmean(rank_with_depth(copy.separation) for copy in untrained) > 0.5
    assert trained.separation[-1] > 30 * max(max(copy.separation) for copy in untrained)
