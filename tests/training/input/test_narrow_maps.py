"""Convolutions that step further than their maps are wide."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from layerscope.data.sets import load, resized
from layerscope.errors import RecipeError
from layerscope.training.experiments.rate_finder import find_rate
from layerscope.training.input.narrow_maps import narrow_maps
from layerscope.training.session import train


@pytest.mark.parametrize(
    ("stride", "size", "found"),
    [
        (2, (1, 1), [(1, 2)]),
        (2, (2, 2), []),
        ((1, 3), (2, 2), [(2, 3)]),
        ((3, 1), (2, 2), [(2, 3)]),
        ((1, 3), (2, 3), []),
        (1, (1, 1), []),
    ],
)
def test_a_stride_is_held_against_the_side_that_it_steps_along(
    stride: int | tuple[int, int], size: tuple[int, int], found: list[tuple[int, int]]
) -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 3, stride=stride, padding=1), nn.BatchNorm2d(2)).train()
    assert narrow_maps(model, torch.zeros(2, 3, *size)) == found
    assert model.training
    assert model[1].training


class Functional(nn.Module):
    """Convolutions that are no modules, one with its arguments by name."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(1, 1, 3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = functional.conv2d(x, self.kernel, None, 3, 1)
        h = functional.conv2d(h, weight=self.kernel, padding=1, stride=[2, 2])
        return functional.conv1d(h.flatten(2), self.kernel[0, :, :1], padding=1, stride=5)


def test_convolutions_of_functions_are_seen_and_sequences_of_one_dimension() -> None:
    # 6 px become 2, those 1, which the last steps over by five.
    assert narrow_maps(Functional(), torch.zeros(2, 1, 6, 6)) == [(1, 5)]
    # 3 px become 1.
    assert narrow_maps(Functional(), torch.zeros(2, 1, 3, 3)) == [(1, 2), (1, 5)]


@pytest.mark.parametrize(("size", "narrow"), [(1, True), (2, False)])
def test_bfloat16_spoils_the_gradients_of_narrow_maps_alone(size: int, narrow: bool) -> None:
    """What float32 holds for them: weights that meet padding alone have no gradient."""
    conv = nn.Conv2d(128, 256, 3, stride=2, padding=1, bias=False)
    images = torch.randn(16, 128, size, size, generator=torch.Generator().manual_seed(0))
    assert bool(narrow_maps(conv, images)) is narrow
    conv(images).sum().backward()
    assert conv.weight.grad is not None
    outer = conv.weight.grad.clone()
    outer[:, :, 1:, 1:] = 0  # with 2 px the last two rows and columns meet the map
    if narrow:
        outer[:, :, 1, 1] = 0
    assert not outer.any()


def test_a_training_with_narrow_maps_is_computed_in_float32(tmp_path: Path) -> None:
    small = resized(load("digits"), 8)
    settings = {"model": "torchvision:resnet18", "size": 8, "weights": "none"}
    # Gradients from unset memory differed from run to run.
    found = [find_rate(small, steps=20, batch_size=8, **settings) for _ in range(2)]
    assert {f.recipe.precision for f in found} == {"float32"}
    assert found[0].losses == found[1].losses
    with pytest.raises(RecipeError, match=r"stride 2 reads maps of 1 px.*precision=float32"):
        train(small, precision="bfloat16", out=tmp_path, **settings)
    assert not list(tmp_path.iterdir())
