"""Keras's activation functions as torch's modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from layerscope.models.keras.flow import Flow, NotRebuilt, Workshop, apply, as_itself
from layerscope.models.keras.keras_library import keras

# Functions of one value, by Keras's names; `gelu` is the exact one, as Keras's default is.
FUNCTIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),  # the function's own default; the layer's is 0.3
    "elu": nn.ELU,
    "selu": nn.SELU,
    "celu": nn.CELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "mish": nn.Mish,
    "sigmoid": nn.Sigmoid,
    "log_sigmoid": nn.LogSigmoid,
    "hard_sigmoid": nn.Hardsigmoid,
    "hard_silu": nn.Hardswish,
    "hard_swish": nn.Hardswish,
    "hard_tanh": nn.Hardtanh,
    "hard_shrink": nn.Hardshrink,
    "soft_shrink": nn.Softshrink,
    "tanh": nn.Tanh,
    "tanh_shrink": nn.Tanhshrink,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
}


def activated(shop: Workshop, path: str, function: Any, x: Flow) -> Flow:
    """What a layer's own activation makes of its output."""
    name = name_of(function)
    return x if name == "linear" else by_name(shop, f"{path}_{name}", name, x)


def name_of(function: Any) -> str:
    """What Keras calls an activation function; "linear" for none.

    Raises:
        NotRebuilt: it is its author's own.
    """
    if function is None:
        return "linear"
    if not getattr(function, "__module__", "").startswith("keras."):
        raise NotRebuilt
    return getattr(function, "__name__", type(function).__name__)


def by_name(shop: Workshop, path: str, name: str, x: Flow) -> Flow:
    """A function by Keras's name behind a value."""
    if name == "linear":
        return x
    if name in ("softmax", "log_softmax"):
        return along_last(shop, path, x, nn.Softmax if name == "softmax" else nn.LogSoftmax)
    if name == "exponential":
        return apply(shop, path, torch.exp, x)
    if name not in FUNCTIONS:
        return as_itself(shop, path, keras().activations.get(name), (x,), {})
    return shop.put(path, FUNCTIONS[name], x, order=x.order)


def along_last(shop: Workshop, path: str, x: Flow, kind: Callable[[int], nn.Module]) -> Flow:
    """A softmax over Keras's last axis: the channels of a map."""
    dim = 1 if x.is_map else -1
    return shop.put(path, lambda: kind(dim), x, order=x.order)


def activation(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """Activation("…")."""
    return by_name(shop, path, name_of(layer.activation), x)


def relu(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """ReLU with a slope below, a threshold and a largest value."""
    slope, top, threshold = layer.negative_slope, layer.max_value, layer.threshold
    if threshold or (slope and top is not None):
        return apply(shop, path, lambda v: bent(v, float(slope or 0), top, float(threshold)), x)
    if slope:
        return shop.put(path, lambda: nn.LeakyReLU(float(slope)), x, order=x.order)
    if top is None:
        return shop.put(path, nn.ReLU, x, order=x.order)
    if float(top) == 6.0:
        return shop.put(path, nn.ReLU6, x, order=x.order)
    return shop.put(path, lambda: nn.Hardtanh(0.0, float(top)), x, order=x.order)


def bent(v: torch.Tensor, slope: float, top: float | None, threshold: float) -> torch.Tensor:
    """Keras's ReLU in full: v above the threshold, slope (v - threshold) below, capped."""
    y = torch.where(v >= threshold, v, slope * (v - threshold))
    return y if top is None else y.clamp(max=float(top))


def leaky_relu(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """LeakyReLU, with the layer's own slope."""
    return shop.put(path, lambda: nn.LeakyReLU(float(layer.negative_slope)), x, order=x.order)


def elu(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """ELU."""
    return shop.put(path, lambda: nn.ELU(float(layer.alpha)), x, order=x.order)


def softmax(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """Softmax over the last axis, or over another."""
    axis = layer.axis
    if isinstance(axis, int) and axis in (-1, x.value.ndim - 1):
        return along_last(shop, path, x, nn.Softmax)
    if not isinstance(axis, int):
        raise NotRebuilt
    return apply(shop, path, lambda v: v.softmax(axis), x)


class SlopeEach(nn.Module):
    """A ReLU whose slope below zero is learned for each value."""

    def __init__(self, slope: torch.Tensor) -> None:
        super().__init__()
        self.slope = nn.Parameter(slope)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x above zero, slope x below."""
        return torch.where(x > 0, x, self.slope * x)


def prelu(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """PReLU: a slope for each channel, or for each value."""
    slope = layer.alpha.value.detach().float().cpu().clone()
    if x.is_map and slope.shape[:2] == (1, 1):
        return shop.put(path, lambda: with_slopes(slope.flatten()), x)
    if x.is_map:
        return shop.put(path, lambda: SlopeEach(slope.permute(2, 0, 1)[None]), x)
    if x.order is not None:
        slope = slope[x.order]
    return shop.put(path, lambda: SlopeEach(slope[None]), x, order=x.order)


def with_slopes(slopes: torch.Tensor) -> nn.Module:
    """torch's PReLU with these slopes."""
    module = nn.PReLU(len(slopes))
    with torch.no_grad():
        module.weight.copy_(slopes)
    return module
