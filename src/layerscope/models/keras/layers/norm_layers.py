"""Keras layers that normalise or rescale values."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from layerscope.models.keras.flow import Flow, NotRebuilt, Workshop, apply
from layerscope.models.keras.layers.window_layers import filled, values_of


class Rescale(nn.Module):
    """Values times a scale, plus an offset, both numbers or one for each channel (C, 1, 1)."""

    scale: torch.Tensor
    offset: torch.Tensor

    def __init__(self, scale: torch.Tensor, offset: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("offset", offset)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Values of the same shape."""
        return x * self.scale + self.offset


def laid_out(value: torch.Tensor, x: Flow) -> torch.Tensor:
    """Numbers that Keras broadcasts against a value, with the axes that the value has here."""
    if value.ndim > x.value.ndim:
        raise NotRebuilt
    if x.order is not None and value.ndim and value.shape[-1] == len(x.order):
        value = value[..., x.order]
    if not x.is_map or value.ndim == 0:
        return value
    value = value.reshape((1,) * (4 - value.ndim) + tuple(value.shape))
    return value.permute(0, 3, 1, 2)


def rescaling(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """Rescaling."""
    scale, offset = (
        laid_out(torch.as_tensor(value, dtype=torch.float32), x)
        for value in (layer.scale, layer.offset)
    )
    return shop.put(path, lambda: Rescale(scale, offset), x, order=x.order)


def normalization(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """Normalization: less the mean, over the standard deviation, of the data it was adapted to."""
    if layer.mean is None:
        raise NotRebuilt
    mean, variance = values_of(layer.mean), values_of(layer.variance)
    deviation = variance.sqrt().clamp(min=1e-7)  # Keras's epsilon
    scale, offset = (deviation, mean) if layer.invert else (1 / deviation, -mean / deviation)
    scale, offset = laid_out(scale, x), laid_out(offset, x)
    return shop.put(path, lambda: Rescale(scale, offset), x, order=x.order)


def batch_norm(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """BatchNormalization over the channels, with its running statistics."""
    dims = x.value.ndim
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    if axis % dims != dims - 1 or dims not in (2, 4):
        raise NotRebuilt
    values = {
        "running_mean": layer.moving_mean,
        "running_var": layer.moving_variance,
        "weight": layer.gamma if layer.scale else None,
        "bias": layer.beta if layer.center else None,
    }
    order = x.order if x.order is not None else slice(None)

    def make() -> nn.Module:
        width = int(layer.moving_mean.shape[0])
        norm = (nn.BatchNorm2d if x.is_map else nn.BatchNorm1d)(width, eps=layer.epsilon)
        state = norm.state_dict()
        for name, value in values.items():
            if value is not None:
                state[name] = values_of(value)[order]
        norm.load_state_dict(state)
        return norm

    return shop.put(path, make, x, order=x.order)


class ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of each place of a map (B, C, H, W)."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """A map of the same shape."""
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def layer_norm(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """LayerNormalization over the last axis, or over the last few."""
    dims = x.value.ndim
    given = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    axes = sorted(axis % dims for axis in given)
    if axes != list(range(axes[0], dims)) or axes[0] == 0 or layer.rms_scaling:
        raise NotRebuilt
    gamma = values_of(layer.gamma) if layer.scale else None
    beta = values_of(layer.beta) if layer.center else None
    shape = list(x.as_keras().shape[axes[0] :])
    if x.is_map and len(axes) > 1:
        return apply(
            shop, path, lambda v: nn.functional.layer_norm(v, shape, gamma, beta, layer.epsilon), x
        )
    order = x.order if x.order is not None else slice(None)

    def make() -> nn.Module:
        kind = ChannelNorm if x.is_map else nn.LayerNorm
        norm = kind(shape, eps=layer.epsilon)
        with torch.no_grad():
            for own, value in ((norm.weight, gamma), (norm.bias, beta)):
                if value is not None:
                    own.copy_(value[order])
        return norm

    return shop.put(path, make, x, order=x.order)


class OverRms(nn.Module):
    """The values of each place over their root mean square, times a learned scale."""

    def __init__(self, scale: torch.Tensor, dim: int, eps: float) -> None:
        super().__init__()
        self.scale, self.dim, self.eps = nn.Parameter(scale), dim, eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Values of the same shape."""
        size = x.square().mean(self.dim, keepdim=True) + self.eps
        return x * size.rsqrt() * self.scale


def rms_norm(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """RMSNormalization over the last axis."""
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    if axis not in (-1, x.value.ndim - 1):
        raise NotRebuilt
    return over_rms(shop, path, layer.scale, layer.epsilon, x)


def over_rms(shop: Workshop, path: str, gamma: Any, eps: float, x: Flow) -> Flow:
    """Values over their root mean square along Keras's last axis."""
    gamma = torch.ones(x.as_keras().shape[-1]) if gamma is None else values_of(gamma)
    scale = laid_out(gamma, x)
    dim = 1 if x.is_map else -1
    return shop.put(path, lambda: OverRms(scale, dim, eps), x, order=x.order)


def group_norm(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """GroupNormalization of a map's channels."""
    if not x.is_map or layer.axis not in (-1, 3):
        raise NotRebuilt
    C = x.value.shape[1]
    groups = C if layer.groups == -1 else layer.groups
    gamma = values_of(layer.gamma) if layer.scale else torch.ones(C)
    beta = values_of(layer.beta) if layer.center else torch.zeros(C)
    return shop.put(path, lambda: filled(nn.GroupNorm(groups, C, layer.epsilon), gamma, beta), x)


def unit_norm(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """UnitNormalization: values over their length along an axis."""
    axis = layer.axis if isinstance(layer.axis, int) else tuple(layer.axis)

    def scaled(v: torch.Tensor) -> torch.Tensor:
        return v / v.square().sum(axis, keepdim=True).sqrt().clamp(min=1e-12)

    return apply(shop, path, scaled, x)
