"""The synthetic stimuli of a window: what each one shows, and how it is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from layerscope.analysis.tuning import patterns
from layerscope.analysis.tuning.hues import GREY, Colour, hue_name, hues, opposite
from layerscope.analysis.tuning.natural_textures import NaturalTexture
from layerscope.analysis.tuning.patterns import Pattern

# Finer waves are lost between the pixels.
FINEST_CYCLES_PX = 0.35

STRAIGHT = ("grating", "edge", "bar")
BENT = ("corner", "arc", "crossing")
TEXTURED = ("checkerboard", "grain")
# Not among the shapes that others are held against: no other family has as many forms.
NATURAL = ("natural texture",)
COLOURED = ("hue field", "hue edge", "hue spot", "hue grating")
GREY_TWINS = ("grey field", "grey edge", "grey spot", "grey grating")


@dataclass(frozen=True)
class Stimulus:
    """What a picture shows.

    Args:
        family: "blank", "uniform", one of `STRAIGHT`, `BENT`, "spot", `TEXTURED`, `NATURAL` or
            `COLOURED`, or a coloured family's twin without colour, such as "grey field".
        words: what a unit that prefers it would be called, without its angle.
        angle_deg: of the line, 0 lies, 90 stands, counter-clockwise as on paper; of a corner or arc
            the way it faces. None where there is none.
        frequency_cycles_px: of a grating or grain; the mean one of a natural texture.
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
class Steps:
    """In which steps stimuli cover what they may differ in; lengths are shares of the window.

    Args:
        n_angles: of lines over half a turn, of corners and curves over a whole one.
        grating_cycles: waves a window.
        phases_deg: of gratings.
        offsets_frac: of edges and lines from the middle.
        widths_frac: of lines.
        openings_deg: of corners.
        backs_frac: how far corners, and how far curves, lie behind the middle.
        radii_per_window: how many radii of curves a window is long.
        crossing_widths_frac: of the lines of crossings.
        spots_frac: radii of spots.
        besides_frac: of spots from the middle.
        check_shifts: of checkerboards.
        n_grains: draws of each grain and natural texture.
        n_hues: round the circle.
        hue_spots_frac: radii of coloured spots.
        n_hue_angles: of coloured edges and stripes over half a turn.
        hue_cycles: coloured waves a window.
    """

    n_angles: int = 12
    grating_cycles: tuple[int, ...] = (1, 2, 4, 8)
    phases_deg: tuple[float, ...] = (0.0, 90.0, 180.0, 270.0)
    offsets_frac: tuple[float, ...] = (-0.2, 0.0, 0.2)
    widths_frac: tuple[float, ...] = (1 / 8, 1 / 4)
    openings_deg: tuple[float, ...] = (45.0, 90.0, 135.0)
    backs_frac: tuple[tuple[float, ...], tuple[float, ...]] = ((1 / 6, 0.0), (0.0, 0.2))
    radii_per_window: tuple[float, ...] = (5.0, 2.5)
    crossing_widths_frac: tuple[float, ...] = (1 / 8, 1 / 4)
    spots_frac: tuple[float, ...] = (0.08, 0.14, 0.22, 0.34)
    besides_frac: tuple[float, ...] = (0.0, 0.1, -0.1)
    check_shifts: tuple[float, ...] = (0.0, 0.5)
    n_grains: int = 8
    n_hues: int = 8
    hue_spots_frac: tuple[float, ...] = (0.14, 0.28)
    n_hue_angles: int = 6
    hue_cycles: tuple[int, ...] = (1, 2)

    @property
    def vary(self) -> bool:
        """Whether there are several of each, so that a bootstrap can draw from them."""
        return len(self.offsets_frac) > 1


FINE = Steps()
# A sixth as many stimuli, for networks in which each costs much: half the angles, three phases
# instead of four, everything else in its middle.
COARSE = Steps(
    n_angles=6,
    grating_cycles=(1, 3),
    phases_deg=(0.0, 120.0, 240.0),
    offsets_frac=(0.0,),
    openings_deg=(90.0,),
    backs_frac=((1 / 12,), (0.0, 0.2)),
    crossing_widths_frac=(1 / 6,),
    spots_frac=(0.1, 0.17, 0.3),
    besides_frac=(0.0,),
    check_shifts=(0.0,),
    n_grains=4,
    n_hues=6,
    hue_spots_frac=(0.2,),
    n_hue_angles=3,
    hue_cycles=(),
)


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
    window_px: float,
    *,
    channels: int,
    polarities: tuple[int, ...],
    generator: torch.Generator,
    steps: Steps = FINE,
    textures: Sequence[NaturalTexture] = (),
) -> Iterator[Drawing]:
    """All stimuli for a window, the blank one first.

    Families that are compared cover angle, offset and polarity in the same steps, so that none
    finds a unit's preference more easily than another.

    Args:
        window_px: its side. What would be finer than the pixels is left out.
        channels: grey pictures have no colours.
        polarities: (1, -1) on a ground that can become lighter and darker; (1,) on black.
        generator: draws the grain.
        steps: how finely they cover what they may differ in.
        textures: of the set's own pictures.
    """
    yield Drawing(Stimulus("blank"), lambda x, y: torch.zeros_like(x))
    for sign in polarities:
        stimulus = Stimulus("uniform", f"{shade_name(sign)} area", polarity=sign)
        yield Drawing(stimulus, patterns.uniform(), polarity=sign)
    yield from gratings(window_px, steps)
    yield from edges(window_px, steps)
    yield from bars(window_px, polarities, steps)
    yield from corners(window_px, steps)
    yield from arcs(window_px, polarities, steps)
    yield from crossings(window_px, polarities, steps)
    yield from spots(window_px, polarities, steps)
    yield from checkerboards(window_px, steps)
    yield from grains(window_px, generator, steps)
    yield from naturals(window_px, textures, steps)
    if channels == 3:
        yield from colours(window_px, steps)


def angles(n: int, over_deg: float) -> list[float]:
    """Evenly spaced angles in degrees."""
    return [over_deg * i / n for i in range(n)]


def gratings(window: float, steps: Steps) -> Iterator[Drawing]:
    """Sine waves of a few cycles a window."""
    for cycles in steps.grating_cycles:
        f = cycles / window
        if f > FINEST_CYCLES_PX:
            break
        for angle in angles(steps.n_angles, 180):
            for v, phase in enumerate(steps.phases_deg):
                stimulus = Stimulus("grating", "stripes", angle, f, None, phase, variant=v)
                yield Drawing(stimulus, patterns.grating(angle, f, phase), bipolar=True)


def edges(window: float, steps: Steps) -> Iterator[Drawing]:
    """Steps from dark to light, both ways round, through the middle and off it."""
    if window < 2:
        return
    for angle in angles(2 * steps.n_angles, 360):
        for v, offset in enumerate(steps.offsets_frac):
            sign = 1 if angle < 180 else -1
            stimulus = Stimulus("edge", "edge", angle % 180, polarity=sign, variant=v)
            yield Drawing(stimulus, patterns.edge(angle, offset * window), bipolar=True)


def line_widths(window: float, shares: tuple[float, ...]) -> list[float]:
    """The widths of lines, in pixels: some shares of the window."""
    widths = sorted({max(1.0, share * window) for share in shares})
    return [width for width in widths if width <= window / 2]


def bars(window: float, polarities: tuple[int, ...], steps: Steps) -> Iterator[Drawing]:
    """Lines, thin and thick, through the middle and off it."""
    for width in line_widths(window, steps.widths_frac):
        for angle in angles(steps.n_angles, 180):
            for sign in polarities:
                for v, offset in enumerate(steps.offsets_frac):
                    stimulus = Stimulus("bar", "line", angle, None, width, None, None, sign, v)
                    pattern = patterns.bar(angle, width, offset * window)
                    yield Drawing(stimulus, pattern, polarity=sign)


def corners(window: float, steps: Steps) -> Iterator[Drawing]:
    """Wedges with their tip near the middle."""
    if window < 4:
        return
    for opening in steps.openings_deg:
        words = f"corner of {opening:.0f}°"
        for facing in angles(steps.n_angles, 360):
            for sign in (1, -1):
                for v, back in enumerate(steps.backs_frac[0]):
                    stimulus = Stimulus("corner", words, facing, None, None, None, opening, sign, v)
                    pattern = patterns.corner(facing, opening, back * window)
                    yield Drawing(stimulus, pattern, polarity=sign, bipolar=True)


def arcs(window: float, polarities: tuple[int, ...], steps: Steps) -> Iterator[Drawing]:
    """Curved lines, tightly and gently bent, through the middle and behind it."""
    width = max(1.0, window / 6)
    for radius in (window / n for n in steps.radii_per_window):
        if radius < 1.2 * width:
            continue
        for facing in angles(steps.n_angles, 360):
            for sign in polarities:
                for v, back in enumerate(steps.backs_frac[1]):
                    stimulus = Stimulus(
                        "arc", "curve", facing, size_px=2 * radius, polarity=sign, variant=v
                    )
                    pattern = patterns.arc(facing, radius, width, back * window)
                    yield Drawing(stimulus, pattern, polarity=sign)


def crossings(window: float, polarities: tuple[int, ...], steps: Steps) -> Iterator[Drawing]:
    """Two lines at right angles, thin and thick."""
    if window < 3:
        return
    for width in line_widths(window, steps.crossing_widths_frac):
        for angle in angles(steps.n_angles // 2, 90):
            for sign in polarities:
                stimulus = Stimulus("crossing", "crossing", angle, None, width, polarity=sign)
                yield Drawing(stimulus, patterns.crossing(angle, width), polarity=sign)


def spots(window: float, polarities: tuple[int, ...], steps: Steps) -> Iterator[Drawing]:
    """Discs of a few sizes, in the middle and a little beside it."""
    for share in steps.spots_frac:
        radius = share * window
        if radius < 0.5:
            continue
        for sign in polarities:
            for v, beside in enumerate(steps.besides_frac):
                words = f"{shade_name(sign)} spot"
                stimulus = Stimulus("spot", words, size_px=2 * radius, polarity=sign, variant=v)
                yield Drawing(stimulus, patterns.spot(radius, beside * window), polarity=sign)


def shade_name(polarity: int) -> str:
    """What is lighter or darker than the ground."""
    return "light" if polarity > 0 else "dark"


def checkerboards(window: float, steps: Steps) -> Iterator[Drawing]:
    """Checkerboards, upright and on their tip."""
    for check in sorted({max(1.0, window / 8), max(1.0, window / 4)}):
        if check > window / 4:
            continue
        for v, (turn, shift) in enumerate((t, s) for t in (0.0, 45.0) for s in steps.check_shifts):
            stimulus = Stimulus("checkerboard", "checkerboard", None, None, check, variant=v)
            yield Drawing(stimulus, patterns.checkerboard(check, turn, shift), bipolar=True)


def grains(window: float, generator: torch.Generator, steps: Steps) -> Iterator[Drawing]:
    """Noise of two coarsenesses and no direction."""
    for cycles, words in ((3.0, "coarse grain"), (6.0, "fine grain")):
        f = cycles / window
        if f > FINEST_CYCLES_PX:
            continue
        for v in range(steps.n_grains):
            stimulus = Stimulus("grain", words, None, f, variant=v)
            yield Drawing(stimulus, patterns.grain(f, generator), bipolar=True)


def naturals(window: float, textures: Sequence[NaturalTexture], steps: Steps) -> Iterator[Drawing]:
    """Textures of the set's own pictures, at several phases each."""
    for texture in textures:
        for v, picture in enumerate(texture.draws[: steps.n_grains]):
            stimulus = Stimulus(
                "natural texture", texture.words, None, texture.cycles_px, variant=v
            )
            yield Drawing(stimulus, patterns.drawn(picture, window), bipolar=True)


def colours(window: float, steps: Steps) -> Iterator[Drawing]:
    """Fields, edges, spots and stripes of a hue as bright as the ground, and the same in grey."""
    for hue in hues(steps.n_hues):
        yield from hued(window, "hue", hue, hue_name(hue), hue_name(opposite(hue)), steps)
    for sign, grey in ((1, GREY), (-1, opposite(GREY))):
        yield from hued(window, "grey", grey, "", "", steps, polarity=sign)


def hued(
    window: float,
    family: str,
    colour: Colour,
    name: str,
    other: str,
    steps: Steps,
    *,
    polarity: int = 0,
) -> Iterator[Drawing]:
    """The four shapes in one colour, against its opposite where they have two sides."""
    yield Drawing(Stimulus(f"{family} field", name, polarity=polarity), patterns.uniform(), colour)
    for share in steps.hue_spots_frac:
        if share * window >= 0.5:
            size = 2 * share * window
            stimulus = Stimulus(f"{family} spot", f"{name} spot", size_px=size, polarity=polarity)
            yield Drawing(stimulus, patterns.spot(share * window, 0.0), colour)
    if window < 2:
        return
    # A hue's opposite is a hue too, so that half a turn and two phases cover both sides.
    for angle in angles(steps.n_hue_angles, 180):
        stimulus = Stimulus(f"{family} edge", f"{name}-{other} edge", angle, polarity=polarity)
        yield Drawing(stimulus, patterns.edge(angle, 0.0), colour, bipolar=True)
        for cycles in steps.hue_cycles:
            f = cycles / window
            if f > FINEST_CYCLES_PX:
                break
            for v, phase in enumerate(steps.phases_deg[:2]):
                words = f"{name}-{other} stripes"
                stimulus = Stimulus(
                    f"{family} grating", words, angle, f, None, phase, None, polarity, v
                )
                yield Drawing(stimulus, patterns.grating(angle, f, phase), colour, bipolar=True)
