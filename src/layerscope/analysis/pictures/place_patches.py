"""What a layer's units see at some places of natural pictures."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
import torch.nn.functional as F

from layerscope.data.imageset import ImageSet
from layerscope.graph.receptive_field import ReceptiveField

# Larger fields are seen reduced: templates of lines and corners need no more.
LARGEST_PX = 16
Box = tuple[int, int, int, int]


def place_boxes(
    field: ReceptiveField | None,
    shape: Sequence[int],
    spots: torch.Tensor,
    *,
    height: int,
    width: int,
) -> torch.Tensor:
    """Where in their pictures the units at some places look.

    Args:
        field: the layer's receptive field; None where its units see everything, or nobody knows.
        shape: of its output for one picture: maps (U, H, W), tokens (T, U) or units (U,).
        spots: float (N, P) in [0, 1), as `gather_features` draws them.
        height, width: of the pictures.

    Returns:
        int64 (N, P', 4): top, left, height, width, unclipped; P' is 1 and the box the middle square
        of the picture where units see all of it.
    """
    side = min(height, width)
    whole = torch.tensor([(height - side) // 2, (width - side) // 2, side, side])
    places = {3: prod(shape[1:]), 2: shape[0], 1: 1}[len(shape)]
    if field is None or len(shape) != 3 or min(field.size_px) >= side:
        return whole.expand(len(spots), spots.shape[1] if places > 1 else 1, 4)
    at = (spots * places).long().clamp(max=places - 1)
    y, x = at // shape[2], at % shape[2]
    top = field.start_px[0] + y * field.stride_px[0]
    left = field.start_px[1] + x * field.stride_px[1]
    h, w = (torch.full_like(top, size) for size in field.size_px)
    return torch.stack([top, left, h, w], dim=2)


def patches_at(
    imageset: ImageSet,
    rows: torch.Tensor,
    boxes: torch.Tensor,
    ground: float,
    *,
    largest_px: int = LARGEST_PX,
) -> torch.Tensor:
    """The parts of pictures inside some boxes.

    Args:
        imageset: the pictures.
        rows: int64 (N,), which of them.
        boxes: int64 (N, P, 4), all of one height and width; what lies outside is the ground.
        ground: 0 to 1.
        largest_px: side above which patches are made smaller.

    Returns:
        float (N * P, C, s, s) in [0, 1], s at most `largest_px`.
    """
    h, w = boxes[0, 0, 2:].tolist()
    s = min(largest_px, h, w)
    parts = []
    for batch, batch_boxes in zip(rows.split(256), boxes.split(256), strict=True):
        pixels = imageset.take(batch).float() / 255
        padded = F.pad(pixels, (w, w, h, h), value=ground)
        B, P = batch_boxes.shape[:2]
        H, W = pixels.shape[2:]
        # A box that lies outside altogether sees ground, wherever it is.
        top = batch_boxes[..., 0].clamp(-h, H) + h
        left = batch_boxes[..., 1].clamp(-w, W) + w
        down = top[..., None] + torch.arange(h)  # (B, P, h)
        over = left[..., None] + torch.arange(w)
        picture = torch.arange(B)[:, None, None, None]
        cut = padded.permute(0, 2, 3, 1)[picture, down[..., :, None], over[..., None, :]]
        cut = cut.reshape(B * P, h, w, -1).permute(0, 3, 1, 2)
        parts.append(F.adaptive_avg_pool2d(cut, s))
    return torch.cat(parts)
