"""A cat or a dog, shape by shape, back to front."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from layerscope.data.creatures import shapes
from layerscope.data.creatures.draws import Draws
from layerscope.data.creatures.fur import Coat
from layerscope.data.creatures.mask_canvas import Canvas
from layerscope.data.creatures.windows import window_about

RIM = 0.07
PINK = torch.tensor([0.90, 0.62, 0.60])
BLACK = torch.tensor([0.10, 0.09, 0.10])
WHITE = torch.tensor([0.97, 0.97, 0.95])
# Noses and the insides of ears: the same for cats and dogs, so that no colour tells.
NOSES = torch.tensor([[0.10, 0.09, 0.10], [0.90, 0.62, 0.60], [0.42, 0.27, 0.22]])
IRISES = torch.tensor(
    [[0.55, 0.70, 0.30], [0.85, 0.68, 0.22], [0.50, 0.34, 0.18], [0.35, 0.58, 0.75]]
)


@dataclass(frozen=True)
class Frame:
    """Coordinates about the creature, mirrored, scaled and turned, and what is being drawn.

    Args:
        canvas: what is painted on.
        x, y: float (B, S, S), the creature's own coordinates.
        zoom: float (B,), how large it is: distances in its own coordinates times this are ours.
        coat: its colours.
        is_dog: whether all of them are dogs, else all are cats.
    """

    canvas: Canvas
    x: torch.Tensor
    y: torch.Tensor
    zoom: torch.Tensor
    coat: Coat
    is_dog: bool

    @contextlib.contextmanager
    def near(
        self, cx: shapes.Value, cy: shapes.Value, reach: shapes.Value, *, furry: bool = True
    ) -> Iterator[Frame]:
        """The same about a point alone: what is painted further from it than `reach` is lost.

        Without fur where nothing is painted with it.
        """
        reach_px = reach * self.zoom / self.canvas.pixel
        window = window_about(self.x, self.y, cx, cy, reach_px)
        with self.canvas.within(window) as canvas:
            if window is None:
                yield self
                return
            coat = replace(self.coat, fur=window.of(self.coat.fur)) if furry else self.coat
            x, y = window.of(self.x), window.of(self.y)
            yield replace(self, canvas=canvas, x=x, y=y, coat=coat)

    def paint(
        self,
        distance: torch.Tensor,
        colour: torch.Tensor,
        part: str,
        *,
        rim: float = RIM,
        present: torch.Tensor | None = None,
    ) -> None:
        """Paint one of the creature's parts."""
        if colour.ndim == 1:
            colour = colour.expand(len(distance), 3)
        self.canvas.paint(
            distance * shapes.column(self.zoom), colour, part=part, rim=rim, present=present
        )


def tail(frame: Frame, draws: Draws, root_x: float, root_y: float) -> None:
    """Cats: long, thin and curled. Dogs: half as long, thick, held up."""
    lift = draws.uniform(0.7, 1.15)
    out = draws.uniform(0.3, 0.5)
    root = (root_x, root_y)
    if frame.is_dog:
        points = (root, (root_x + out * 0.7, root_y - 0.1), (root_x + out, root_y - lift * 0.6))
        with frame.near(root_x + 0.25, root_y - 0.35, 0.65) as own:
            short = shapes.bend(own.x, own.y, points, 0.12, 0.06, pieces=4)
            own.paint(short, own.coat.fur, "tail")
        return
    points = (
        root,
        (root_x + out * 1.3, root_y),
        (root_x + out * 1.1, root_y - lift),
        (root_x + out * 0.3, root_y - lift * 0.95),
    )
    with frame.near(root_x + 0.3, root_y - 0.55, 0.85) as own:
        long = shapes.bend(own.x, own.y, points, 0.065, 0.05)
        own.paint(long, own.coat.fur, "tail", rim=0.04)


def leg(frame: Frame, x0: float, y0: float, x1: float, y1: float, r: float = 0.1) -> None:
    """One leg with its paw."""
    half = math.hypot(x1 - x0, y1 - y0) / 2
    with frame.near((x0 + x1) / 2, (y0 + y1) / 2, half + 2 * r) as own:
        limb = shapes.capsule(own.x, own.y, (x0, y0), (x1, y1), r * 1.1, r * 0.85)
        paw = shapes.ellipse(own.x, own.y, x1 - 0.03, y1 + r * 0.35, r * 1.2, r * 0.75)
        own.paint(torch.minimum(limb, paw), own.coat.fur, "leg", rim=0.05)


def head(frame: Frame, draws: Draws, cx: float, cy: float, r: float) -> None:
    """The head, where the difference lies: ears, eyes, snout, whiskers."""
    with frame.near(cx, cy, 1.85 * r) as own:
        x = (own.x - cx) / r
        y = (own.y - cy) / r
        x, y = shapes.turned(x, y, 0.0, 0.0, draws.uniform(-0.12, 0.12))
        own = replace(own, x=x, y=y, zoom=own.zoom * r)
        upright_ears(own, draws)
        width = draws.uniform(0.96, 1.06)
        own.paint(shapes.ellipse(x, y, 0.0, 0.0, width, 0.86), own.coat.fur, "head", rim=0.2)
        hanging_ears(own, draws)
        snout(own, draws)
        eyes(own, draws)
        whiskers(own, draws)


def upright_ears(frame: Frame, draws: Draws) -> None:
    """A cat's: triangles with a pink inside, behind the head."""
    tall = draws.uniform(1.2, 1.45)
    inside = draws.choice(torch.stack([PINK, BLACK * 2.5, WHITE * 0.9]))
    reach = [(side, draws.uniform(0.72, 0.86)) for side in (-1.0, 1.0)]
    if frame.is_dog:
        return
    for side, far in reach:
        base, tip, foot = (side * 0.18, -0.62), (side * far, -tall), (side * 0.9, -0.25)
        top = (side * 0.72, -tall * 0.88)
        with frame.near(side * 0.6, -0.85, 0.8) as own:
            x, y = own.x, own.y
            outer = shapes.triangle(x, y, base, tip, foot, rounding=0.07)
            own.paint(outer, own.coat.fur, "ear", rim=0.12)
            inner = shapes.triangle(
                x, y, (side * 0.4, -0.66), top, (side * 0.78, -0.45), rounding=0.02
            )
            own.paint(inner, inside, "ear", rim=0.0)


def hanging_ears(frame: Frame, draws: Draws) -> None:
    """A dog's: drops that hang over the sides of the head."""
    long = draws.uniform(0.25, 0.6)
    wide = draws.uniform(0.24, 0.3)
    spread = draws.uniform(0.98, 1.16)
    shade = draws.choice(torch.tensor([0.68, 1.0, 1.3]))[:, None, None, None]
    if not frame.is_dog:
        return
    for side in (-1.0, 1.0):
        points = ((side * 0.55, -0.68), (side * spread, -0.75), (side * spread, long))
        with frame.near(side * 0.85, -0.05, 1.1) as own:
            drop = shapes.bend(own.x, own.y, points, 0.16, wide, pieces=4)
            colour = (own.coat.fur * shade).clamp(0, 1)
            own.paint(drop, colour, "ear", rim=0.12)


def snout(frame: Frame, draws: Draws) -> None:
    """A cat's: two small cheeks and a small pink nose. A dog's: a long muzzle, a big black nose."""
    leather = draws.choice(NOSES)
    fair = draws.chance(0.5)[:, None]
    pale = frame.coat.second * fair + frame.coat.main * (1 - fair)
    long = draws.uniform(0.38, 0.5)
    out = draws.chance(0.4)
    if not frame.is_dog:
        with frame.near(0.0, 0.36, 0.45, furry=False) as own:
            x, y = own.x, own.y
            for side in (-1.0, 1.0):
                cheek = shapes.ellipse(x, y, side * 0.16, 0.38, 0.21, 0.17)
                own.paint(cheek, pale, "snout", rim=0.06)
            nose = shapes.triangle(x, y, (-0.09, 0.2), (0.09, 0.2), (0.0, 0.3), rounding=0.03)
            own.paint(nose, leather, "snout", rim=0.0)
        return
    with frame.near(0.0, 0.52, 0.7, furry=False) as own:
        x, y = own.x, own.y
        muzzle = shapes.ellipse(x, y, 0.0, 0.46, 0.46, long)
        own.paint(muzzle, pale, "snout", rim=0.14)
        tongue = shapes.capsule(x, y, (0.05, 0.75), (0.06, 0.98), 0.11, 0.12)
        own.paint(tongue, PINK * 0.95, "snout", rim=0.06, present=out)
        big = shapes.ellipse(x, y, 0.0, 0.24, 0.21, 0.15)
        own.paint(big, leather, "snout", rim=0.0)
        shine = shapes.ellipse(x, y, -0.06, 0.19, 0.06, 0.035)
        own.paint(shine, WHITE * 0.8, "snout", rim=0.0)
        mouth = shapes.capsule(x, y, (0.0, 0.36), (0.0, 0.62), 0.025, 0.025)
        own.paint(mouth, BLACK, "snout", rim=0.0)


def eyes(frame: Frame, draws: Draws) -> None:
    """A cat's: almonds with slits. A dog's: round and dark."""
    iris = draws.choice(IRISES)
    iris = iris * draws.uniform(0.7, 1.0)[:, None]
    apart = draws.uniform(0.38, 0.46)
    for side in (-1.0, 1.0):
        cx = apart * side
        with frame.near(cx, -0.13, 0.32, furry=False) as own:
            x, y = own.x, own.y
            if frame.is_dog:
                ball = shapes.ellipse(x, y, cx, -0.14, 0.2, 0.2)
                own.paint(ball, iris * 0.8, "eye", rim=0.1)
                pupil = shapes.ellipse(x, y, cx, -0.14, 0.13, 0.13)
                own.paint(pupil, BLACK, "eye", rim=0.0)
            else:
                almond = shapes.ellipse(x, y, cx, -0.12, 0.25, 0.17, 0.3 * side)
                own.paint(almond, iris, "eye", rim=0.1)
                slit = shapes.ellipse(x, y, cx, -0.12, 0.06, 0.15)
                own.paint(slit, BLACK, "eye", rim=0.0)
            glint = shapes.ellipse(x, y, cx + 0.06, -0.21, 0.055, 0.055)
            own.paint(glint, WHITE, "eye", rim=0.0)


def whiskers(frame: Frame, draws: Draws) -> None:
    """A cat's: three to a side, light or dark."""
    colour = torch.where(draws.uniform()[:, None] < 0.5, WHITE, BLACK * 2)
    droop = draws.uniform(-0.08, 0.14)
    if frame.is_dog:
        return
    for side in (-1.0, 1.0):
        with frame.near(side * 0.8, 0.42, 0.6, furry=False) as own:
            for fan in (-0.16, 0.02, 0.2):
                start, end = (side * 0.4, 0.37 + fan * 0.4), (side * 1.2, 0.36 + fan + droop)
                hair = shapes.capsule(own.x, own.y, start, end, 0.035, 0.02)
                own.paint(hair, colour, "whiskers", rim=0.0)
