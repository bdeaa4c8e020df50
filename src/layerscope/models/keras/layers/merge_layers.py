"""Keras layers that read several values at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from layerscope.models.keras.flow import Flow, NotRebuilt, Workshop, apply, in_order
from layerscope.models.keras.layers.shape_layers import Shaped

Two = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def largest(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The larger of two values."""
    return torch.maximum(a, b)


def smallest(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The smaller of two values."""
    return torch.minimum(a, b)


TWO_BY_TWO: dict[str, Two] = {
    "Add": torch.add,
    "Subtract": torch.sub,
    "Multiply": torch.mul,
    "Maximum": largest,
    "Minimum": smallest,
    "Average": torch.add,
}


class Merge(nn.Module):
    """Values of one shape made into one, from left to right."""

    def __init__(self, function: Two, share: float = 1.0) -> None:
        super().__init__()
        self.function, self.share = function, share

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        """A value of the same shape."""
        result = values[0]
        for value in values[1:]:
            result = self.function(result, value)
        return result if self.share == 1 else result * self.share


class Concatenation(nn.Module):
    """Values beside each other."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        """One value, longer along that axis."""
        return torch.cat(values, dim=self.dim)


def merge(shop: Workshop, path: str, layer: Any, values: Sequence[Flow]) -> Flow:
    """Add, Subtract, Multiply, Average, Maximum, Minimum."""
    kind = type(layer).__name__
    share = 1 / len(values) if kind == "Average" else 1.0
    values, order = alike(shop, path, values)
    return shop.put(path, lambda: Merge(TWO_BY_TWO[kind], share), *values, order=order)


def alike(
    shop: Workshop, path: str, values: Sequence[Flow]
) -> tuple[list[Flow], torch.Tensor | None]:
    """Values that can be merged: features (U,) beside maps become maps of one place."""
    if any(value.is_map for value in values):
        if any(value.value.ndim not in (2, 4) for value in values):
            raise NotRebuilt
        return [as_map(shop, path, value) for value in values], None
    if len({value.value.ndim for value in values}) > 1:
        raise NotRebuilt
    first = values[0].order
    if first is not None and all(
        value.order is not None and torch.equal(value.order, first) for value in values
    ):
        return list(values), first
    return [in_order(shop, f"{path}_{i}", value) for i, value in enumerate(values)], None


def as_map(shop: Workshop, path: str, value: Flow) -> Flow:
    """Features (U,) as a map of one place."""
    if value.is_map:
        return value
    value = in_order(shop, path, value)
    shape = (value.value.shape[1], 1, 1)
    return shop.put(f"{path}_spread", lambda: Shaped(shape), value)


def concatenate(shop: Workshop, path: str, layer: Any, values: Sequence[Flow]) -> Flow:
    """Concatenate along any axis."""
    return beside(shop, path, layer.axis, values)


def beside(shop: Workshop, path: str, axis: int, values: Sequence[Flow]) -> Flow:
    """Values beside each other along one of Keras's axes."""
    dims = values[0].value.ndim
    axis %= dims
    if axis == 0 or any(value.value.ndim != dims for value in values):
        raise NotRebuilt
    order = None
    if any(value.order is not None for value in values):
        shares, begin = [], 0
        for value in values:
            width = value.value.shape[1]
            own = torch.arange(width) if value.order is None else value.order
            shares.append(own + begin)
            begin += width
        order = torch.cat(shares)
    dim = {1: 2, 2: 3, 3: 1}[axis] if dims == 4 else axis
    return shop.put(path, lambda: Concatenation(dim), *values, order=order)


def dot(shop: Workshop, path: str, layer: Any, values: Sequence[Flow]) -> Flow:
    """Dot of two rows of features."""
    if any(value.value.ndim != 2 for value in values) or layer.normalize:
        raise NotRebuilt
    return apply(shop, path, lambda a, b: (a * b).sum(1, keepdim=True), *values)
