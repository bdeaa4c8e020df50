"""The stimulus battery: synthetic stimuli of equal energy at the units' own place and ground."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

from layerscope.analysis.tuning.natural_textures import NaturalTexture
from layerscope.analysis.tuning.stimuli import (
    COLOURED,
    FINE,
    GREY_TWINS,
    NATURAL,
    Steps,
    Stimulus,
    drawings,
)
from layerscope.seed import make_generator

MID_GREY = 0.5
# A ground from which there is no more room than this on one side is left on the other side only.
LEAST_ROOM = 0.2
# A set has a ground of its own where so much of it lies within so many levels of one brightness.
MODE_FRAC = 0.2
NEAR_LEVELS = 8


@dataclass(frozen=True)
class Battery:
    """Stimuli and their pictures.

    Args:
        pixels: uint8 (N, C, H, W).
        stimuli: N, the first is blank.
        window_px: side of the window that they fill.
        energy: float (N,), root of the summed squared difference from the ground, in shares of full
            scale: alike for all stimuli that can reach it.
        ground: brightness of the ground, 0 to 1.
    """

    pixels: torch.Tensor
    stimuli: tuple[Stimulus, ...]
    window_px: float
    energy: torch.Tensor = field(repr=False)
    ground: float = MID_GREY


def make_battery(
    *,
    height: int,
    width: int,
    channels: int,
    centre_px: tuple[float, float],
    window_px: float,
    ground: float = MID_GREY,
    seed: int = 0,
    steps: Steps = FINE,
    textures: Sequence[NaturalTexture] = (),
) -> Battery:
    """Draw every stimulus in a round window with a soft rim.

    All stimuli have one energy, since a unit that sums up what it sees responds in proportion to
    it, and an edge at full contrast carries three times the energy of a thin curved line. What is
    too small to carry it is drawn at full contrast (`responses.above_ground` allows for that).

    Args:
        height, width, channels: of the pictures.
        centre_px: (down, right) from the picture's top left corner, of the window's middle.
        window_px: side of the units' receptive field; what lies beyond the picture is cut off.
        ground: 0 to 1, the set's own (`ground_of`): on black, stimuli are light only.
        seed: of the grain.
        steps: how finely stimuli cover what they may differ in.
        textures: of the set's own pictures (`natural_textures.natural_textures`).

    Returns:
        About 1,050 pictures, 720 in grey, fewer for windows of a few pixels and on black; about
        180 in `COARSE` steps.

    Source: the stimuli of Hubel and Wiesel, 1959, and of Pospisil, Pasupathy and Bair,
    "'Artiphysiology' reveals V4-like shape tuning in a deep network", 2018, for units of networks.
    Matched energy: as De Valois et al., 1982, matched contrast.

    Example:
        >>> battery = make_battery(height=28, width=28, channels=1, centre_px=(14.0, 14.0),
        ...                        window_px=10.0)
        >>> battery.stimuli[0].family, tuple(battery.pixels.shape[1:])
        ('blank', (1, 28, 28))
    """
    # Drawn finer than the pixels and averaged: no stairs at slanted lines.
    times = 4 if window_px <= 32 else 2
    top, bottom = reach(centre_px[0], window_px, height)
    left, right = reach(centre_px[1], window_px, width)
    down = (torch.arange(top * times, bottom * times) + 0.5) / times - centre_px[0]
    over = (torch.arange(left * times, right * times) + 0.5) / times - centre_px[1]
    up, x = torch.meshgrid(-down, over, indexing="ij")
    # Full to 90% of the window, then falling: a rim is an edge, too.
    away = (up.square() + x.square()).sqrt() / max(window_px / 2, 0.5)
    window = ((1.15 - away) / 0.3).clamp(0, 1) if window_px >= 4 else torch.ones_like(x)
    both_ways = LEAST_ROOM <= ground <= 1 - LEAST_ROOM
    sign = 1 if ground < 0.5 else -1
    polarities = (1, -1) if both_ways else (sign,)
    generator = make_generator(seed, "noise textures")
    stimuli: list[Stimulus] = []
    changes: list[torch.Tensor] = []  # from the ground, at full contrast
    for drawing in drawings(
        window_px, channels=channels, polarities=polarities, generator=generator, steps=steps,
        textures=textures,
    ):  # fmt: skip
        pattern = drawing.pattern(x, up) * drawing.polarity
        if not both_ways:  # from the ground to the far side, instead of both ways round it
            pattern = (pattern + 1) / 2 if drawing.bipolar else pattern.abs()
        pattern = F.avg_pool2d((pattern * window)[None], times)
        change = pattern * furthest(
            drawing.colour[:channels], ground, sign=0 if both_ways else sign
        )
        # In a window of a few pixels a line beside the middle may miss all of them.
        if not stimuli or bool(change.any()):
            stimuli.append(drawing.stimulus)
            changes.append(change)
    full = torch.stack(changes)
    energy = full.flatten(1).norm(dim=1)
    common = common_energy(energy, stimuli)
    scale = (common / energy.clamp(min=1e-9)).clamp(max=1) * twin_scale(energy, stimuli, common)
    pixels = torch.full((len(full), channels, height, width), ground)
    pixels[:, :, top:bottom, left:right] += scale.view(-1, 1, 1, 1) * full
    return Battery(
        (255 * pixels).round().clamp(0, 255).to(torch.uint8),
        tuple(stimuli),
        window_px,
        energy * scale,
        ground,
    )


def furthest(colour: Sequence[float], ground: float, *, sign: int) -> torch.Tensor:
    """How far a pattern of 1 goes from the ground at full contrast: float (C, 1, 1).

    Args:
        colour: its direction in RGB, or of grey.
        ground: 0 to 1.
        sign: 0 where the pattern goes both ways, 1 where it can go lighter only, -1 darker only.
    """
    direction = torch.tensor(colour)
    room = {0: min(ground, 1 - ground), 1: 1 - ground, -1: ground}[sign]
    if sign:
        # On black a hue is a light of that hue: no channel goes below the ground.
        spread = float(direction.max() - direction.min())
        direction = sign * (direction - direction.min() if spread > 1e-6 else direction.abs())
    return (direction * (room / direction.abs().max())).view(-1, 1, 1)


def common_energy(energy: torch.Tensor, stimuli: list[Stimulus]) -> float:
    """The energy that all stimuli are brought to: what half of the families in grey can carry.

    The other half is drawn at full contrast, at most a little below. With less for all, a unit
    with a threshold would respond to nothing.
    """
    left_out = {"blank", *COLOURED, *GREY_TWINS, *NATURAL}
    families = sorted({s.family for s in stimuli} - left_out)
    most = [max(energy[i] for i, s in enumerate(stimuli) if s.family == f) for f in families]
    return float(torch.stack(most).median())


def twin_scale(energy: torch.Tensor, stimuli: list[Stimulus], common: float) -> torch.Tensor:
    """What brings coloured stimuli and their grey twins to one energy: float (N,), at most 1.

    A hue that keeps the brightness of its ground has less room than a grey, so that small spots of
    the two differ even at full contrast.
    """
    reached = energy.clamp(max=common)
    alike: dict[tuple, list[int]] = {}
    for i, s in enumerate(stimuli):
        group, _, shape = s.family.partition(" ")
        if group in ("hue", "grey"):
            alike.setdefault((shape, s.size_px, s.frequency_cycles_px, s.angle_deg), []).append(i)
    scale = torch.ones(len(stimuli))
    for rows in alike.values():
        scale[rows] = reached[rows].min() / reached[rows]
    return scale


def reach(centre: float, window_px: float, side: int) -> tuple[int, int]:
    """The pixels that a window covers along one side of the picture, at least one."""
    first = min(max(0, math.floor(centre - window_px / 2)), side - 1)
    last = max(min(side, math.ceil(centre + window_px / 2)), first + 1)
    return first, last


def ground_of(pixels: torch.Tensor) -> float:
    """The brightness that stimuli are best drawn on for a set: its own most frequent one.

    Args:
        pixels: uint8 (N, C, H, W), some of the set's pictures.

    Returns:
        0 to 1: the mode of brightness where a fifth of all pixels lie within 8 levels of it (0 for
        clothes and digits on black); else, for photographs, mid-grey.

    Example:
        >>> ground_of(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))
        0.0
    """
    grey = pixels.float().mean(1).round().long().flatten()
    counts = torch.bincount(grey, minlength=256).double()
    mode = int(counts.argmax())
    near = counts[max(0, mode - NEAR_LEVELS) : mode + NEAR_LEVELS + 1].sum()
    return mode / 255 if float(near) >= MODE_FRAC * len(grey) else MID_GREY
