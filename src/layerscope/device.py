"""Where a network is."""

from __future__ import annotations

import torch
from torch import nn


def device_of(model: nn.Module) -> torch.device:
    """Where a network's parameters are; the processor for one that has none."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def as_taken(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """A copy of some images in the type of a network's weights: half, bfloat16 or double."""
    dtypes = (p.dtype for p in model.parameters() if p.is_floating_point())
    return images.to(next(dtypes, images.dtype), copy=True)
