"""Tuning: which lines, colours, forms and textures a unit responds to, and how selectively."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from layerscope.analysis.tuning.battery import Battery
from layerscope.analysis.tuning.preferred_stimuli import PreferredStimuli, find_preferred
from layerscope.analysis.tuning.stimuli import (
    CURVED_FAMILIES,
    N_ANGLES,
    STRAIGHT_FAMILIES,
    TEXTURE_FAMILIES,
    Stimulus,
)

KINDS = ("colour", "edge", "corner", "texture")


@dataclass(frozen=True)
class Tunings:
    """How U units are tuned.

    Args:
        orientation: float (U,), orientation selectivity: 0 at all angles alike, 1 at one alone.
        angle_deg: float (U,), the line it prefers: 0 lies, 90 stands.
        frequency_cycles_px: float (U,), of the best grating; NaN without one.
        curve: float (U, 12), the response at each angle, in shares of its natural maximum.
        reach_frac: float (U,), its strongest response to any stimulus, likewise.
        best: U families, that of the stimulus which drives it most; "" where none does.
        prefers: phase, size, curvature, a corner's opening.
        values: kind -> float (U,), 0 to 1.
        words: kind -> U names.
    """

    orientation: torch.Tensor
    angle_deg: torch.Tensor
    frequency_cycles_px: torch.Tensor
    curve: torch.Tensor
    reach_frac: torch.Tensor
    best: tuple[str, ...]
    prefers: PreferredStimuli
    values: dict[str, torch.Tensor]
    words: dict[str, tuple[str, ...]]


def tune(responses: torch.Tensor, battery: Battery, *, natural_max: torch.Tensor) -> Tunings:
    """Read the tuning of some units from their responses.

    Responses count above that to the blank stimulus. A unit that the stimuli drive to less than
    its natural maximum has all its indices lowered in proportion: what drives it in pictures is
    something else.

    - edge: one less the circular variance over angles, of the family of straight stimuli
      (gratings of its best frequency, edges, lines) that drives it most;
    - corner: 1 - s / c, where c is the strongest response to a corner, curve or blob and s to
      anything straight;
    - texture: 1 - s / t, where t is the strongest response to a checkerboard or grain and s to
      anything else;
    - colour: 1 - g / h, where h is the strongest response to a hue or an edge between hues, g to
      the same in grey, as far from the ground.

    Args:
        responses: float (N, U), to the battery's pictures.
        battery: what was shown.
        natural_max: float (U,), how strongly pictures drive each unit.

    Source: circular variance as in Ringach, Shapley and Hawken, "Orientation Selectivity in Macaque
    V1", 2002, equation 1; indices of preference as 1 - other / best as De Valois et al., 1982, have
    them.
    """
    stimuli = battery.stimuli
    blank = [i for i, s in enumerate(stimuli) if s.family == "blank"]
    ground = responses[blank].mean(0)
    above = (responses - ground).clamp(min=0)  # (N, U)
    span = (natural_max - ground).clamp(min=0)
    reachable = above.amax(0) / span.clamp(min=1e-12)
    reach = torch.where(span > 1e-6 * natural_max.abs().clamp(min=1e-6), reachable, 0.0)
    best_of = {name: best_response(above, stimuli, families) for name, families in FAMILIES.items()}
    lines = orientation_tuning(above, stimuli)
    straight, curved, textured = (best_of[n][0] for n in ("straight", "curved", "textured"))
    coloured, grey = best_of["coloured"][0], best_of["grey"][0]
    share = {n: (v / span.clamp(min=1e-12)).clamp(max=1) for n, (v, _) in best_of.items()}
    values = {
        "edge": lines.orientation * share["straight"],
        "corner": preference(curved, straight) * share["curved"],
        "texture": preference(textured, torch.maximum(straight, curved)) * share["textured"],
    }
    alive = (reach > 0).float()
    words = {
        "edge": orientation_words(lines),
        "corner": tuple(stimuli[i].words for i in best_of["curved"][1].tolist()),
        "texture": tuple(stimuli[i].words for i in best_of["textured"][1].tolist()),
    }
    if any(s.family == "colour" for s in stimuli):
        values["colour"] = preference(coloured, grey) * share["coloured"]
        words["colour"] = tuple(stimuli[i].words for i in best_of["coloured"][1].tolist())
    top = above.argmax(0).tolist()
    return Tunings(
        orientation=lines.orientation,
        angle_deg=lines.angle_deg,
        frequency_cycles_px=lines.frequency,
        curve=lines.curve / span.clamp(min=1e-12)[:, None] * alive[:, None],
        reach_frac=reach,
        best=tuple(stimuli[i].family if live else "" for i, live in zip(top, alive, strict=True)),
        prefers=find_preferred(above, stimuli),
        values={kind: value * alive for kind, value in values.items()},
        words=words,
    )


FAMILIES = {
    "straight": STRAIGHT_FAMILIES,
    "curved": CURVED_FAMILIES,
    "textured": TEXTURE_FAMILIES,
    "coloured": ("colour",),
    "grey": ("grey",),
}


def best_response(
    above: torch.Tensor, stimuli: Sequence[Stimulus], families: Sequence[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Each unit's strongest response to some families, and its stimulus: float, int64 (U,)."""
    rows = [i for i, s in enumerate(stimuli) if s.family in families]
    if not rows:
        U = above.shape[1]
        return torch.zeros(U), torch.zeros(U, dtype=torch.long)
    value, place = above[rows].max(0)
    return value, torch.tensor(rows)[place]


def preference(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The share of a response that is lost with the other kind of stimulus."""
    return (1 - other / one.clamp(min=1e-12)).clamp(0, 1) * (one > 0)


@dataclass(frozen=True)
class OrientationTuning:
    """The tuning to straight stimuli of U units."""

    orientation: torch.Tensor
    angle_deg: torch.Tensor
    frequency: torch.Tensor
    curve: torch.Tensor
    words: tuple[str, ...]


def orientation_tuning(above: torch.Tensor, stimuli: Sequence[Stimulus]) -> OrientationTuning:
    """The orientation tuning of each unit, from the straight stimuli that drive it most.

    Gratings of each frequency, edges, and lines of each width are sets of their own; within a set
    the best phase, offset or polarity counts at each angle.
    """
    U = above.shape[1]
    sets: dict[tuple, list[int]] = {}
    for i, s in enumerate(stimuli):
        if s.family in STRAIGHT_FAMILIES:
            sets.setdefault((s.family, s.frequency_cycles_px, s.size_px, s.words), []).append(i)
    if not sets:
        nothing = torch.zeros(U)
        return OrientationTuning(
            nothing, nothing, torch.full((U,), math.nan), torch.zeros(U, N_ANGLES), ("",) * U
        )
    curves = torch.stack([angle_curve(above, stimuli, rows) for rows in sets.values()])  # (S, U, A)
    chosen = curves.amax(2).argmax(0)  # (U,)
    curve = curves[chosen, torch.arange(U)]
    turns = torch.arange(N_ANGLES) * (2 * math.pi / N_ANGLES)  # twice the angle
    total = curve.sum(1).clamp(min=1e-12)
    re, im = (curve * turns.cos()).sum(1) / total, (curve * turns.sin()).sum(1) / total
    keys = list(sets)
    gratings = [j for j, key in enumerate(keys) if key[0] == "grating"]
    frequency = torch.full((U,), math.nan)
    if gratings:
        rates = torch.tensor([keys[j][1] for j in gratings])
        strongest = curves[gratings].amax(2)
        frequency = torch.where(
            strongest.amax(0) > 0, rates[strongest.argmax(0)], torch.tensor(math.nan)
        )
    return OrientationTuning(
        orientation=(re.square() + im.square()).sqrt() * (curve.sum(1) > 0),
        angle_deg=torch.rad2deg(torch.atan2(im, re) / 2) % 180,
        frequency=frequency,
        curve=curve,
        words=tuple(keys[j][3] for j in chosen.tolist()),
    )


def angle_curve(
    above: torch.Tensor, stimuli: Sequence[Stimulus], rows: Sequence[int]
) -> torch.Tensor:
    """The strongest response at each of twelve angles: float (U, 12)."""
    curve = torch.zeros(N_ANGLES, above.shape[1])
    for i in rows:
        angle = stimuli[i].angle_deg
        assert angle is not None, "straight stimuli have an angle"
        place = round(angle / (180 / N_ANGLES)) % N_ANGLES
        curve[place] = torch.maximum(curve[place], above[i])
    return curve.T


def orientation_words(lines: OrientationTuning) -> tuple[str, ...]:
    """ "edge at 45°": the angle to the nearest five degrees."""
    rounded = ((lines.angle_deg / 5).round() * 5 % 180).int().tolist()
    return tuple(f"{word} at {angle}°" for word, angle in zip(lines.words, rounded, strict=True))


def selectivities(tunings: Tunings) -> dict[str, torch.Tensor]:
    """The kinds' values, in the ladder's order: float (U,) each, 0 to 1."""
    return {kind: tunings.values[kind] for kind in KINDS if kind in tunings.values}
