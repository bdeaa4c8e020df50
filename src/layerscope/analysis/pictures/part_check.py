"""Whether a part of the pictures lies where a unit is driven most."""

from __future__ import annotations

import torch

from layerscope.analysis.pictures.stimulus_ranks import auroc_of, ranks
from layerscope.data.imageset import ImageSet


def part_cover(imageset: ImageSet, rows: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """How much of each box each part covers.

    Args:
        imageset: pictures with part masks.
        rows: int64 (N,), which of them.
        boxes: int64 (N, P', 4) in pixels, unclipped.

    Returns:
        float64 (N * P', parts), shares of the box's area.
    """
    found = []
    for batch, around in zip(rows.split(256), boxes.split(256), strict=True):
        masks = imageset.masks(batch).double()  # (B, parts, H, W)
        H, W = masks.shape[2:]
        # Sums over rectangles from sums over all that lie above and to the left.
        sums = torch.nn.functional.pad(masks.cumsum(2).cumsum(3), (1, 0, 1, 0))
        top, left, h, w = around.unbind(2)
        b, r = (top + h).clamp(0, H), (left + w).clamp(0, W)
        t, le = top.clamp(0, H), left.clamp(0, W)
        i = torch.arange(len(masks))[:, None]
        area = sums[i, :, b, r] - sums[i, :, t, r] - sums[i, :, b, le] + sums[i, :, t, le]
        found.append((area / (h * w).clamp(min=1)[:, :, None]).flatten(0, 1))
    return torch.cat(found)


def part_auroc(top: torch.Tensor, cover: torch.Tensor) -> torch.Tensor:
    """How well each part tells each unit's strongest places from the others: float64 (U, parts).

    Args:
        top: bool (n, U), each unit's strongest places.
        cover: float64 (n, parts), what `part_cover` gave.
    """
    return auroc_of(top, ranks(cover))
