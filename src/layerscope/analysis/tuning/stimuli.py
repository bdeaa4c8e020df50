"""The synthetic stimuli: each a function of the place in the window."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

PatternFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

N_ANGLES = 12
# Rec. 709: how bright each of red, green and blue looks.
LUMA = (0.2126, 0.7152, 0.0722)
STRAIGHT_FAMILIES = ("grating", "edge", "bar")
CURVED_FAMILIES = ("corner", "arc", "blob")
TEXTURE_FAMILIES = ("checker", "noise")


@dataclass(frozen=True)
class Stimulus:
    """What a picture shows.

    Args:
        family: "blank", "grating", "edge", "bar", "corner", "arc", "blob", "checker", "noise",
            "colour" or "grey" (the colours' twin without colour).
        words: what a unit that prefers it would be called, without its angle.
        angle_deg: of the line, 0 lies, 90 stands, counter-clockwise as on paper; of a corner or arc
            the way it faces. None where there is none.
        frequency_cycles_px: of a grating.
        size_px: of a blob, bar or check.
        phase_deg: of a grating in the window's middle, 0 its lightest line.
        opening_deg: of a corner.
    """

    family: str
    words: str = ""
    angle_deg: float | None = None
    frequency_cycles_px: float | None = None
    size_px: float | None = None
    phase_deg: float | None = None
    opening_deg: float | None = None


@dataclass(frozen=True)
class StimulusPattern:
    """A stimulus and how it is rendered.

    Args:
        stimulus: what it is.
        pattern: (right, up) in pixels from the window's middle -> -1 to 1.
        colour: how far red, green and blue each go for a pattern of 1, in shares of full scale.
    """

    stimulus: Stimulus
    pattern: PatternFunction
    colour: tuple[float, float, float]


def stimulus_patterns(
    window_px: float, channels: int, generator: torch.Generator
) -> Iterator[StimulusPattern]:
    """All stimuli for a window.

    Args:
        window_px: its side. What would be finer than the pixels is left out.
        channels: grey pictures have no colours.
        generator: draws the noise textures.
    """
    white = (0.45, 0.45, 0.45)
    yield StimulusPattern(Stimulus("blank"), lambda x, y: torch.zeros_like(x), white)
    plain = [
        *gratings(window_px), *edges(window_px), *bars(window_px), *corners(window_px),
        *arcs(window_px), *blobs(window_px), *checkers(window_px), *noises(window_px, generator),
    ]  # fmt: skip
    for stimulus, pattern in plain:
        yield StimulusPattern(stimulus, pattern, white)
    if channels == 3:
        yield from colours(window_px)


def across(angle_deg: float, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The distance from a line through the middle, in pixels."""
    a = math.radians(angle_deg)
    return y * math.cos(a) - x * math.sin(a)


def along(angle_deg: float, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """How far a place lies in a direction, in pixels."""
    a = math.radians(angle_deg)
    return x * math.cos(a) + y * math.sin(a)


def angles(n: int, over: float) -> list[float]:
    """Evenly spaced angles in degrees."""
    return [over * i / n for i in range(n)]


def gratings(window: float) -> Iterator[tuple[Stimulus, PatternFunction]]:
    """Sine waves of 1, 2, 4 and 8 cycles a window, none finer than 0.35 cycles a pixel."""
    for cycles in (1, 2, 4, 8):
        f = cycles / window
        if f > 0.35:
            break
        for angle in angles(N_ANGLES, 180):
            for phase in (0.0, 90.0, 180.0, 270.0):

                def wave(x, y, f=f, angle=angle, phase=phase) -> torch.Tensor:
                    turn = 2 * math.pi * f * across(angle, x, y) + math.radians(phase)
                    return torch.cos(turn)

                yield Stimulus("grating", "stripes", angle, f, None, phase), wave


def edges(window: float) -> Iterator[tuple[Stimulus, PatternFunction]]:
    """Steps from dark to light, both ways round, through the middle and off it."""
    if window < 2:
        return
    for angle in angles(2 * N_ANGLES, 360):
        for offset in (-0.2, 0.0, 0.2):

            def step(x, y, angle=angle, shift=offset * window) -> torch.Tensor:
                return torch.where(across(angle, x, y) > shift, 1.0, -1.0)

            yield Stimulus("edge", "edge", angle % 180), step


def bars(window: float) -> Iterator[tuple[Stimulus, PatternFunction]]:
    """Light and dark lines on grey, thin and thick."""
    for width in sorted({max(1.0, window / 8), max(1.0, window / 4)}):
        if width > window / 2:
            continue
        for angle in angles(N_ANGLES, 180):
            for offset in (-0.2, 0.0, 0.2):
                for sign in (1.0, -1.0):

                    def line(
                        x, y, angle=angle, shift=offset * window, half=width / 2, sign=sign
                    ) -> torch.Tensor:
                        return sign * ((across(angle, x, y) - shift).abs() < half).float()

                    yield Stimulus("bar", "line", angle, None, width), line


def corners(window: float) -> Iterator[tuple[Stimulus, PatternFunction]]:
    """Wedges with their tip near the middle."""
    if window < 4:
        return
    for opening in (45.0, 90.0, 135.0):
        for facing in angles(N_ANGLES, 360):
            for sign in (1.0, -1.0):

                def wedge(
                    x, y, half=opening / 2, facing=facing, sign=sign, w=window
                ) -> torch.Tensor:
                    ahead = along(facing, x, y) + w / 12
                    aside = across(facing, x, y)
                    inside = torch.atan2(aside.abs(), ahead) < math.radians(half)
                    return sign * torch.where(inside, 1.0, -1.0)

                words = f"corner of {opening:.0f}°"
                yield Stimulus("corner", words, facing, opening_deg=opening), wedge


def arcs(window: float) -> Iterator[tuple[Stimulus, PatternFunction]]:
    """Curved lines, of small and of large radius."""
    width = max(1.0, window / 8)
    for radius in (window / 5, window / 2.5):
        if radius < 1.5 * width:
            continue
        for facing in angles(N_ANGLES, 360):
            for sign in (1.0, -1.0):

                def arc(x, y, r=radius, facing=facing, half=width / 2, sign=sign) -> torch.Tensor:
                    ahead, aside = along(facing, x, y) - r, across(facing, x, y)
                    ring = ((ahead.square() + aside.square()).sqrt() - r).abs() < half
                    return sign * (ring & (ahead < 0)).float()

                yield Stimulus("arc", "curve", facing), arc


def blobs(window: float) -> Iterator[tuple[Stimulus, PatternFunction]]:
    """Discs, light and dark."""
    for share in (0.08, 0.14, 0.22, 0.34):
        radius = share * window
        if radius < 0.5:
            continue
        for sign, shade in ((1.0, "light"), (-1.0, "dark")):

            def disc(x, y, r=radius, sign=sign) -> torch.Tensor:
                return sign * (x.square() + y.square() < r * r).float()

            yield Stimulus("blob", f"{shade} blob", None, None, 2 * radius), disc


def checkers(window: float) -> Iterator[tuple[Stimulus, PatternFunction]]:
    """Checkerboards, upright and on their tip."""
    for check in sorted({max(1.0, window / 8), max(1.0, window / 4)}):
        if check > window / 3:
            continue
        for turn in (0.0, 45.0):
            for shift in (0.0, 0.5):

                def board(x, y, side=check, turn=turn, shift=shift) -> torch.Tensor:
                    i = torch.floor(along(turn, x, y) / side + shift)
                    j = torch.floor(across(turn, x, y) / side + shift)
                    return 1.0 - 2.0 * ((i + j) % 2)

                yield Stimulus("checker", "checkerboard", None, None, check), board


def noises(window: float, generator: torch.Generator) -> Iterator[tuple[Stimulus, PatternFunction]]:
    """Grain of one coarseness and no direction: the sum of waves in all directions."""
    for cycles, words in ((3.0, "coarse grain"), (6.0, "fine grain")):
        f = cycles / window
        if f > 0.35:
            continue
        for _ in range(5):
            turns = math.pi * torch.rand(24, generator=generator)
            phases = 2 * math.pi * torch.rand(24, generator=generator)
            rates = f * (0.8 + 0.4 * torch.rand(24, generator=generator))

            def grain(x, y, turns=turns, phases=phases, rates=rates) -> torch.Tensor:
                total = torch.zeros_like(x)
                for turn, phase, rate in zip(
                    turns.tolist(), phases.tolist(), rates.tolist(), strict=True
                ):
                    away = x * math.cos(turn) + y * math.sin(turn)
                    total += torch.cos(2 * math.pi * rate * away + phase)
                # Most of it lies within 2 deviations, which are sqrt(24 / 2) each.
                return (total / (2 * math.sqrt(12.0))).clamp(-1, 1)

            yield Stimulus("noise", words, None, f), grain


def colours(window: float) -> Iterator[StimulusPattern]:
    """Hues as bright as their ground, and greys that lie as far from it; as fields and as edges."""
    reach = 0.4
    for hue in hues(8):
        colour = (reach * hue[0], reach * hue[1], reach * hue[2])
        name, opposite = hue_name(hue), hue_name((-hue[0], -hue[1], -hue[2]))
        yield StimulusPattern(Stimulus("colour", name), lambda x, y: torch.ones_like(x), colour)
        yield from colour_edges(window, "colour", f"{name}-{opposite} edge", colour)
    level = reach / math.sqrt(3)
    grey, dark = (level, level, level), (-level, -level, -level)
    for sign in (1.0, -1.0):
        yield StimulusPattern(Stimulus("grey"), lambda x, y, s=sign: torch.full_like(x, s), grey)
    yield from colour_edges(window, "grey", "", grey)
    yield from colour_edges(window, "grey", "", dark)


def colour_edges(
    window: float, family: str, words: str, colour: tuple[float, float, float]
) -> Iterator[StimulusPattern]:
    """Steps between a colour and its opposite."""
    if window < 2:
        return
    for angle in angles(N_ANGLES // 2, 180):

        def step(x, y, angle=angle) -> torch.Tensor:
            return torch.where(across(angle, x, y) > 0, 1.0, -1.0)

        yield StimulusPattern(Stimulus(family, words, angle), step, colour)


def hues(n: int) -> list[tuple[float, float, float]]:
    """Directions of unit length in RGB that leave the brightness as it is."""
    luma = torch.tensor(LUMA, dtype=torch.float64)
    normal = luma / luma.norm()
    first = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    first = first - (first @ normal) * normal
    first = first / first.norm()
    second = torch.linalg.cross(normal, first)
    found = []
    for i in range(n):
        turn = 2 * math.pi * i / n
        r, g, b = (math.cos(turn) * first + math.sin(turn) * second).tolist()
        found.append((r, g, b))
    return found


def hue_name(direction: tuple[float, float, float]) -> str:
    """What the colour in a direction from grey is called."""
    r, g, b = (0.5 + 0.4 * value for value in direction)
    hue = 360 * colorsys.rgb_to_hsv(r, g, b)[0]
    names = ((20, "red"), (45, "orange"), (75, "yellow"), (160, "green"), (200, "cyan"),
             (260, "blue"), (295, "violet"), (340, "magenta"), (361, "red"))  # fmt: skip
    return next(name for limit, name in names if hue < limit)
