"""Changes to a whole batch of images at once, drawn from a generator."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def augment(images: torch.Tensor, kind: str, generator: torch.Generator) -> torch.Tensor:
    """Change each image of a batch a little, in a way that keeps its class.

    Args:
        images: float (B, C, H, W).
        kind: "none", "shift", "flip" or "flip-shift" (see `Recipe.augment`).
        generator: on the CPU, so that every device draws the same changes.

    Returns:
        float (B, C, H, W).
    """
    if "flip" in kind:
        images = flip(images, generator)
    if "shift" in kind:
        reach_px = max(1, round(min(images.shape[2:]) / 24))
        images = shift(images, reach_px, generator)
    return images


def flip(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror a random half of the images left to right."""
    chosen = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(chosen.to(images.device).view(-1, 1, 1, 1), images.flip(3), images)


def shift(images: torch.Tensor, reach_px: int, generator: torch.Generator) -> torch.Tensor:
    """Move each image by up to `reach_px` in both directions, its border repeated outwards."""
    B, C, H, W = images.shape
    offsets = torch.randint(0, 2 * reach_px + 1, (2, B), generator=generator).to(images.device)
    padded = F.pad(images, (reach_px,) * 4, mode="replicate")
    rows = torch.arange(H, device=images.device) + offsets[0, :, None]  # (B, H)
    columns = torch.arange(W, device=images.device) + offsets[1, :, None]  # (B, W)
    padded = padded.gather(2, rows[:, None, :, None].expand(B, C, H, padded.shape[3]))
    return padded.gather(3, columns[:, None, None, :].expand(B, C, H, W))
