"""What the small networks are made of: each takes (B, 3, 16, 16) and returns (B, K) logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

K = 4


class By(nn.Module):
    """A forward pass written as a function, over named parts."""

    def __init__(self, forward: Callable[..., torch.Tensor], **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.does = forward

    def forward(self, x: torch.Tensor) -> Any:
        return self.does(self, x)


def conv(c: int = 3, u: int = 6, k: int = 3, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(c, u, k, **{"padding": k // 2, **options})


def head(u: int = 6) -> nn.Linear:
    return nn.Linear(u, K)


def over_places(h: torch.Tensor) -> torch.Tensor:
    return h.mean((2, 3))
