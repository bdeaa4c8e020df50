"""Random directions in a layer's space of units, which carry as much as one unit does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Directions:
    """Random directions at right angles to each other, in a random order.

    Args:
        axes: float64 (U, k), of unit length.
        energies: float64 (k,), what lies along each: the sum of squared values, over pictures and
            places.
    """

    axes: torch.Tensor = field(repr=False)
    energies: torch.Tensor = field(repr=False)

    def shares(self, energy: float) -> torch.Tensor:
        """How much of each direction to take away, so that a given energy goes in all.

        Whole directions go as long as they fit; of the next only a share does, so that never more
        is taken away along a direction than lies there.

        Args:
            energy: at most the sum of `energies`.

        Returns:
            float64 (k,), in [0, 1].
        """
        before = self.energies.cumsum(0) - self.energies
        left = (energy - before).clamp(min=0)
        held = self.energies.clamp(min=torch.finfo(torch.float64).tiny)
        return (left / held).clamp(max=1).sqrt()


def random_directions(
    energy_of: Callable[[torch.Tensor], torch.Tensor],
    n_units: int,
    *,
    most_energy: float,
    generator: torch.Generator,
) -> Directions:
    """Draw directions until they carry enough together.

    All directions are equally probable, but for their sign, which a projection does not see: the
    first is a normalised vector of normal numbers, each next one the same at right angles to those
    before. A whole basis carries the energy of all units
    together, so that what one unit carries is always reached.

    Args:
        energy_of: axes float64 (U, k) -> float64 (k,), the energy along each.
        n_units: U.
        most_energy: where to stop.
        generator: on the CPU.
    """
    axes = torch.empty(n_units, 0, dtype=torch.float64)
    energies = torch.empty(0, dtype=torch.float64)
    while axes.shape[1] < n_units and float(energies.sum()) < most_energy:
        more = min(max(4, axes.shape[1]), n_units - axes.shape[1])
        drawn = torch.randn(n_units, more, dtype=torch.float64, generator=generator)
        for _ in range(2):  # once leaves rounding errors along the axes there are
            drawn = drawn - axes @ (axes.T @ drawn)
        found = torch.linalg.qr(drawn)[0]
        axes = torch.cat([axes, found], dim=1)
        energies = torch.cat([energies, energy_of(found).cpu()])
    return Directions(axes, energies)
