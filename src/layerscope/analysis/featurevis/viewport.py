"""The part of a large picture that is optimised for a unit with a small receptive field."""

from __future__ import annotations

import torch

from layerscope.analysis.featurevis.random_transforms import Box

SMALLEST_PX = 32


def viewport_around(box: Box, *, height: int, width: int) -> Box:
    """What to optimise so that a box can be seen through small transforms.

    Waves over a large picture cost far more than a first layer's units on their few pixels.

    Args:
        box: (top, left, height, width) of what is looked at, in pixels.
        height, width: of the picture.

    Returns:
        A box around it inside the picture: twice as large, at least `SMALLEST_PX`, at most all.
    """
    starts, sides = [], []
    for i, most in enumerate((height, width)):
        side = min(most, max(SMALLEST_PX, 2 * box[2 + i]))
        start = box[i] - (side - box[2 + i]) // 2
        starts.append(min(max(0, start), most - side))
        sides.append(side)
    return starts[0], starts[1], sides[0], sides[1]


def tiled(pixels: torch.Tensor, canvas: Box, *, height: int, width: int) -> torch.Tensor:
    """Fill a picture with a canvas, repeated around its place.

    Sums of waves go on over their edge as they begin, so that no seam shows.

    Args:
        pixels: (B, C, h, w), of the canvas.
        canvas: what `viewport_around` gave.
        height, width: H, W of the picture.

    Returns:
        (B, C, H, W), with the canvas's pixels where it lies.
    """
    top, left, h, w = canvas
    rows = (torch.arange(height, device=pixels.device) - top) % h
    columns = (torch.arange(width, device=pixels.device) - left) % w
    return pixels[:, :, rows[:, None], columns]
