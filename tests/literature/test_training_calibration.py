""" "Training" is said of few units that no training touched, on a real network.

Seen with 20 copies on 500 pictures: benchmarks/results/training_calibration.json.
"""

from __future__ import annotations

from functools import cache

import pytest
import torch

from claims.networks import packaged
from layerscope.analysis.observe import Scenes
from layerscope.graph.read import read_program
from training_calibration import (
    FIRST_HELD_OUT,
    LEVELS,
    Measured,
    fresh_units,
    half_replaced,
    measured_units,
    said_to_be_trained,
    some,
)

PICTURES, COPIES, HELD_OUT = 300, 10, 4

pytestmark = [pytest.mark.slow, pytest.mark.realdata]


@cache
def measured() -> tuple[Measured, list[Measured], list[Measured]]:
    """The trained network, the null's copies and further ones."""
    run = packaged("catdog-cnn")
    assert run.data
    imageset, spec = run.data.test, run.spec
    scenes = Scenes(imageset, torch.arange(PICTURES), spec, seed=0)
    trained = measured_units(read_program(run.model, some(spec, imageset)), scenes)
    nulls = [fresh_units(spec, imageset, scenes, i) for i in range(COPIES)]
    others = [fresh_units(spec, imageset, scenes, FIRST_HELD_OUT + i) for i in range(HELD_OUT)]
    return trained, nulls, others


def test_held_out_untrained_copies_are_hardly_ever_said_to_be_trained(real_data) -> None:
    trained, nulls, others = measured()
    assert said_to_be_trained(trained, nulls) > 0.1
    for other in others:
        assert said_to_be_trained(other, nulls) <= 0.05


def test_of_half_a_layer_replaced_no_more_is_found_than_the_rate_says(real_data) -> None:
    trained, nulls, others = measured()
    found = half_replaced(trained, others, nulls, seed=0)
    for level, most in LEVELS.items():
        n = found[level]["found"]
        assert n > 20
        # The benchmark keeps to q + 0.05; with fewer copies and pictures chance counts, too.
        assert found[level]["false_frac"] <= most + 0.05 + 2 * (most * (1 - most) / n) ** 0.5
