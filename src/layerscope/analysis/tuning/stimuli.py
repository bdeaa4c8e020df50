"""The synthetic stimuli of a window: what each one shows, and how it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from layerscope.analysis.tuning import patterns
from layerscope.analysis.tuning.hues import GREY, Colour, hue_name, hues, opposite
from layerscope.analysis.tuning.patterns import Pattern

N_ANGLES = 12
OFFSETS_FRAC = (-0.2, 0.0, 0.2)
PHASES_DEG = (0.0, 90.0, 180.0, 270.0)
# Finer waves are lost between the pixels.
FINEST_CYCLES_PX = 0.35
GRAINS = 8

STRAIGHT = ("grating", "edge", "bar")
BENT = ("corner", "arc", "crossing")
TEXTURED = ("checkerboard", "grain")
COLOURED = ("hue field", "hue edge", "hue spot", "hue grating")
GREY_TWINS = ("grey field", "grey edge", "grey spot", "grey grating")


@dataclass(frozen=True)
class Stimulus:
    """What a picture shows.

    Args:
        family: "blank", "uniform", one of `STRAIGHT`, `BENT`, "spot", `TEXTURED` or `COLOURED`, or
            a coloured family's twin without colour, such as "grey field".
        words: what a unit that prefers it would be called, without its angle.
        angle_deg: of the line, 0 lies, 90 stands, counter-clockwise as on paper; of a corner or arc
            the way it faces. None where there is none.
        frequency_cycles_px: of a grating or grain.
        size_px: of a spot, line or check.
        phase_deg: of a grating in the window's middle, 0 its lightest line.
        opening_deg: of a corner.
        polarity: 1 light on dark, -1 dark on light; 0 where it is both.
        variant: what it differs in from stimuli that are alike otherwise: offset, phase, the draw
            of a grain. The bootstrap of strengths is over these.
    """

    family: str
    words: str = ""
    angle_deg: float | None = None
    frequency_cycles_px: float | None = None
    size_px: float | None = None
    phase_deg: float | None = None
    opening_deg: float | None = None
    polarity: int = 0
    variant: int = 0


@dataclass(frozen=True)
class Drawing:
    """A stimulus and how it is drawn.

    Args:
        stimulus: what it is.
        pattern: place in the window -> -1 to 1.
        colour: direction in RGB, of unit length, that a pattern of 1 goes from the ground.
        polarity: 1 light on the ground, -1 dark.
        bipolar: whether the pattern goes to both sides of the ground.
    """

    stimulus: Stimulus
    pattern: Pattern
    colour: Colour = GREY
    polarity: int = 1
    bipolar: bool = False


def drawings(
    window_px: float, *, channels: int, polarities: tuple[int, ...], generator: torch.Generator
) -> Iterator[Drawing]:
    """All stimuli for a window, the blank one first.

    Families that are compared cover angle, offset and polarity in the same steps, so that none
    finds a unit's preference more easily than another.

    Args:
        window_px: its side. What would be finer than the pixels is left out.
        channels: grey pictures have no colours.
        polarities: (1, -1) on a ground that can become lighter and darker; (1,) on black.
        generator: draws the grain.
    """
    yield Drawing(Stimulus("blank"), lambda x, y: torch.zeros_like(x))
    for sign in polarities:
        stimulus = Stimulus("uniform", f"{shade_name(sign)} area", polarity=sign)
        yield Drawing(stimulus, patterns.uniform(), polarity=sign)
    yield from gratings(window_px)
    yield from edges(window_px)
    yield from bars(window_px, polarities)
    yield from corners(window_px)
    yield from arcs(window_px, polarities)
    yield from crossings(window_px, polarities)
    yield from spots(window_px, polarities)
    yield from checkerboards(window_px)
    yield from grains(window_px, generator)
    if channels == 3:
        yield from colours(window_px)


def angles(n: int, over_deg: float) -> list[float]:
    """Evenly spaced angles in degrees."""
    return [over_deg * i / n for i in range(n)]


def gratings(window: float) -> Iterator[Drawing]:
    """Sine waves of 1, 2, 4 and 8 cycles a window."""
    for cycles in (1, 2, 4, 8):
        f = cycles / window
        if f > FINEST_CYCLES_PX:
            break
        for angle in angles(N_ANGLES, 180):
            for v, phase in enumerate(PHASES_DEG):
                stimulus = Stimulus("grating", "stripes", angle, f, None, phase, variant=v)
                yield Drawing(stimulus, patterns.grating(angle, f, phase), bipolar=True)


def edges(window: float) -> Iterator[Drawing]:
    """Steps from dark to light, both ways round, through the middle and off it."""
    if window < 2:
        return
    for angle in angles(2 * N_ANGLES, 360):
        for v, offset in enumerate(OFFSETS_FRAC):
            sign = 1 if angle < 180 else -1
            stimulus = Stimulus("edge", "edge", angle % 180, polarity=sign, variant=v)
            yield Drawing(stimulus, patterns.edge(angle, offset * window), bipolar=True)


def line_widths(window: float) -> list[float]:
    """The widths of lines, in pixels: an eighth and a quarter of the window."""
    widths = sorted({max(1.0, window / 8), max(1.0, window / 4)})
    return [width for width in widths if width <= window / 2]


def bars(window: float, polarities: tuple[int, ...]) -> Iterator[Drawing]:
    """Lines, thin and thick, through the middle and off it."""
    for width in line_widths(window):
        for angle in angles(N_ANGLES, 180):
            for sign in polarities:
                for v, offset in enumerate(OFFSETS_FRAC):
                    stimulus = Stimulus("bar", "line", angle, None, width, None, None, sign, v)
                    pattern = patterns.bar(angle, width, offset * window)
                    yield Drawing(stimulus, pattern, polarity=sign)


def corners(window: float) -> Iterator[Drawing]:
    """Wedges with their tip near the middle."""
    if window < 4:
        return
    for opening in (45.0, 90.0, 135.0):
        words = f"corner of {opening:.0f}°"
        for facing in angles(N_ANGLES, 360):
            for sign in (1, -1):
                for v, back in enumerate((1 / 6, 0.0)):
                    stimulus = Stimulus("corner", words, facing, None, None, None, opening, sign, v)
                    pattern = patterns.corner(facing, opening, back * window)
                    yield Drawing(stimulus, pattern, polarity=sign, bipolar=True)


def arcs(window: float, polarities: tuple[int, ...]) -> Iterator[Drawing]:
    """Curved lines, tightly and gently bent, through the middle and behind it."""
    width = max(1.0, window / 6)
    for radius in (window / 5, window / 2.5):
        if radius < 1.2 * width:
            continue
        for facing in angles(N_ANGLES, 360):
            for sign in polarities:
                for v, back in enumerate((0.0, 0.2)):
                    stimulus = Stimulus(
                        "arc", "curve", facing, size_px=2 * radius, polarity=sign, variant=v
                    )
                    pattern = patterns.arc(facing, radius, width, back * window)
                    yield Drawing(stimulus, pattern, polarity=sign)


def crossings(window: float, polarities: tuple[int, ...]) -> Iterator[Drawing]:
    """Two lines at right angles, thin and thick."""
    if window < 3:
        return
    for width in line_widths(window):
        for angle in angles(N_ANGLES // 2, 90):
            for sign in polarities:
                stimulus = Stimulus("crossing", "crossing", angle, None, width, polarity=sign)
                yield Drawing(stimulus, patterns.crossing(angle, width), polarity=sign)


def spots(window: float, polarities: tuple[int, ...]) -> Iterator[Drawing]:
    """Discs of four sizes, in the middle and a little beside it."""
    for share in (0.08, 0.14, 0.22, 0.34):
        radius = share * window
        if radius < 0.5:
            continue
        for sign in polarities:
            for v, beside in enumerate((0.0, 0.1, -0.1)):
                words = f"{shade_name(sign)} spot"
                stimulus = Stimulus("spot", words, size_px=2 * radius, polarity=sign, variant=v)
                yield Drawing(stimulus, patterns.spot(radius, beside * window), polarity=sign)


def shade_name(polarity: int) -> str:
    """What is lighter or darker than the ground."""
    return "light" if polarity > 0 else "dark"


def checkerboards(window: float) -> Iterator[Drawing]:
    """Checkerboards, upright and on their tip."""
    for check in sorted({max(1.0, window / 8), max(1.0, window / 4)}):
        if check > window / 4:
            continue
        for v, (turn, shift) in enumerate((t, s) for t in (0.0, 45.0) for s in (0.0, 0.5)):
            stimulus = Stimulus("checkerboard", "checkerboard", None, None, check, variant=v)
            yield Drawing(stimulus, patterns.checkerboard(check, turn, shift), bipolar=True)


def grains(window: float, generator: torch.Generator) -> Iterator[Drawing]:
    """Noise of two coarsenesses and no direction."""
    for cycles, words in ((3.0, "coarse grain"), (6.0, "fine grain")):
        f = cycles / window
        if f > FINEST_CYCLES_PX:
            continue
        for v in range(GRAINS):
            stimulus = Stimulus("grain", words, None, f, variant=v)
            yield Drawing(stimulus, patterns.grain(f, generator), bipolar=True)


def colours(window: float) -> Iterator[Drawing]:
    """Fields, edges, spots and stripes of a hue as bright as the ground, and the same in grey."""
    for hue in hues(8):
        yield from hued(window, "hue", hue, hue_name(hue), hue_name(opposite(hue)))
    for sign, grey in ((1, GREY), (-1, opposite(GREY))):
        yield from hued(window, "grey", grey, "", "", polarity=sign)


def hued(
    window: float, family: str, colour: Colour, name: str, other: str, *, polarity: int = 0
) -> Iterator[Drawing]:
    """The four shapes in one colour, against its opposite where they have two sides."""
    yield Drawing(Stimulus(f"{family} field", name, polarity=polarity), patterns.uniform(), colour)
    for share in (0.14, 0.28):
        if share * window >= 0.5:
            size = 2 * share * window
            stimulus = Stimulus(f"{family} spot", f"{name} spot", size_px=size, polarity=polarity)
            yield Drawing(stimulus, patterns.spot(share * window, 0.0), colour)
    if window < 2:
        return
    # A hue's opposite is a hue too, so that half a turn and two phases cover both sides.
    for angle in angles(N_ANGLES // 2, 180):
        stimulus = Stimulus(f"{family} edge", f"{name}-{other} edge", angle, polarity=polarity)
        yield Drawing(stimulus, patterns.edge(angle, 0.0), colour, bipolar=True)
        for cycles in (1, 2):
            f = cycles / window
            if f > FINEST_CYCLES_PX:
                break
            for v, phase in enumerate(PHASES_DEG[:2]):
                words = f"{name}-{other} stripes"
                stimulus = Stimulus(
                    f"{family} grating", words, angle, f, None, phase, None, polarity, v
                )
                yield Drawing(stimulus, patterns.grating(angle, f, phase), colour, bipolar=True)
