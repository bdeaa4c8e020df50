"""Which units of a network are found again in others: best matches of responses, with a null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from layerscope.analysis.structure.representation_geometry import varying
from layerscope.errors import DataError


@dataclass(frozen=True)
class Recurring:
    """How closely each of U units of a layer is matched in other networks.

    Args:
        matches: float64 (U, S), the largest correlation with any unit of the same layer in each of
            S networks from other seeds; 0 for a unit that does not vary.
        units: int64 (U, S), which unit that is.
        untrained: float64 (U, C), the same in C untrained networks.
    """

    matches: torch.Tensor
    units: torch.Tensor
    untrained: torch.Tensor

    @property
    def recurs(self) -> torch.Tensor:
        """bool (U,): matched in every other network more closely than in any untrained one.

        For a unit that is no more alike to trained networks than to untrained ones this happens
        once in (S + C over S) times: once in 21 with one network and twenty untrained ones.
        """
        if not self.matches.shape[1] or not self.untrained.shape[1]:
            return torch.zeros(len(self.matches), dtype=torch.bool)
        return self.matches.amin(1) > self.untrained.amax(1)


def recurring_units(
    responses: torch.Tensor, others: Sequence[torch.Tensor], untrained: Sequence[torch.Tensor]
) -> Recurring:
    """Look for the units of one network in others.

    Args:
        responses: float (N, U), the layer's responses at N places of pictures.
        others: float (N, V) each, of networks from other seeds, at the same places.
        untrained: the same of untrained networks.

    Raises:
        DataError: the places are not the same.

    Source: Li, Yosinski et al., "Convergent Learning: Do different neural networks learn the same
    representations?", 2016, section 3 (matching units by correlation; max-match). The null of
    untrained networks is ours: the more units a layer has, and the more its maps follow
    brightness, the closer the best match of any unit is.

    Example:
        >>> x = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
        >>> noise = torch.randn(500, 4, generator=torch.Generator().manual_seed(1))
        >>> found = recurring_units(x, [3 * x[:, [2, 0, 1]]], [noise])
        >>> found.units[:, 0].tolist()[:3], found.recurs.tolist()
        ([1, 2, 0], [True, True, True, False])
    """
    for other in (*others, *untrained):
        if len(other) != len(responses):
            raise DataError(
                f"responses at {len(responses)} and {len(other)} places were to be matched; give "
                "the same places of the same pictures"
            )
    own = standardised(responses)
    found = [best_matches(own, standardised(other)) for other in others]
    null = [best_matches(own, standardised(other))[0] for other in untrained]
    empty = torch.zeros(len(own.T), 0, dtype=torch.float64)
    return Recurring(
        torch.stack([value for value, _ in found], 1) if found else empty,
        torch.stack([unit for _, unit in found], 1) if found else empty.long(),
        torch.stack(null, 1) if null else empty,
    )


def best_matches(own: torch.Tensor, other: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each unit's largest correlation with another's, and which that is: (U,) each."""
    best = (own.T @ other).clamp(-1, 1).max(1)
    return best.values, best.indices


def standardised(responses: torch.Tensor) -> torch.Tensor:
    """Responses of mean 0 and length 1, float64 (N, U); 0 where a unit does not vary."""
    away = varying(responses)
    size = away.norm(dim=0)
    return away / torch.where(size > 0, size, torch.inf)
