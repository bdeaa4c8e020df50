"""Operations that slide a window over the places: convolutions, poolings, interpolations."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from layerscope.graph.receptive_field import WHOLE
from layerscope.graph.tracing.places.place_labels import (
    axes_of,
    field_of,
    folding_of,
    make_labels,
    numbered,
    without,
)
from layerscope.graph.tracing.places.reach import Reach, Seen, enlarged, slid
from layerscope.graph.window import Window

SLIDING = frozenset(
    {"conv2d", "conv1d", "conv3d", "conv_transpose2d", "conv_transpose1d", "conv_transpose3d",
     "max_pool2d", "max_pool1d", "max_pool3d", "avg_pool2d", "avg_pool1d", "avg_pool3d",
     "adaptive_avg_pool2d", "adaptive_max_pool2d", "adaptive_avg_pool1d", "adaptive_max_pool1d",
     "adaptive_avg_pool3d", "adaptive_max_pool3d", "interpolate", "upsample", "lp_pool2d", "fold",
     "grid_sample", "max_pool2d_with_indices"}
)  # fmt: skip
SLIDING_MODULES = (
    nn.modules.conv._ConvNd, nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd, nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.modules.pooling._LPPoolNd, nn.Upsample, nn.Fold, nn.FractionalMaxPool2d,
)  # fmt: skip


def slide(
    seen: Seen, out: torch.Tensor, window: Window | None, enlarging: str | None = None
) -> Seen:
    """A convolution or pooling: units on axis 1, places behind it.

    Args:
        seen: what is known of its input.
        out: what it gave.
        window: its own; None where it slides by no fixed rule.
        enlarging: the mode of an interpolation; None for all others.
    """
    reach: Reach = WHOLE if seen.reach == WHOLE else None
    row, column = (None, None) if out.ndim != 4 else (2, 3)
    if out.ndim == 4 and seen.labels.ndim == 4:
        sides = [
            (int(a), int(b)) for a, b in zip(seen.labels.shape[2:], out.shape[2:], strict=True)
        ]
        if enlarging is not None:
            window = None
        reach, (row, column) = slid(seen, window)
        if enlarging is not None:
            reach = enlarged(seen, sides, enlarging) if (row, column) == (2, 3) else None
        elif reach is None and out.shape[2:].numel() == 1 and window is None:
            reach = WHOLE
    if out.ndim == 3:
        column = 2
    if (aside := pictures_on_channels(seen.labels, out, window)) is not None:
        places = make_labels(tuple(out.shape), row=row, column=column)
        return Seen(places + aside, reach)
    labels = make_labels(tuple(out.shape), unit=1 if out.ndim > 2 else None, row=row, column=column)
    kept = without(seen.labels, "unit", "row", "column")
    pictures = kept[(slice(None), *[n // 2 for n in kept.shape[1:]])]
    if len(pictures) == len(out):
        labels = labels + pictures.view(-1, *[1] * (out.ndim - 1))
    return Seen(labels, reach)


def pictures_on_channels(
    labels: torch.Tensor, out: torch.Tensor, window: Window | None
) -> torch.Tensor | None:
    """Pictures and units of a convolution whose groups are the pictures; None for all others.

    So kernels that each picture has of its own are run for a whole batch (CondConv, Yang et al.
    2019): pictures lie one behind another on the channels' axis.
    """
    if window is None or labels.ndim != 4 or axes_of(labels, "picture") != (1,):
        return None
    n = int(field_of(labels, "picture").max())
    if window.groups % n or folding_of(labels, 1, n) != "outer":
        return None
    each = out.shape[1] // n
    pictures = numbered((n, 1), 0, "picture") + numbered((1, each), 1, "unit")
    return pictures.view(1, -1, 1, 1)


def spills(module: nn.Module | None) -> bool:
    """Whether a convolution's padding brings in pixels from beyond its window."""
    if not isinstance(module, nn.modules.conv._ConvNd) or module.padding_mode == "zeros":
        return False
    if module.padding_mode == "circular" or isinstance(module.padding, str):
        return any(side > 1 for side in module.kernel_size)
    # Mirrored pixels lie within the window where it reaches as far inwards as outwards.
    return any(
        d * (k - 1) < 2 * p
        for k, p, d in zip(module.kernel_size, module.padding, module.dilation, strict=True)
    )


def interpolation_of(word: str, module: nn.Module | None, kwargs: dict[str, Any]) -> str | None:
    """The mode of an operation that changes the size of maps; None for all others."""
    if isinstance(module, nn.Upsample):
        return module.mode
    return kwargs.get("mode", "nearest") if word in ("interpolate", "upsample") else None
