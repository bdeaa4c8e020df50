"""Where a network is."""

from __future__ import annotations

import torch
from torch import nn


def device_of(model: nn.Module) -> torch.device:
    """Where a network's parameters are; the processor for one that has none."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))
