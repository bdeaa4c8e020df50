"""Keras layers that slide a window: convolutions of every kind, poolings."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from layerscope.models.keras.flow import Flow, NotRebuilt, Workshop
from layerscope.models.keras.layers.activation_layers import activated

Pads = tuple[tuple[int, int], tuple[int, int]]  # (top, bottom), (left, right)


def require_map(layer: Any, x: Flow) -> None:
    """Go on only with maps whose channels come last in Keras."""
    if not x.is_map or getattr(layer, "data_format", "channels_last") != "channels_last":
        raise NotRebuilt


def values_of(variable: Any) -> torch.Tensor:
    """A Keras variable's values, a copy of their own."""
    value = getattr(variable, "value", variable)
    return value.detach().float().cpu().clone()


def same_pads(x: Flow, kernel: Any, stride: Any, dilation: Any = (1, 1)) -> Pads:
    """Rows and columns around a map for Keras's "same": one more behind where they are odd."""
    around = []
    for side, k, s, d in zip(x.value.shape[2:], kernel, stride, dilation, strict=True):
        total = max((-(-side // s) - 1) * s + d * (k - 1) + 1 - side, 0)
        around.append((total // 2, total - total // 2))
    return around[0], around[1]


def is_even(pads: Pads) -> bool:
    """Whether both sides get the same."""
    return all(before == after for before, after in pads)


def filled(module: nn.Module, weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    """A module with these weights."""
    with torch.no_grad():
        module.weight.copy_(weight)  # type: ignore[operator]
        if bias is not None:
            module.bias.copy_(bias)  # type: ignore[operator]
    return module


def slid(
    shop: Workshop,
    path: str,
    x: Flow,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    layer: Any,
    *,
    groups: int,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Flow:
    """A convolution with weights (U, C/groups, kh, kw), its zeros put around the map before it."""
    kernel = (weight.shape[2], weight.shape[3])
    pads: Pads = ((0, 0), (0, 0))
    if layer.padding == "same":
        pads = same_pads(x, kernel, stride, dilation)
    elif layer.padding != "valid":
        raise NotRebuilt
    if not is_even(pads):
        (top, bottom), (left, right) = pads
        x = shop.put(
            f"{path}_pad", lambda: nn.ZeroPad2d((left, right, top, bottom)), x, key=(pads,)
        )
        pads = ((0, 0), (0, 0))
    padding = (pads[0][0], pads[1][0])
    channels = x.value.shape[1]

    def make() -> nn.Module:
        conv = nn.Conv2d(
            channels, len(weight), kernel, (stride[0], stride[1]), padding,
            (dilation[0], dilation[1]), groups, bias=bias is not None,
        )  # fmt: skip
        return filled(conv, weight, bias)

    return shop.put(path, make, x, key=(padding,))


def bias_of(layer: Any) -> torch.Tensor | None:
    """A layer's bias; None where it has none."""
    return values_of(layer.bias) if layer.use_bias else None


def convolution(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """Conv2D: weights (kh, kw, C/groups, U) become (U, C/groups, kh, kw)."""
    require_map(layer, x)
    weight = values_of(layer.kernel).permute(3, 2, 0, 1)
    y = slid(
        shop, path, x, weight, bias_of(layer), layer,
        groups=layer.groups, stride=layer.strides, dilation=layer.dilation_rate,
    )  # fmt: skip
    return activated(shop, path, layer.activation, y)


def by_channel(kernel: torch.Tensor) -> torch.Tensor:
    """Depthwise weights (kh, kw, C, M), M maps of each channel, as (C M, 1, kh, kw)."""
    kh, kw, channels, multiplier = kernel.shape
    return kernel.permute(2, 3, 0, 1).reshape(channels * multiplier, 1, kh, kw)


def depthwise(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """DepthwiseConv2D: every channel by itself."""
    require_map(layer, x)
    y = slid(
        shop, path, x, by_channel(values_of(layer.kernel)), bias_of(layer), layer,
        groups=x.value.shape[1], stride=layer.strides, dilation=layer.dilation_rate,
    )  # fmt: skip
    return activated(shop, path, layer.activation, y)


def separable(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """SeparableConv2D: every channel by itself, then all at one place."""
    require_map(layer, x)
    y = slid(
        shop, f"{path}_depthwise", x, by_channel(values_of(layer.depthwise_kernel)), None, layer,
        groups=x.value.shape[1], stride=layer.strides, dilation=layer.dilation_rate,
    )  # fmt: skip
    weight = values_of(layer.pointwise_kernel).permute(3, 2, 0, 1)
    y = slid(shop, path, y, weight, bias_of(layer), layer, groups=1, stride=(1, 1), dilation=(1, 1))
    return activated(shop, path, layer.activation, y)


class Cut(nn.Module):
    """Rows and columns cut off the sides of a map; a negative number puts zeros there."""

    def __init__(self, top: int, bottom: int, left: int, right: int) -> None:
        super().__init__()
        self.sides = (-left, -right, -top, -bottom)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A smaller map."""
        return nn.functional.pad(x, self.sides)


class Bias(nn.Module):
    """A learned number added to each channel."""

    def __init__(self, bias: torch.Tensor) -> None:
        super().__init__()
        self.bias = nn.Parameter(bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A map of the same shape."""
        return x + self.bias


def transposed(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """Conv2DTranspose: each value painted with the kernel, then cut to Keras's size.

    Keras's sizes: "same" gives side x stride, "valid" (side - 1) x stride + max(kernel, stride).
    """
    require_map(layer, x)
    if getattr(layer, "output_padding", None) is not None or getattr(layer, "groups", 1) != 1:
        raise NotRebuilt
    weight = values_of(layer.kernel).permute(3, 2, 0, 1)  # (C, U, kh, kw)
    bias = bias_of(layer)
    cuts: list[int] = []
    for k, s, d in zip(weight.shape[2:], layer.strides, layer.dilation_rate, strict=True):
        reach = d * (k - 1) + 1
        if layer.padding == "same":
            behind = s + reach - 2
            left = min(behind // 2 + behind % 2, reach - 1)
        else:
            left, behind = reach - 1, 2 * (reach - 1) + max(reach, s) - reach
        cuts += [reach - 1 - left, reach - 1 - (behind - left)]
    plain = all(cut == 0 for cut in cuts)
    even = cuts[0] == cuts[1] >= 0 and cuts[2] == cuts[3] >= 0
    padding = (cuts[0], cuts[2]) if even else (0, 0)
    # Zeros beyond the painted area get the bias as well, which then has to come after them.
    late = bias if min(cuts) < 0 else None
    early = bias if late is None else None

    def make() -> nn.Module:
        conv = nn.ConvTranspose2d(
            weight.shape[0], weight.shape[1], (weight.shape[2], weight.shape[3]),
            tuple(layer.strides), padding, dilation=tuple(layer.dilation_rate),
            bias=early is not None,
        )  # fmt: skip
        return filled(conv, weight, early)

    y = shop.put(path, make, x)
    if not (plain or even):
        y = shop.put(f"{path}_cut", lambda: Cut(*cuts), y)
    if late is not None:
        y = shop.put(f"{path}_bias", lambda: Bias(late[:, None, None]), y)
    return activated(shop, path, layer.activation, y)


def pooling(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """MaxPooling2D and AveragePooling2D; what lies outside of the map counts for nothing.

    Keras on torch repeats the rim for a mean whose sides get unequal parts, which TensorFlow does
    not; what Keras gives here is followed.
    """
    require_map(layer, x)
    window, stride = tuple(layer.pool_size), tuple(layer.strides)
    largest = type(layer).__name__ == "MaxPooling2D"
    pads: Pads = ((0, 0), (0, 0))
    if layer.padding == "same":
        pads = same_pads(x, window, stride)
    if not is_even(pads):
        (top, bottom), (left, right) = pads
        x = shop.put(
            f"{path}_pad", lambda: nn.ReplicationPad2d((left, right, top, bottom)), x, key=(pads,)
        )
        pads = ((0, 0), (0, 0))
    padding = (pads[0][0], pads[1][0])
    if largest:
        return shop.put(path, lambda: nn.MaxPool2d(window, stride, padding), x, key=(padding,))
    return shop.put(
        path,
        lambda: nn.AvgPool2d(window, stride, padding, count_include_pad=False),
        x,
        key=(padding,),
    )


def pooled_whole(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """GlobalAveragePooling2D and GlobalMaxPooling2D."""
    require_map(layer, x)
    average = "Average" in type(layer).__name__
    y = shop.put(path, lambda: nn.AdaptiveAvgPool2d(1) if average else nn.AdaptiveMaxPool2d(1), x)
    return y if layer.keepdims else shop.put(f"{path}_flat", nn.Flatten, y)


def pooled_to_size(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """AdaptiveAveragePooling2D and AdaptiveMaxPooling2D."""
    require_map(layer, x)
    kind = nn.AdaptiveAvgPool2d if "Average" in type(layer).__name__ else nn.AdaptiveMaxPool2d
    return shop.put(path, lambda: kind(tuple(layer.output_size)), x)
