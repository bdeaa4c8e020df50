"""Pictures of stripes: two classes that are easy, but not linearly."""

from __future__ import annotations

import torch

from layerscope.data.imageset import ImageSet


def stripes(n: int, *, split: str, seed: int, size: int = 12) -> ImageSet:
    """Upright (class 0) and level (class 1) stripes with noise: easy, but not linearly."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    phase = torch.randint(0, 4, (n, 1, 1), generator=generator)
    waves = ((torch.arange(size) + phase) % 4 < 2).float().expand(n, size, size)
    upright = labels.view(-1, 1, 1) == 0
    pictures = torch.where(upright, waves, waves.transpose(1, 2)) * 160 + 40
    noise = torch.randn(n, size, size, generator=generator) * 20
    pixels = (pictures + noise).clamp(0, 255).to(torch.uint8)[:, None]
    return ImageSet("stripes", split, pixels, labels, ("upright", "level"))
