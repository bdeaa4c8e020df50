"""Tuning: what lines, colours, shapes and textures a unit responds to, and how selectively."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from layerscope.analysis.tuning.battery import Battery
from layerscope.analysis.tuning.response_groups import (
    Groups,
    group_means,
    group_peaks,
    group_stimuli,
    resampled,
)
from layerscope.analysis.tuning.stimuli import (
    BENT,
    COLOURED,
    FINE,
    GREY_TWINS,
    NATURAL,
    STRAIGHT,
    TEXTURED,
)

KINDS = ("brightness", "colour", "edge", "spot", "corner", "texture")
SHAPES = {
    "straight": STRAIGHT,
    "brightness": ("uniform",),
    "spot": ("spot",),
    "corner": BENT,
    "checks": TEXTURED,
    "hue": COLOURED,
    "grey": GREY_TWINS,
}
# What a kind's best response is held against. Spots, and wedges of a narrow angle, can fill nearly
# all of the window: they are no rivals of a uniform field.
RIVALS = {
    "brightness": ("straight", "checks"),
    "spot": ("straight", "brightness", "corner", "checks"),
    "corner": ("straight", "brightness", "spot", "checks"),
}
# A unit that hardly responds to a kind has no preference in it, however small responses differ.
LEAST_SHARE = 1 / 3
DRAWS = 50
INTERVAL = 0.95


@dataclass(frozen=True)
class Lines:
    """The tuning of U units to straight stimuli.

    Args:
        orientation: float (U,), 0 the same response at all angles, 1 at one alone.
        angle_deg: float (U,), the line it prefers: 0 lies, 90 stands.
        frequency_cycles_px: float (U,), of the best grating; NaN without one.
        curve: float (U, A), the response at each of the angles that were shown, evenly spaced.
        words: U, "edge", "line" or "stripes".
    """

    orientation: torch.Tensor
    angle_deg: torch.Tensor
    frequency_cycles_px: torch.Tensor
    curve: torch.Tensor
    words: tuple[str, ...]


@dataclass(frozen=True)
class Indices:
    """How selective U units are for each kind of stimulus.

    Args:
        values: kind -> float (U,), 0 to 1.
        words: kind -> U names.
        groups: kind -> int64 (U,), the group of stimuli (`group_stimuli`) that each unit prefers
            within the kind.
        lines: the tuning to straight stimuli, behind the kind "edge".
    """

    values: dict[str, torch.Tensor]
    words: dict[str, tuple[str, ...]]
    groups: dict[str, torch.Tensor]
    lines: Lines


def indices(above: torch.Tensor, battery: Battery, *, groups: Groups | None = None) -> Indices:
    """Read from responses how selective units are.

    All stimuli that are compared carry one energy (`make_battery`), so that an index depends on
    their shape alone. It says nothing of how strongly natural pictures drive the unit: that is
    `reach_frac`, a figure of its own.

    - edge: one less the circular variance over angles, of the family of straight stimuli (gratings
      of one frequency, edges, lines of one width) that drives the unit most; 0 where lines drive it
      to less than a third of its best response;
    - brightness, spot, corner: 1 - r / s, where s is the best response to a uniform field, a spot,
      or a corner, curve or crossing, and r the best to any of the other shapes;
    - texture: the mean response to the draws of a grain or of a texture of the set's own
      pictures, or to a checkerboard wherever it lies, over the best response to anything else,
      lowered by the selectivity for angles as far as lines drive the unit as well;
    - colour: 1 - g / h, where h is the best response to a hue (field, edge, spot, grating) and g to
      the same shapes in grey.

    Args:
        above: float (N, U), responses above that to the blank picture, none negative.
        battery: what was shown.
        groups: its stimuli, gathered; None gathers them.

    Source: circular variance as in Ringach, Shapley and Hawken, "Orientation Selectivity in Macaque
    V1", 2002, equation 1; indices of preference as 1 - other / best as De Valois et al., 1982, have
    them.
    """
    groups = groups or group_stimuli(battery.stimuli)
    peaks = group_peaks(above, groups)
    lines = straight_tuning(peaks, groups)
    best = {name: best_group(peaks, groups, families) for name, families in SHAPES.items()}
    height = {name: value for name, (value, _) in best.items()}
    strongest = torch.stack(list(height.values())).amax(0)
    values = {"edge": lines.orientation * shown(height["straight"], strongest)}
    words: dict[str, tuple[str, ...]] = {"edge": angled(lines)}
    chosen = {"edge": best["straight"][1]}
    for kind, rivals in RIVALS.items():
        value = preference(height[kind], torch.stack([height[r] for r in rivals]).amax(0))
        if kind != "corner":  # a spot is light or dark: what responds to both does not tell them
            value = value * polarity_selectivity(peaks, groups, SHAPES[kind])
        values[kind] = value * shown(height[kind], strongest)
        words[kind] = tuple(groups.keys[g][-1] for g in best[kind][1].tolist())
        chosen[kind] = best[kind][1]
    texture, which = best_group(group_means(above, groups), groups, TEXTURED + NATURAL)
    anything = torch.stack([height[name] for name in ("straight", *RIVALS)]).amax(0)
    share = (texture / anything.clamp(min=1e-12)).clamp(max=1)
    # An angle counts against it as far as lines do as well: fur has a direction, too.
    lined = lines.orientation * (height["straight"] / texture.clamp(min=1e-12)).clamp(max=1)
    values["texture"] = share * (1 - lined) * shown(texture, strongest)
    words["texture"] = tuple(groups.keys[g][-1] for g in which.tolist())
    chosen["texture"] = which
    if any(key[0] in COLOURED for key in groups.keys):
        values["colour"] = preference(height["hue"], height["grey"])
        words["colour"] = tuple(groups.keys[g][-1] for g in best["hue"][1].tolist())
        chosen["colour"] = best["hue"][1]
    return Indices(values, words, chosen, lines)


def intervals(
    above: torch.Tensor, battery: Battery, generator: torch.Generator
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """How far each index moves with the stimuli's phases, offsets, polarities and draws.

    Args:
        above: float (N, U), as for `indices`.
        battery: what was shown.
        generator: draws which of them count.

    Returns:
        kind -> (low, high), float (U,) each: 95% percentile intervals of a bootstrap.

    Source: Efron, "Bootstrap methods: another look at the jackknife", 1979.
    """
    groups = group_stimuli(battery.stimuli)
    drawn: dict[str, list[torch.Tensor]] = {}
    for _ in range(DRAWS):
        found = indices(above, battery, groups=resampled(groups, generator))
        for kind, value in found.values.items():
            drawn.setdefault(kind, []).append(value)
    ends = torch.tensor([(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
    quantiles = {kind: torch.stack(values).quantile(ends, dim=0) for kind, values in drawn.items()}
    return {kind: (low, high) for kind, (low, high) in quantiles.items()}


def best_group(
    values: torch.Tensor, groups: Groups, families: Sequence[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The best of some families' groups for each unit: float, int64 (U,)."""
    rows = groups.rows(lambda key: key[0] in families)
    if not rows:
        U = values.shape[1]
        return torch.zeros(U), torch.zeros(U, dtype=torch.long)
    value, place = values[rows].max(0)
    return value, torch.tensor(rows)[place]


def preference(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """How much of a response is lost with the other kind of stimulus: 0 nothing, 1 all of it."""
    return (1 - other / one.clamp(min=1e-12)).clamp(0, 1) * (one > 0)


def shown(response: torch.Tensor, strongest: torch.Tensor) -> torch.Tensor:
    """1.0 where a response is a third of the unit's best or more, else 0.0: float (U,)."""
    return ((response > 0) & (response >= LEAST_SHARE * strongest)).float()


def polarity_selectivity(
    peaks: torch.Tensor, groups: Groups, families: Sequence[str]
) -> torch.Tensor:
    """How much of a response is lost when light and dark change places: float (U,), 0 to 1.

    1 where only one of the two is shown, as on a black ground.
    """
    light, dark = (
        groups.rows(lambda key, sign=sign: key[0] in families and key[5] == sign)
        for sign in (1, -1)
    )
    if not light or not dark:
        return torch.ones(peaks.shape[1])
    one, other = peaks[light].amax(0), peaks[dark].amax(0)
    return preference(torch.maximum(one, other), torch.minimum(one, other))


def straight_tuning(peaks: torch.Tensor, groups: Groups) -> Lines:
    """The orientation tuning of each unit, from the straight stimuli that drive it most.

    Args:
        peaks: float (G, U), the best response to each group.
        groups: what they show.
    """
    U = peaks.shape[1]
    sets: dict[tuple, list[int]] = {}
    for g in groups.rows(lambda key: key[0] in STRAIGHT):
        family, frequency, size, _, angle, _, words = groups.keys[g]
        assert angle is not None, "straight stimuli have an angle"
        sets.setdefault((family, frequency, size, words), []).append(g)
    if not sets:
        nothing = torch.zeros(U)
        unknown = torch.full((U,), math.nan)
        return Lines(nothing, nothing, unknown, torch.zeros(U, FINE.n_angles), ("",) * U)
    n_angles = len({round(groups.keys[g][4] or 0, 3) for rows in sets.values() for g in rows})
    curves = torch.zeros(len(sets), n_angles, U)
    for s, rows in enumerate(sets.values()):
        for g in rows:
            place = round(float(groups.keys[g][4] or 0) / (180 / n_angles)) % n_angles
            curves[s, place] = torch.maximum(curves[s, place], peaks[g])
    chosen = curves.amax(1).argmax(0)  # (U,)
    curve = curves[chosen, :, torch.arange(U)]
    doubled = torch.arange(n_angles) * (2 * math.pi / n_angles)  # twice the angle
    total = curve.sum(1).clamp(min=1e-12)
    re, im = (curve * doubled.cos()).sum(1) / total, (curve * doubled.sin()).sum(1) / total
    keys = list(sets)
    frequency = torch.full((U,), math.nan)
    if gratings := [j for j, key in enumerate(keys) if key[0] == "grating"]:
        rates = torch.tensor([keys[j][1] for j in gratings])
        strongest = curves[gratings].amax(1)
        driven = strongest.amax(0) > 0
        frequency = torch.where(driven, rates[strongest.argmax(0)], torch.tensor(math.nan))
    return Lines(
        orientation=(re.square() + im.square()).sqrt() * (curve.sum(1) > 0),
        angle_deg=torch.rad2deg(torch.atan2(im, re) / 2) % 180,
        frequency_cycles_px=frequency,
        curve=curve,
        words=tuple(keys[j][3] for j in chosen.tolist()),
    )


def angled(lines: Lines) -> tuple[str, ...]:
    """ "edge at 45°": the angle to the nearest five degrees."""
    rounded = ((lines.angle_deg / 5).round() * 5 % 180).int().tolist()
    return tuple(f"{word} at {angle}°" for word, angle in zip(lines.words, rounded, strict=True))
