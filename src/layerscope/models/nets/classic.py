"""The tutorials' own networks, layer for layer, with the parameter counts they have there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from layerscope.errors import ModelError
from layerscope.models.nets.blocks import activation, pooling
from layerscope.models.spec import ModelSpec, NetShape


@dataclass(frozen=True)
class Classic:
    """One tutorial's network: its shape, and what it was made for.

    Args:
        name: what a user types.
        shape: its layers.
        native: (C, H, W, K) of the tutorial, at which `parameters` holds.
        parameters: how many numbers it learns there.
        about: one line for a list.
    """

    name: str
    shape: NetShape
    native: tuple[int, int, int, int]
    parameters: int
    about: str


CLASSICS = (
    Classic(
        "digit-mlp",
        NetShape(widths=(), hidden=(128, 64)),
        (1, 28, 28, 10),
        109_386,
        "fully connected: 784-128-64-10",
    ),
    Classic(
        "digit-cnn",
        NetShape(widths=(32, 64), hidden=(128,), padding=1),
        (1, 28, 28, 10),
        421_642,
        "two padded convolutions, dense 128",
    ),
    Classic(
        "fashion-cnn",
        NetShape(widths=(32, 64), hidden=(64,)),
        (1, 28, 28, 10),
        121_930,
        "two convolutions, dense 64",
    ),
    Classic(
        "catdog-cnn",
        NetShape(widths=(32, 64, 64), hidden=(64,), pool_last=False, single_logit=True),
        (3, 32, 32, 2),
        121_985,
        "three convolutions, dense 64, one logit",
    ),
    Classic(
        "dog-classifier",
        NetShape(widths=(8, 16), hidden=(), padding=1),
        (3, 224, 224, 3),
        151_923,
        "two thin convolutions, straight to classes",
    ),
)


class Skip(nn.Module):
    """A layer whose output is added to its input.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016, equation 1.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layer(x)


def build_classic(spec: ModelSpec) -> nn.Module:
    """Build a stack of convolutions with a dense head.

    The layers are named as torchvision names VGG's: `features.0` is the first convolution,
    `classifier.…` the dense head behind the flatten.

    Args:
        spec: at any size and class count; `spec.shape` says the layers.

    Returns:
        A module from images float (B, C, H, W) to logits (B, `spec.n_logits`).

    Raises:
        ModelError: the maps shrink to nothing at this picture size.
    """
    shape = spec.shape
    features: list[nn.Module] = []
    channels, H, W = spec.channels, spec.height, spec.width
    n_skips = 0
    for i, width in enumerate(shape.widths):
        step: list[nn.Module] = [nn.Conv2d(channels, width, shape.kernel, padding=shape.padding)]
        if shape.batch_norm:
            step.append(nn.BatchNorm2d(width))
        shrunk = [side + 2 * shape.padding - shape.kernel + 1 for side in (H, W)]
        if shape.residual and (channels, H, W) == (width, *shrunk):
            step = [Skip(nn.Sequential(*step))]
            n_skips += 1
        H, W = shrunk
        features += step
        features.append(activation(shape.activation))
        last = i == len(shape.widths) - 1
        if shape.pooling != "none" and (shape.pool_last or not last):
            features.append(pooling(shape.pooling))
            H, W = H // 2, W // 2
        if min(H, W) < 1:
            raise ModelError(
                f"{spec.name} has nothing left after convolution {i + 1} of pictures of "
                f"{spec.height} x {spec.width} px; give larger pictures (--size) or padding"
            )
        channels = width
    if shape.residual and not n_skips:
        raise ModelError(
            f"residual needs a convolution that keeps size and width, and {spec.name} has none: "
            f"set padding={shape.kernel // 2} and two equal widths, or take compact"
        )

    classifier: list[nn.Module] = [nn.Flatten()]
    inputs = channels * H * W
    for width in shape.hidden:
        classifier += [nn.Linear(inputs, width), activation(shape.activation)]
        inputs = width
    if shape.dropout_frac:
        classifier.append(nn.Dropout(shape.dropout_frac))
    classifier.append(nn.Linear(inputs, spec.n_logits))

    model = nn.Sequential()
    if features:
        model.add_module("features", nn.Sequential(*features))
    model.add_module("classifier", nn.Sequential(*classifier))
    return model
