"""Keras layers that change a value's shape: paddings, cuts, sizes, flattening, axes."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from layerscope.models.keras.flow import Flow, NotRebuilt, Workshop, apply, in_order
from layerscope.models.keras.layers.window_layers import Cut, require_map


def zero_padding(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """ZeroPadding2D."""
    require_map(layer, x)
    (top, bottom), (left, right) = layer.padding
    return shop.put(path, lambda: nn.ZeroPad2d((left, right, top, bottom)), x)


def cropping(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """Cropping2D."""
    require_map(layer, x)
    (top, bottom), (left, right) = layer.cropping
    return shop.put(path, lambda: Cut(top, bottom, left, right), x)


def centre_crop(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """CenterCrop, of pictures that are at least as large."""
    require_map(layer, x)
    H, W = x.value.shape[2:]
    top, left = (H - layer.height) // 2, (W - layer.width) // 2
    if top < 0 or left < 0:
        raise NotRebuilt
    bottom, right = H - layer.height - top, W - layer.width - left
    return shop.put(path, lambda: Cut(top, bottom, left, right), x, key=(H, W))


class Resize(nn.Module):
    """Maps resized, as Keras does it: without aligned corners."""

    def __init__(self, size: tuple[int, int], mode: str, *, antialias: bool = False) -> None:
        super().__init__()
        self.size, self.mode, self.antialias = size, mode, antialias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps of the size."""
        smooth = self.mode in ("bilinear", "bicubic")
        options: dict[str, Any] = {"align_corners": False} if smooth else {}
        if smooth and self.antialias:
            options["antialias"] = True
        return nn.functional.interpolate(x, size=self.size, mode=self.mode, **options)


def resizing(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """Resizing; one that keeps the picture's proportions by cutting the rest off, too."""
    require_map(layer, x)
    size = (layer.height, layer.width)
    mode = {"bilinear": "bilinear", "nearest": "nearest-exact", "bicubic": "bicubic"}.get(
        layer.interpolation
    )
    if mode is None or layer.pad_to_aspect_ratio:
        raise NotRebuilt
    H, W = x.value.shape[2:]
    if layer.crop_to_aspect_ratio:
        height = max(min(H, int(W * size[0] / size[1])), 1)
        width = max(min(W, int(H * size[1] / size[0])), 1)
        top, left = (H - height) // 2, (W - width) // 2
        x = shop.put(
            f"{path}_cut",
            lambda: Cut(top, H - height - top, left, W - width - left),
            x,
            key=(H, W),
        )
    return shop.put(path, lambda: Resize(size, mode, antialias=layer.antialias), x)


def upsampling(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """UpSampling2D."""
    require_map(layer, x)
    if layer.interpolation not in ("nearest", "bilinear", "bicubic"):
        raise NotRebuilt
    factor = tuple(float(side) for side in layer.size)
    smooth = layer.interpolation != "nearest"
    return shop.put(
        path,
        lambda: nn.Upsample(
            scale_factor=factor, mode=layer.interpolation, align_corners=False if smooth else None
        ),
        x,
    )


def flatten(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """Flatten: maps in torch's order, of which the next dense layer's weights take care."""
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise NotRebuilt
    order = x.order
    if x.is_map:
        C, H, W = x.value.shape[1:]
        order = torch.arange(H * W * C).view(H, W, C).permute(2, 0, 1).flatten()
        order = None if torch.equal(order, torch.arange(len(order))) else order
    elif x.value.ndim == 2:
        return x
    return shop.put(path, nn.Flatten, x, order=order)


class Shaped(nn.Module):
    """The same values in another shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, *shape)."""
        return x.reshape(-1, *self.shape)


def reshape(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """Reshape."""
    return reshaped(shop, path, tuple(layer.target_shape), x)


def reshaped(shop: Workshop, path: str, target: tuple[int, ...], x: Flow) -> Flow:
    """A value with Keras's axes in another shape, without the batch; -1 for what is left over."""
    total = math.prod(x.value.shape[1:])
    rest = total // max(1, math.prod(side for side in target if side is not None and side > 0))
    shape = tuple(rest if side is None or side < 0 else int(side) for side in target)
    if x.is_map and len(shape) == 1:
        return flatten(shop, path, None, x)
    x = in_order(shop, path, x)
    if len(shape) == 3 and shape[:2] == (1, 1) and x.value.ndim == 2:
        return shop.put(path, lambda: Shaped((shape[2], 1, 1)), x)
    return apply(shop, path, lambda v: v.reshape(-1, *shape), x, key=shape)


def permute(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """Permute."""
    dims = (0, *layer.dims)
    return apply(shop, path, lambda v: v.permute(dims), x)


def repeat_vector(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """RepeatVector."""
    n = int(layer.n)
    return apply(shop, path, lambda v: v[:, None].expand(-1, n, -1), x)


def pooled_tokens(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """GlobalAveragePooling1D and GlobalMaxPooling1D: tokens (T, U) become features (U,)."""
    if x.value.ndim != 3 or getattr(layer, "data_format", "channels_last") != "channels_last":
        raise NotRebuilt
    over = torch.mean if "Average" in type(layer).__name__ else torch.amax
    return apply(shop, path, lambda v: over(v, 1, keepdim=bool(layer.keepdims)), x)
