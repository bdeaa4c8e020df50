"""Small random transforms, so that an optimised image does not depend on single pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

Box = tuple[int, int, int, int]  # top, left, height, width in pixels


@dataclass(frozen=True)
class Jitter:
    """The limits of random transforms.

    Args:
        shift_frac: largest shift, a share of what is looked at.
        scale: smallest and largest magnification.
        angle_deg: largest turn to either side.
    """

    shift_frac: float = 1 / 16
    scale: tuple[float, float] = (0.9, 1.1)
    angle_deg: float = 5.0


@dataclass(frozen=True)
class Transform:
    """The picture is turned and magnified about the middle, then shifted.

    Args:
        angle_deg: anticlockwise as seen.
        scale: larger than 1 makes things larger.
        shift_px: (down, right).
    """

    angle_deg: float
    scale: float
    shift_px: tuple[float, float]


def draw_transform(jitter: Jitter, box: Box, generator: torch.Generator) -> Transform:
    """Draw a transform for what lies in a box.

    Args:
        jitter: the limits.
        box: (top, left, height, width) in pixels.
        generator: on the CPU.
    """
    turn, size, down, right = torch.rand(4, generator=generator).tolist()
    low, high = jitter.scale
    reach = [2 * jitter.shift_frac * side for side in box[2:]]
    return Transform(
        angle_deg=(2 * turn - 1) * jitter.angle_deg,
        scale=low + (high - low) * size,
        shift_px=((down - 0.5) * reach[0], (right - 0.5) * reach[1]),
    )


def transformed(images: torch.Tensor, box: Box, transform: Transform | None = None) -> torch.Tensor:
    """Transform pictures and crop a box out of them.

    Args:
        images: float (B, C, H, W).
        box: (top, left, height, width) in pixels, inside the pictures.
        transform: the same for all of them; None only crops.

    Returns:
        float (B, C, h, w). What comes in over the border is the picture mirrored.
    """
    top, left, h, w = box
    if transform is None:
        return images[:, :, top : top + h, left : left + w]
    H, W = images.shape[2:]
    angle = math.radians(transform.angle_deg)
    # Looked up backwards: for each pixel of the box, where in the unmoved picture it comes from.
    down = torch.arange(h, device=images.device) - (h - 1) / 2 - transform.shift_px[0]
    right = torch.arange(w, device=images.device) - (w - 1) / 2 - transform.shift_px[1]
    y = (math.cos(angle) * down[:, None] + math.sin(angle) * right) / transform.scale
    x = (math.cos(angle) * right - math.sin(angle) * down[:, None]) / transform.scale
    # grid_sample counts from -1 at the first pixel's outer edge to 1 at the last one's.
    y = (y + top + h / 2) * 2 / H - 1
    x = (x + left + w / 2) * 2 / W - 1
    grid = torch.stack([x, y], -1).to(images.dtype).expand(len(images), h, w, 2)
    return F.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
