"""The small parts that every network here is built from."""

from __future__ import annotations

from torch import nn

from layerscope.errors import ModelError


def activation(name: str) -> nn.Module:
    """Make an activation function: "relu", "gelu", "tanh" or "sigmoid"."""
    made = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
    if name not in made:
        raise ModelError(f"activation is {name!r}; choose {', '.join(made)}")
    return made[name]()


def pooling(name: str) -> nn.Module:
    """Make a pooling that halves each side: "max" or "avg"."""
    made = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}
    if name not in made:
        raise ModelError(f"pooling is {name!r}; choose {', '.join(made)}")
    return made[name](2)
