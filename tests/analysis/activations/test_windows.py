"""What a unit sees is painted and run alone, and gives the same as the whole picture."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from planted_networks import drawn, program_of, small_network, spec_of
from torch import nn

from layerscope.analysis.featurevis.objective import find_objective
from layerscope.analysis.featurevis.optimise import optimise_images
from layerscope.analysis.featurevis.random_transforms import Box
from layerscope.analysis.featurevis.viewport import tiled, viewport_around


def padded() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.Conv2d(4, 5, 3, padding=1),
    )


@pytest.mark.parametrize("make", [padded, small_network])
def test_a_window_is_enough_for_a_unit(make: Callable[[], nn.Module]) -> None:
    spec = spec_of(1, 48 if make is padded else 16)
    program = program_of(drawn(make), spec)
    images = torch.randn(4, 1, spec.height, spec.width, generator=torch.Generator().manual_seed(1))
    target = find_objective(program, "3", images)
    top, left, h, w = target.window
    assert h < spec.height and w < spec.width
    assert target.source_place and target.window_place
    part = program.output_of("3", images[:, :, top : top + h, left : left + w])
    whole = program.output_of("3", images)
    y, x = target.window_place
    assert torch.allclose(
        part[:, :, y, x], whole[:, :, target.source_place[0], target.source_place[1]], atol=1e-5
    )


def test_large_pictures_are_painted_around_the_unit_alone() -> None:
    spec = spec_of(1, 96)
    program = program_of(drawn(padded), spec)
    made = optimise_images(program, "3", [0, 2], spec)
    top, left, h, w = made.crop_px
    canvas = viewport_around((top, left, h, w), height=96, width=96)
    assert made.pixels.shape == (2, 1, 96, 96)
    assert canvas[2:] == (2 * h, 2 * w)
    for by in (canvas[2], -canvas[2]):  # the same again one canvas further
        there = made.pixels[:, :, max(0, by) : 96 + min(0, by)]
        assert torch.equal(there, made.pixels[:, :, max(0, -by) : 96 + min(0, -by)])
    output = program.output_of("3", spec.normalise(made.pixels))
    assert made.place
    y, x = made.place
    assert torch.allclose(made.values, torch.stack([output[0, 0, y, x], output[1, 2, y, x]]))
    noise = torch.rand(500, 1, 96, 96, generator=torch.Generator().manual_seed(1))
    natural = program.output_of("3", spec.normalise(255 * noise)).amax((0, 2, 3))
    assert (made.values > natural[[0, 2]]).all()


@pytest.mark.parametrize(
    ("box", "canvas"),
    [
        ((110, 110, 5, 5), (97, 97, 32, 32)),
        ((60, 0, 40, 50), (40, 0, 80, 100)),
        ((190, 100, 30, 30), (164, 85, 60, 60)),  # pushed in at the border
        ((20, 20, 180, 180), (0, 0, 224, 224)),
    ],
)
def test_a_canvas_holds_its_box(box: Box, canvas: Box) -> None:
    assert viewport_around(box, height=224, width=224) == canvas
    painted = torch.arange(canvas[2] * canvas[3]).view(1, 1, canvas[2], canvas[3])
    picture = tiled(painted, canvas, height=224, width=224)
    top, left, h, w = canvas
    assert torch.equal(picture[:, :, top : top + h, left : left + w], painted)
