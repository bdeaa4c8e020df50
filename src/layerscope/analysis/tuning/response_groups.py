"""Responses gathered over what a stimulus may differ in without becoming another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from layerscope.analysis.tuning.stimuli import Stimulus

Key = tuple[str, float | None, float | None, float | None, float | None, int, str]


@dataclass(frozen=True)
class Groups:
    """Stimuli that differ in phase, offset or the draw of their grain alone.

    Args:
        keys: G, what the stimuli of a group share: family, frequency, size, opening, angle,
            polarity, words.
        members: int64 (G, V), rows of the battery; shorter groups repeat their last one.
        sizes: int64 (G,), how many members are a group's own.
    """

    keys: tuple[Key, ...]
    members: torch.Tensor
    sizes: torch.Tensor

    def rows(self, wanted: Callable[[Key], bool]) -> list[int]:
        """The groups whose key is wanted."""
        return [g for g, key in enumerate(self.keys) if wanted(key)]


def group_stimuli(stimuli: Sequence[Stimulus]) -> Groups:
    """Gather a battery's stimuli into groups."""
    found: dict[Key, list[int]] = {}
    for i, s in enumerate(stimuli):
        key = (
            s.family,
            s.frequency_cycles_px,
            s.size_px,
            s.opening_deg,
            s.angle_deg,
            s.polarity,
            s.words,
        )
        found.setdefault(key, []).append(i)
    most = max(map(len, found.values()))
    members = torch.tensor([rows + rows[-1:] * (most - len(rows)) for rows in found.values()])
    return Groups(tuple(found), members, torch.tensor([len(rows) for rows in found.values()]))


def group_peaks(above: torch.Tensor, groups: Groups) -> torch.Tensor:
    """The best response to each group: float (N, U) -> (G, U)."""
    return above[groups.members].amax(1)


def group_means(above: torch.Tensor, groups: Groups) -> torch.Tensor:
    """The mean response to each group: float (N, U) -> (G, U)."""
    own = torch.arange(groups.members.shape[1]) < groups.sizes[:, None]
    weights = own.to(above.dtype) / groups.sizes[:, None]
    return (above[groups.members] * weights[:, :, None]).sum(1)


def resampled(groups: Groups, generator: torch.Generator) -> Groups:
    """The groups with as many of their own members drawn anew, with repeats: for a bootstrap."""
    G, V = groups.members.shape
    draws = torch.rand(G, V, generator=generator) * groups.sizes[:, None]
    members = groups.members.gather(1, draws.long().clamp(max=V - 1))
    own = torch.arange(V) < groups.sizes[:, None]
    return Groups(groups.keys, torch.where(own, members, members[:, :1]), groups.sizes)
