"""The atlas of a network that decides by values: whole, with what escaped named in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from schemas import check_atlas
from torch import nn

from layerscope.data.imageset import ImageSet, Splits
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec, NetShape
from layerscope.pipeline.effort import QUICK, Effort
from layerscope.pipeline.look import look

SPEC = ModelSpec(
    "by-hand",
    ("upright", "level"),
    Preprocessing(1, 12, 12, (0.5,), (0.25,)),
    NetShape(widths=(), hidden=()),
)


class Deciding(nn.Module):
    """Pictures whose mean lies beyond a limit go through a convolution of their own."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.dark = nn.Conv2d(4, 4, 3, padding=1)
        self.bright = nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(4 * 36, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[2:] == (12, 12)
        bright = x.mean() > self.limit
        x = F.max_pool2d(F.relu(self.first(x)), 2)
        x = F.relu(self.bright(x)) if bright else torch.tanh(self.dark(x))
        return self.head(x.flatten(1))


def deciding(limit: float) -> Deciding:
    torch.manual_seed(0)
    return Deciding(limit)


def test_a_network_that_decides_has_an_atlas_that_says_so(striped: Splits, tmp_path: Path) -> None:
    effort = Effort(
        pictures=60, untrained=2, ablation_pictures=20, featurevis_steps=2, dependence_patches=2,
        dependence_copies=1,
    )  # fmt: skip
    model = deciding(limit=10)  # brighter than any picture: all take the same way
    atlas = look(model, striped, spec=SPEC, out=tmp_path / "atlas", effort=effort)
    check_atlas(atlas)
    names = [layer.name for layer in atlas.record.layers]
    assert names == ["first", "relu", "max_pool2d", "dark", "tanh", "flatten", "head"]
    found = atlas.record.model
    assert any("'bool' of 'input'" in sentence for sentence in found.not_captured)
    assert any("not called on the first picture: 'bright'" in s for s in found.not_captured)
    assert len(found.not_captured) == 3  # and the mean, which is no layer
    assert (found.replay.n, found.replay.n_layers) == (4, 7)
    assert found.replay.layer_difference < 1e-5
    assert found.replay.program_difference < 1e-5
    units = atlas["relu"].units
    assert len(units) == 4
    assert all(len(unit.patches) == 9 for unit in units)
    assert all(unit.ablation and unit.featurevis for unit in units)
    assert atlas["tanh"].evidence.probe is not None
    assert all("tanh" in sample.activations for sample in atlas.record.samples)


def test_layers_that_not_all_pictures_reach_are_said_and_not_measured(
    striped: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On mid-grey the stimuli are brighter than the limit, on the set's own ground they are not.
    monkeypatch.setattr("layerscope.analysis.observe.ground_of", lambda pixels: 0.5)
    test = striped.test
    shade = torch.where(torch.arange(len(test)) < 60, 0, 255).to(torch.uint8)
    pixels = (test.take(torch.arange(len(test))) // 8).clamp(max=8) + (shade // 2)[
        :, None, None, None
    ]
    mixed = ImageSet("mixed", "test", pixels, test.labels, test.class_names)
    # All pictures in one batch are darker than the limit together; the samples go one by one.
    limit = float(SPEC.normalise(pixels).mean()) + 0.1
    atlas = look(deciding(limit), mixed, spec=SPEC, out=tmp_path / "atlas", effort=QUICK)
    check_atlas(atlas)
    told = atlas.record.model.not_captured
    assert any("pictures take another way through the network" in s for s in told)
    assert any("first apart at 'dark'" in s for s in told)
    assert any("depend on those it is run with" in s for s in told)
    assert any(s.startswith("layer 'tanh' has no evidence") for s in told)
    ways = {("tanh" in s.activations, s.row < 60) for s in atlas.record.samples}
    assert ways == {(True, True), (False, False)}
    for sample in atlas.record.samples:
        images = SPEC.normalise(mixed.take(torch.tensor([sample.row])))
        with torch.no_grad():
            logits = deciding(limit).eval()(images)[0]
        assert sample.logits == pytest.approx(logits.tolist(), abs=1e-5)


def test_layers_that_later_batches_miss_are_counted(striped: Splits, tmp_path: Path) -> None:
    pixels = torch.zeros(300, 1, 12, 12, dtype=torch.uint8)
    pixels[:] = torch.arange(300).remainder(16).view(-1, 1, 1, 1)
    pixels[256:] += 200
    labels = torch.arange(300) % 2
    later = ImageSet("later", "test", pixels, labels, ("upright", "level"))
    atlas = look(deciding(0.0), later, spec=SPEC, out=tmp_path / "atlas", effort=None)
    told = atlas.record.model.not_captured
    assert "layer 'tanh' was reached by 256 of 300 pictures: its statistics are of those" in told
    assert atlas["tanh"].statistics.n == 256
    assert atlas["relu"].statistics.n == 300
    assert not any(s.startswith("layer 'relu' ") for s in told)
