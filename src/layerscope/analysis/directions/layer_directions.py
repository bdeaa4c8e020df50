"""Directions in a layer's space of units, each with the weights that read it out and put it in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch

How = Literal["nmf", "pca", "dictionary"]


@dataclass(frozen=True)
class LayerDirections:
    """K directions in the space of a layer's U units.

    At each place the units' values x (U,) are read as `x @ read + offset`, below zero as 0 where
    the directions are rectified, and direction k adds its value times `write[k]` to the layer.

    Args:
        how: what they were found by: "pca", "nmf" or "dictionary".
        read: float32 (U, K).
        offset: float32 (K,).
        write: float32 (K, U), of unit length.
        rectified: whether a direction cannot be read below zero.
    """

    how: How
    read: torch.Tensor = field(repr=False)
    offset: torch.Tensor = field(repr=False)
    write: torch.Tensor = field(repr=False)
    rectified: bool

    def __len__(self) -> int:
        return len(self.write)

    def by_falling(self, shares: torch.Tensor) -> LayerDirections:
        """The same directions in another order: that of some shares (K,), the largest first."""
        order = shares.argsort(descending=True)
        return LayerDirections(
            self.how, self.read[:, order], self.offset[order], self.write[order], self.rectified
        )

    def one(self, k: int) -> LayerDirections:
        """One of them."""
        at = slice(k, k + 1)
        return LayerDirections(
            self.how, self.read[:, at], self.offset[at], self.write[at], self.rectified
        )

    def values(self, units: torch.Tensor) -> torch.Tensor:
        """What each direction reads: float (…, U) -> (…, K)."""
        read = units @ self.read.to(units) + self.offset.to(units)
        return read.clamp(min=0) if self.rectified else read

    def apart(self, stand_in: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """How far each direction's value in one output is from that in another: float (…, K)."""
        return self.values(stand_in) - self.values(output)
