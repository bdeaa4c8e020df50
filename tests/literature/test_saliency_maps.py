"""Maps of what a network looks at must change when it forgets what it knows.

Adebayo et al., "Sanity Checks for Saliency Maps", 2018, sections 3.1 and 4.1: layers are drawn anew
from the last to the first; gradients and Grad-CAM change with the first of them, guided
backpropagation hardly does.

Seen on 64 real test pictures each, five draws (mean Spearman with the whole network's map, after
the last layer alone, and after all):

    catdog-cnn   gradient -0.16, 0.00   Grad-CAM -0.14, 0.03   guided backprop 0.85, 0.37
    fashion-cnn  gradient  0.00, 0.00   Grad-CAM  0.04, 0.06   guided backprop 0.85, 0.60

Before the first convolution goes, guided backprop is still at 0.63 and 0.72. (Of catdog-cnn's
Grad-CAMs a quarter become constant, and count as 0; its new last layer may take cats for dogs.)

What does not hold: the *magnitude* of the gradient, which is what is drawn, stays at 0.72 and 0.51
even when all is forgotten. It says nothing of the picture: the trained network's maps of two
different pictures agree as much (0.70 and 0.49), for pixels at the border are read by fewer units.
A correlation of magnitudes is to be held against that, never against 0.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch

from claims.cascade import cascade, cascade_correlations
from claims.networks import packaged

SEEDS = 3
PICTURES = 64

pytestmark = [pytest.mark.slow, pytest.mark.realdata]


@pytest.fixture(params=["catdog-cnn", "fashion-cnn"])
def drawn(request: pytest.FixtureRequest, real_data: Path) -> list[dict[str, Any]]:
    """The correlations of every method, for each draw."""
    return correlations_of(request.param)


@cache
def correlations_of(name: str) -> list[dict[str, Any]]:
    run = packaged(name)
    assert run.data
    images = run.spec.normalise(run.data.test.take(torch.arange(PICTURES)))
    return [cascade_correlations(run.model, images, seed=seed) for seed in range(SEEDS)]


def after(drawn: list[dict[str, Any]], method: str, step: int) -> float:
    return fmean(found[method]["correlation"][step] for found in drawn)


@pytest.mark.parametrize("method", ["gradient", "Grad-CAM"])
def test_a_map_that_follows_the_weights_is_lost_with_the_last_layer(
    drawn: list[dict[str, Any]], method: str
) -> None:
    for step in (0, -1):
        assert abs(after(drawn, method, step)) < 0.35


def test_guided_backprop_keeps_its_map_while_layers_are_forgotten(
    drawn: list[dict[str, Any]],
) -> None:
    assert after(drawn, "guided backprop", 0) > 0.75
    steps = len(drawn[0]["gradient"]["correlation"])
    for step in range(steps):
        kept = after(drawn, "guided backprop", step)
        assert kept > after(drawn, "gradient", step) + 0.25
    # One convolution is left of the trained network, and most of the map.
    assert after(drawn, "guided backprop", -2) > 0.5


def test_magnitudes_of_gradients_fall_to_what_two_pictures_share(
    drawn: list[dict[str, Any]],
) -> None:
    floor = fmean(found["gradient, magnitude"]["another_picture"] for found in drawn)
    assert floor > 0.4
    assert after(drawn, "gradient, magnitude", -1) == pytest.approx(floor, abs=0.05)
    guided = fmean(found["guided backprop, magnitude"]["another_picture"] for found in drawn)
    assert after(drawn, "guided backprop, magnitude", -1) > guided + 0.05


def test_a_cascade_begins_at_the_end_and_spares_the_rest(real_data: Path) -> None:
    model = packaged("fashion-cnn").model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    changed: set[str] = set()
    for layer, forgetting in cascade(model, 0):
        now = forgetting.state_dict()
        changed.add(layer)
        for name, value in before.items():
            if name.endswith("weight"):
                assert torch.equal(now[name], value) == (name.rsplit(".", 1)[0] not in changed)
    assert [*sorted(changed)] == ["classifier.1", "classifier.3", "features.0", "features.3"]
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
