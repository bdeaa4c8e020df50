"""Layers settle from the bottom up.

Raghu et al., "SVCCA", 2017, section 4.1: comparing each layer during training with its final self,
early layers reach what they will be before later ones do. Here with linear CKA on 359 test pictures
of `digits`, every 10 of 300 steps of plain SGD.

Seen over five seeds, in steps until CKA stays at 0.9 or more: compact's eight activation layers
0, 0, 20, 40, 50, 50, 50, 50 (medians; Spearman of depth and step 0.92 to 0.97), digit-cnn's three
0, 50, 60 (1.0 each).

What does not hold for digit-cnn: that its early layers *learn* first. They begin nearly where they
end (CKA 0.99 before any training), and held against its own way from there to 1, of which 90%
must be gone, the order is lost (Spearman -0.87 to 0.5). In compact it stays (0.72 to 0.95).
"""

from __future__ import annotations

from functools import cache
from statistics import fmean

import pytest

from claims.settling import Settling, rank_of, settle_steps, settling, way_gone
from layerscope.data import load

SEEDS = range(3)

pytestmark = pytest.mark.slow


@cache
def watched(model_name: str) -> list[Settling]:
    splits = load("digits")
    return [settling(splits, model_name, seed=seed) for seed in SEEDS]


@pytest.mark.parametrize("model_name", ["compact", "digit-cnn"])
def test_early_layers_are_themselves_before_later_ones(model_name: str) -> None:
    for found in watched(model_name):
        assert found.accuracy > 0.95  # it did learn
        settled = list(settle_steps(found).values())
        assert rank_of(settled) > 0.5
        # No layer of the first half later than any of the last quarter.
        n = len(settled)
        assert max(settled[: n // 2]) <= min(settled[-max(1, n // 4) :])
        # The last layer had some way to go: it is no matter of a bar that all pass at once.
        assert settled[-1] >= 30


def test_in_a_deep_network_they_also_go_their_own_way_first() -> None:
    assert fmean(rank_of(way_gone(found)) for found in watched("compact")) > 0.5


def test_in_a_shallow_one_they_only_begin_nearer_to_their_end() -> None:
    found = watched("digit-cnn")
    assert min(next(iter(one.cka.values()))[0] for one in found) > 0.95
    # If this began to rise reliably, the docstring's second half would be out of date.
    assert fmean(rank_of(way_gone(one)) for one in found) < 0.5


def test_the_settling_step_is_the_one_from_which_a_layer_stays() -> None:
    found = Settling((0, 10, 20, 30), {"a": (0.95, 0.8, 0.91, 1.0), "b": (0.9, 1, 1, 1)}, 1.0)
    assert settle_steps(found) == {"a": 20, "b": 0}
    assert way_gone(found) == {"a": 30, "b": 10}
    assert rank_of([0, 20, 10]) == pytest.approx(0.5)
