"""How a layer's units are tuned: read from their responses to the stimulus battery."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from layerscope.analysis.tuning.battery import Battery
from layerscope.analysis.tuning.preferred_stimuli import PreferredStimuli, find_preferred
from layerscope.analysis.tuning.responses import above_ground
from layerscope.analysis.tuning.selectivity_indices import Indices, indices, intervals

NO_INTERVALS: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}


@dataclass(frozen=True)
class Tunings:
    """How U units are tuned.

    Args:
        indices: how selective each is for each kind of stimulus, and for what within it.
        intervals: kind -> (low, high), float (U,) each; empty where none were asked for.
        curve: float (U, A), the response at each angle, in shares of its natural maximum.
        reach_frac: float (U,), its strongest response to any stimulus, likewise.
        best: U families, that of the stimulus which drives it most; "" where none does.
        prefers: phase, size, curvature, a corner's opening.
    """

    indices: Indices
    intervals: dict[str, tuple[torch.Tensor, torch.Tensor]]
    curve: torch.Tensor
    reach_frac: torch.Tensor
    best: tuple[str, ...]
    prefers: PreferredStimuli


def tune(
    responses: torch.Tensor,
    battery: Battery,
    *,
    natural_max: torch.Tensor,
    generator: torch.Generator | None = None,
) -> Tunings:
    """Read the tuning of some units from their responses.

    Args:
        responses: float (N, U), to the battery's pictures.
        battery: what was shown.
        natural_max: float (U,), how strongly pictures drive each unit.
        generator: draws the bootstrap of the intervals; None makes none.
    """
    above = above_ground(responses, battery)
    span = (natural_max - responses[0]).clamp(min=0)
    driven = span > 1e-6 * natural_max.abs().clamp(min=1e-6)
    # What the stimuli in fact reached, whatever their energy.
    reached = (responses - responses[:1]).clamp(min=0).amax(0)
    reach = torch.where(driven, reached / span.clamp(min=1e-12), 0.0)
    alive = (reach > 0).float()
    found = indices(above * alive, battery)
    top = above.argmax(0).tolist()
    families = [battery.stimuli[i].family for i in top]
    return Tunings(
        indices=found,
        intervals=intervals(above * alive, battery, generator) if generator else NO_INTERVALS,
        curve=found.lines.curve / span.clamp(min=1e-12)[:, None] * alive[:, None],
        reach_frac=reach,
        best=tuple(family if live else "" for family, live in zip(families, alive, strict=True)),
        prefers=find_preferred(above, battery.stimuli),
    )
