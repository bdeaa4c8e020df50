"""Changes to a whole batch of images at once, drawn from a generator."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Share:
    """Which images of a batch this process has: every `world_size`-th of `n`, from `rank` on.

    Every process draws the changes of the whole batch and takes its own, so that an image is
    changed alike however many processes there are.
    """

    n: int
    rank: int = 0
    world_size: int = 1

    def rand(self, rows: int, generator: torch.Generator) -> torch.Tensor:
        """Even numbers from 0 to 1: float (rows, B), B being this process's images."""
        return torch.rand(rows, self.n, generator=generator)[:, self.rank :: self.world_size]


def augment(
    images: torch.Tensor, kind: str, generator: torch.Generator, *, share: Share | None = None
) -> torch.Tensor:
    """Change each image of a batch a little, in a way that keeps its class.

    Args:
        images: float (B, C, H, W).
        kind: as `Recipe.augment`.
        generator: on the CPU, so that every device draws the same changes.
        share: which of a batch they are; None means the whole batch.

    Returns:
        float (B, C, H, W).
    """
    share = share or Share(len(images))
    if "flip" in kind:
        images = flip(images, generator, share=share)
    if "shift" in kind:
        reach_px = max(1, round(min(images.shape[2:]) / 24))
        images = shift(images, reach_px, generator, share=share)
    if "strong" in kind:
        images = turn(images, generator, share=share)
        images = relight(images, generator, share=share)
        images = cut_out(images, generator, share=share)
    return images


def flip(
    images: torch.Tensor, generator: torch.Generator, *, share: Share | None = None
) -> torch.Tensor:
    """Mirror a random half of the images left to right."""
    chosen = (share or Share(len(images))).rand(1, generator)[0] < 0.5
    return torch.where(chosen.to(images.device).view(-1, 1, 1, 1), images.flip(3), images)


def shift(
    images: torch.Tensor,
    reach_px: int,
    generator: torch.Generator,
    *,
    share: Share | None = None,
) -> torch.Tensor:
    """Move each image by up to `reach_px` in both directions, its border repeated outwards."""
    B, C, H, W = images.shape
    draws = (share or Share(B)).rand(2, generator) * (2 * reach_px + 1)
    offsets = draws.long().to(images.device)
    padded = F.pad(images, (reach_px,) * 4, mode="replicate")
    rows = torch.arange(H, device=images.device) + offsets[0, :, None]  # (B, H)
    columns = torch.arange(W, device=images.device) + offsets[1, :, None]  # (B, W)
    padded = padded.gather(2, rows[:, None, :, None].expand(B, C, H, padded.shape[3]))
    return padded.gather(3, columns[:, None, None, :].expand(B, C, H, W))


def turn(
    images: torch.Tensor,
    generator: torch.Generator,
    *,
    most_degrees: float = 12.0,
    scale_frac: float = 0.15,
    shift_frac: float = 0.1,
    share: Share | None = None,
) -> torch.Tensor:
    """Turn, scale and shift each image, its border repeated outwards.

    Args:
        images: float (B, C, H, W).
        generator: draws an angle, a scale and two shifts for each image, evenly in their ranges.
        most_degrees: largest angle, either way.
        scale_frac: largest change of scale, either way.
        shift_frac: largest shift, either way, in shares of a side.
    """
    B, _, H, W = images.shape
    draws = (share or Share(B)).rand(4, generator) * 2 - 1
    angle = draws[0] * math.radians(most_degrees)
    scale = 1 + draws[1] * scale_frac
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = [
        cos,
        -sin * H / W,
        draws[2] * 2 * shift_frac,
        sin * W / H,
        cos,
        draws[3] * 2 * shift_frac,
    ]
    theta = torch.stack(rows, 1).view(B, 2, 3).to(images.device)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def relight(
    images: torch.Tensor,
    generator: torch.Generator,
    *,
    most_frac: float = 0.25,
    share: Share | None = None,
) -> torch.Tensor:
    """Change each image's contrast (a factor) and brightness (a shift), either way."""
    draws = (share or Share(len(images))).rand(2, generator) * 2 - 1
    contrast, brightness = (draws * most_frac).to(images.device).view(2, -1, 1, 1, 1)
    return images * (1 + contrast) + brightness


def cut_out(
    images: torch.Tensor,
    generator: torch.Generator,
    *,
    side_frac: float = 0.3,
    share: Share | None = None,
) -> torch.Tensor:
    """Set a square of each image to 0, the set's mean, at a place that may lie half outside.

    Source: DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with
    Cutout", 2017, section 3.2.
    """
    B, _, H, W = images.shape
    reach_px = side_frac * min(H, W) / 2
    centre = (share or Share(B)).rand(2, generator) * torch.tensor([[H], [W]])
    rows = (torch.arange(H) + 0.5 - centre[0, :, None]).abs() < reach_px  # (B, H)
    columns = (torch.arange(W) + 0.5 - centre[1, :, None]).abs() < reach_px  # (B, W)
    hole = (rows[:, None, :, None] & columns[:, None, None, :]).to(images.device)
    return images.masked_fill(hole, 0.0)
