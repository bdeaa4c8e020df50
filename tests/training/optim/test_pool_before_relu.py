"""Pooling first: the same outputs and gradients, bit for bit, from the same weights."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from layerscope.models import build, make_spec
from layerscope.training.optim.pool_before_relu import pool_first


def gradients(model: nn.Module, through: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    model.zero_grad()
    through(images).square().sum().backward()
    return [p.grad for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("name", ["digit-cnn", "fashion-cnn", "catdog-cnn", "compact"])
def test_same_outputs_and_gradients_bit_for_bit(name: str) -> None:
    spec = make_spec(name, class_names="ab", channels=1, height=28, width=28, mean=[0.5], std=[0.5])
    generator = torch.Generator().manual_seed(0)
    model = build(spec, generator)
    # Quantised images make ties between neighbours, which must go to the same pixel.
    images = (torch.randn(8, 1, 28, 28, generator=generator) * 2).round()
    other = copy.deepcopy(model)
    faster = pool_first(other)
    assert torch.equal(model(images), faster(images))
    pairs = zip(gradients(model, model, images), gradients(other, faster, images), strict=True)
    assert all(torch.equal(mine, theirs) for mine, theirs in pairs)


def test_moves_the_pooling_and_shares_the_weights() -> None:
    model = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh()), nn.MaxPool2d(2))
    faster = pool_first(model)
    assert [type(part).__name__ for part in faster] == ["Conv2d", "MaxPool2d", "Tanh"]
    assert faster[0] is model[0][0]
    assert [type(part).__name__ for part in model[0]] == ["Conv2d", "Tanh"]  # as it was


@pytest.mark.parametrize(
    "parts",
    [
        (nn.Conv2d(1, 2, 3), nn.GELU(), nn.MaxPool2d(2)),  # falls, then rises
        (nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AvgPool2d(2)),  # a mean is not the largest
        (nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.ReLU()),
    ],
)
def test_leaves_alone_what_would_change(parts: tuple[nn.Module, ...]) -> None:
    model = nn.Sequential(*parts)
    assert pool_first(model) is model
