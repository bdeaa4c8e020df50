"""`table-mlp`: a dense network over the numbers of a row."""

from __future__ import annotations

import itertools

import torch
from torch import nn


class TableMlp(nn.Module):
    """Dense layers with GELU, and a straight way past them.

    The straight way is a linear model of its own: the dense layers only learn what it misses.

    Args:
        n_features: F.
        n_outputs: K classes, or 1 for a number.
        hidden: units of each dense layer.
        layers: hidden ones.
        dropout_frac: behind each of them.

    Source: Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016.
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        *,
        hidden: int = 64,
        layers: int = 2,
        dropout_frac: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = [n_features, *(hidden for _ in range(layers))]
        parts: list[nn.Module] = []
        for taken, given in itertools.pairwise(sizes):
            parts += [nn.Linear(taken, given), nn.GELU(), nn.Dropout(dropout_frac)]
        self.straight = nn.Linear(n_features, n_outputs, bias=False)
        self.layers = nn.Sequential(*parts)
        self.head = nn.Linear(hidden, n_outputs)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Rows float (B, F) -> logits (B, K) or values (B, 1)."""
        return self.straight(features) + self.head(self.layers(features))
