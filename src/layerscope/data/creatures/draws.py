"""The random numbers of each picture, drawn from its own seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

NUMBERS = 96
GRID = 9


class Draws:
    """Uniform numbers for a batch, handed out column by column.

    Picture i's numbers depend on (seed, i) alone, and each is asked for in the same order in every
    batch, so that a picture is the same whichever batch it is drawn in.

    Args:
        seed: of the set.
        index: which pictures.
    """

    def __init__(self, seed: int, index: Sequence[int]) -> None:
        rows, grids = [], []
        for i in index:
            own = np.random.default_rng((seed, i))
            rows.append(own.random(NUMBERS, dtype=np.float32))
            grids.append(own.random((2, GRID, GRID), dtype=np.float32))
        self.numbers = torch.from_numpy(np.stack(rows))
        self.grids = torch.from_numpy(np.stack(grids))
        self.taken = 0

    def uniform(self, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        """One number per picture, float (B,)."""
        column = self.numbers[:, self.taken]
        self.taken += 1
        return low + (high - low) * column

    def chance(self, share: float) -> torch.Tensor:
        """1 for a share of the pictures, 0 for the others, float (B,)."""
        return (self.uniform() < share).float()

    def choice(self, options: torch.Tensor) -> torch.Tensor:
        """One of several rows per picture: (n, …) gives (B, …)."""
        return options[(self.uniform() * len(options)).long().clamp(max=len(options) - 1)]

    def noise(self, which: int, size: int) -> torch.Tensor:
        """A smooth random field per picture, float (B, S, S) in about 0 to 1."""
        import torch.nn.functional as F

        field = self.grids[:, which : which + 1]
        return F.interpolate(field, (size, size), mode="bicubic", align_corners=True)[:, 0]

    def only(self, rows: torch.Tensor) -> Draws:
        """The draws of some of the pictures, from here on."""
        part = Draws.__new__(Draws)
        part.numbers, part.grids, part.taken = self.numbers[rows], self.grids[rows], self.taken
        return part
