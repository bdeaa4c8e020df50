"""`compact`: the strong default, residual and normalised, shaped for two CPU cores."""

from __future__ import annotations

import torch
from torch import nn

from layerscope.models.nets.blocks import activation, pooling
from layerscope.models.spec import ModelSpec, NetShape

COMPACT = NetShape(widths=(32, 64, 128, 128), hidden=(), padding=1, batch_norm=True, residual=True)


class Residual(nn.Module):
    """Two convolutions whose result is added to their input.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016, section 3.
    """

    def __init__(self, width: int, shape: NetShape) -> None:
        super().__init__()
        self.conv1 = convolution(width, width, shape)
        self.act1 = activation(shape.activation)
        self.conv2 = convolution(width, width, shape)
        self.act2 = activation(shape.activation)
        self.skip = shape.residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv2(self.act1(self.conv1(x)))
        return self.act2(y + x if self.skip else y)


def convolution(inputs: int, width: int, shape: NetShape) -> nn.Sequential:
    """A convolution that keeps the map's size, normalised where the shape says so."""
    # A batch norm has its own shift, which makes the convolution's bias superfluous.
    conv = nn.Conv2d(
        inputs, width, shape.kernel, padding=shape.kernel // 2, bias=not shape.batch_norm
    )
    return nn.Sequential(conv, nn.BatchNorm2d(width)) if shape.batch_norm else nn.Sequential(conv)


def build_compact(spec: ModelSpec) -> nn.Module:
    """Build the strong default: a stem, then stages that halve the maps, then a mean over space.

    The first convolution steps over two pixels for pictures of 48 px and more, and a second halving
    follows from 96 px on: most of the cost of a small network lies in its first maps.

    Args:
        spec: at any size from 8 px; `spec.shape.widths` gives the channels of stem and stages.

    Returns:
        A module from images float (B, C, H, W) to logits (B, `spec.n_logits`).

    Source: the layout follows ResNet-9 of the DAWNBench contest (Page, "How to train your ResNet",
    2018), thinner, and with the pooling before the convolution that widens.
    """
    shape = spec.shape
    side = min(spec.height, spec.width)
    first, *others = shape.widths
    kernel, stride = (3, 1) if side < 48 else (5, 2)
    stem: list[nn.Module] = [
        nn.Conv2d(
            spec.channels, first, kernel, stride, padding=kernel // 2, bias=not shape.batch_norm
        )
    ]
    if shape.batch_norm:
        stem.append(nn.BatchNorm2d(first))
    stem.append(activation(shape.activation))
    if side >= 96 and shape.pooling != "none":
        stem.append(pooling(shape.pooling))
    side = side // stride // (2 if side >= 96 else 1)

    stages: list[nn.Module] = []
    inputs = first
    for i, width in enumerate(others):
        stage: list[nn.Module] = []
        if shape.pooling != "none" and side >= 4:
            stage.append(pooling(shape.pooling))
            side //= 2
        stage += [convolution(inputs, width, shape), activation(shape.activation)]
        if i != 1:  # the middle stage is a bridge: the two around it think twice
            stage.append(Residual(width, shape))
        stages.append(nn.Sequential(*stage))
        inputs = width

    head: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    for width in shape.hidden:
        head += [nn.Linear(inputs, width), activation(shape.activation)]
        inputs = width
    if shape.dropout_frac:
        head.append(nn.Dropout(shape.dropout_frac))
    head.append(nn.Linear(inputs, spec.n_logits))

    model = nn.Sequential()
    model.add_module("stem", nn.Sequential(*stem))
    model.add_module("stages", nn.Sequential(*stages))
    model.add_module("head", nn.Sequential(*head))
    return model
