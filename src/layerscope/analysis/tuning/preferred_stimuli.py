"""The phase, size, curvature and corner opening that units prefer among synthetic stimuli."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from layerscope.analysis.tuning.stimuli import Stimulus


@dataclass(frozen=True)
class PreferredStimuli:
    """What U units prefer; NaN where nothing of the kind drives them or was shown.

    Args:
        phase_deg: float (U,), of the best grating at the field's middle: 0 a light line there, 180
            a dark one, 90 and 270 an edge.
        phase_selectivity: float (U,), 0 responds alike at all phases, 1 at one phase alone.
        size_px: float (U,), across the spot or line that drives it most.
        curvature: float (U,), the share of the response to the best curved line that is lost with
            any straight one.
        corner_deg: float (U,), opening of the best corner.
    """

    phase_deg: torch.Tensor
    phase_selectivity: torch.Tensor
    size_px: torch.Tensor
    curvature: torch.Tensor
    corner_deg: torch.Tensor


def find_preferred(above: torch.Tensor, stimuli: Sequence[Stimulus]) -> PreferredStimuli:
    """Read what units prefer from their responses.

    Args:
        above: float (N, U), responses above that to the blank stimulus, none negative.
        stimuli: N, what was shown.

    Source: phase selectivity is the length of the mean of the responses as vectors at their phases;
    of four phases, what Skottun et al., "Classifying Simple and Complex Cells on the Basis of
    Response Modulation", 1991, read from a drifting grating's first harmonic.
    """
    phase, selectivity = phases(above, stimuli)
    curved, straight = (
        strongest_response(above, stimuli, "arc"),
        strongest_response(above, stimuli, "bar"),
    )
    lost = (1 - straight / curved.clamp(min=1e-12)).clamp(0, 1)
    return PreferredStimuli(
        phase_deg=phase,
        phase_selectivity=selectivity,
        size_px=attribute_of_best(above, stimuli, ("spot", "bar"), "size_px"),
        curvature=torch.where(curved > 0, lost, math.nan),
        corner_deg=attribute_of_best(above, stimuli, ("corner",), "opening_deg"),
    )


def phases(above: torch.Tensor, stimuli: Sequence[Stimulus]) -> tuple[torch.Tensor, torch.Tensor]:
    """The preferred phase and how much it matters, at each unit's best frequency and angle."""
    sets: dict[tuple, list[int]] = {}
    for i, s in enumerate(stimuli):
        if s.family == "grating":
            sets.setdefault((s.frequency_cycles_px, s.angle_deg), []).append(i)
    nothing = torch.full((above.shape[1],), math.nan)
    if not sets:
        return nothing, nothing
    peaks = torch.stack([above[rows].amax(0) for rows in sets.values()])  # (S, U)
    x, y = [], []
    for rows in sets.values():
        turns = torch.tensor([math.radians(float(stimuli[i].phase_deg or 0)) for i in rows])
        total = above[rows].sum(0).clamp(min=1e-12)
        x.append((above[rows] * turns.cos()[:, None]).sum(0) / total)
        y.append((above[rows] * turns.sin()[:, None]).sum(0) / total)
    best, units = peaks.argmax(0), torch.arange(above.shape[1])
    right, up = torch.stack(x)[best, units], torch.stack(y)[best, units]
    driven = peaks.amax(0) > 0
    # Rounded, so that a hair under 0 is 0 and not 360.
    angle = torch.rad2deg(torch.atan2(up, right)).round(decimals=2).remainder(360)
    length = (right.square() + up.square()).sqrt()
    return torch.where(driven, angle, math.nan), torch.where(driven, length, math.nan)


def strongest_response(
    above: torch.Tensor, stimuli: Sequence[Stimulus], family: str
) -> torch.Tensor:
    """The strongest response to a family: float (U,), 0 where none was shown."""
    rows = [i for i, s in enumerate(stimuli) if s.family == family]
    return above[rows].amax(0) if rows else torch.zeros(above.shape[1])


def attribute_of_best(
    above: torch.Tensor, stimuli: Sequence[Stimulus], families: Sequence[str], name: str
) -> torch.Tensor:
    """A property of the stimulus, among some families, that drives each unit most: float (U,)."""
    rows = [i for i, s in enumerate(stimuli) if s.family in families]
    if not rows:
        return torch.full((above.shape[1],), math.nan)
    value, place = above[rows].max(0)
    known = torch.tensor([float(getattr(stimuli[i], name)) for i in rows])
    return torch.where(value > 0, known[place], math.nan)
