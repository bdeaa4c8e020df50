"""A cat or a dog, shape by shape, back to front."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from layerscope.data.creatures import shapes
from layerscope.data.creatures.draws import Draws
from layerscope.data.creatures.fur import Coat
from layerscope.data.creatures.mask_canvas import Canvas

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
        is_dog: float (B,), 1 for dogs.
    """

    canvas: Canvas
    x: torch.Tensor
    y: torch.Tensor
    zoom: torch.Tensor
    coat: Coat
    is_dog: torch.Tensor

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
    x, y = frame.x, frame.y
    cat = 1 - frame.is_dog
    lift = draws.uniform(0.7, 1.15)
    out = draws.uniform(0.3, 0.5)
    root = (root_x, root_y)
    long = shapes.bend(
        x, y,
        (
            root,
            (root_x + out * 1.3, root_y),
            (root_x + out * 1.1, root_y - lift),
            (root_x + out * 0.3, root_y - lift * 0.95),
        ),
        0.065, 0.05,
    )  # fmt: skip
    frame.paint(long, frame.coat.fur, "tail", rim=0.04, present=cat)
    short = shapes.bend(
        x, y, (root, (root_x + out * 0.7, root_y - 0.1), (root_x + out, root_y - lift * 0.6)),
        0.12, 0.06, pieces=4,
    )  # fmt: skip
    frame.paint(short, frame.coat.fur, "tail", present=frame.is_dog)


def leg(frame: Frame, x0: float, y0: float, x1: float, y1: float, r: float = 0.1) -> None:
    """One leg with its paw."""
    limb = shapes.capsule(frame.x, frame.y, (x0, y0), (x1, y1), r * 1.1, r * 0.85)
    paw = shapes.ellipse(frame.x, frame.y, x1 - 0.03, y1 + r * 0.35, r * 1.2, r * 0.75)
    frame.paint(torch.minimum(limb, paw), frame.coat.fur, "leg", rim=0.05)


def head(frame: Frame, draws: Draws, cx: float, cy: float, r: float) -> None:
    """The head, where the difference lies: ears, eyes, snout, whiskers."""
    x = (frame.x - cx) / r
    y = (frame.y - cy) / r
    own = Frame(frame.canvas, x, y, frame.zoom * r, frame.coat, frame.is_dog)
    tilt = draws.uniform(-0.12, 0.12)
    x, y = shapes.turned(x, y, 0.0, 0.0, tilt)
    own = Frame(own.canvas, x, y, own.zoom, own.coat, own.is_dog)
    upright_ears(own, draws)
    width = draws.uniform(0.96, 1.06)
    own.paint(shapes.ellipse(x, y, 0.0, 0.0, width, 0.86), own.coat.fur, "head", rim=0.2)
    hanging_ears(own, draws)
    snout(own, draws)
    eyes(own, draws)
    whiskers(own, draws)


def upright_ears(frame: Frame, draws: Draws) -> None:
    """A cat's: triangles with a pink inside, behind the head."""
    cat = 1 - frame.is_dog
    tall = draws.uniform(1.2, 1.45)
    inside = draws.choice(torch.stack([PINK, BLACK * 2.5, WHITE * 0.9]))
    for side in (-1.0, 1.0):
        base, tip = (side * 0.18, -0.62), (side * draws.uniform(0.72, 0.86), -tall)
        foot = (side * 0.9, -0.25)
        outer = shapes.triangle(frame.x, frame.y, base, tip, foot, rounding=0.07)
        frame.paint(outer, frame.coat.fur, "ear", rim=0.12, present=cat)
        inner = shapes.triangle(
            frame.x, frame.y,
            (side * 0.4, -0.66), (side * 0.72, -tall * 0.88), (side * 0.78, -0.45),
            rounding=0.02,
        )  # fmt: skip
        frame.paint(inner, inside, "ear", rim=0.0, present=cat)


def hanging_ears(frame: Frame, draws: Draws) -> None:
    """A dog's: drops that hang over the sides of the head."""
    long = draws.uniform(0.25, 0.6)
    wide = draws.uniform(0.24, 0.3)
    spread = draws.uniform(0.98, 1.16)
    shade = draws.choice(torch.tensor([0.68, 1.0, 1.3]))[:, None, None, None]
    for side in (-1.0, 1.0):
        drop = shapes.bend(
            frame.x, frame.y,
            ((side * 0.55, -0.68), (side * spread, -0.75), (side * spread, long)),
            0.16, wide, pieces=4,
        )  # fmt: skip
        colour = (frame.coat.fur * shade).clamp(0, 1)
        frame.paint(drop, colour, "ear", rim=0.12, present=frame.is_dog)


def snout(frame: Frame, draws: Draws) -> None:
    """A cat's: two small cheeks and a small pink nose. A dog's: a long muzzle, a big black nose."""
    x, y, dog = frame.x, frame.y, frame.is_dog
    cat = 1 - dog
    leather = draws.choice(NOSES)
    fair = draws.chance(0.5)[:, None]
    pale = frame.coat.second * fair + frame.coat.main * (1 - fair)
    for side in (-1.0, 1.0):
        cheek = shapes.ellipse(x, y, side * 0.16, 0.38, 0.21, 0.17)
        frame.paint(cheek, pale, "snout", rim=0.06, present=cat)
    nose = shapes.triangle(x, y, (-0.09, 0.2), (0.09, 0.2), (0.0, 0.3), rounding=0.03)
    frame.paint(nose, leather, "snout", rim=0.0, present=cat)

    long = draws.uniform(0.38, 0.5)
    muzzle = shapes.ellipse(x, y, 0.0, 0.46, 0.46, long)
    frame.paint(muzzle, pale, "snout", rim=0.14, present=dog)
    tongue = shapes.capsule(x, y, (0.05, 0.75), (0.06, 0.98), 0.11, 0.12)
    out = draws.chance(0.4) * dog
    frame.paint(tongue, PINK * 0.95, "snout", rim=0.06, present=out)
    big = shapes.ellipse(x, y, 0.0, 0.24, 0.21, 0.15)
    frame.paint(big, leather, "snout", rim=0.0, present=dog)
    shine = shapes.ellipse(x, y, -0.06, 0.19, 0.06, 0.035)
    frame.paint(shine, WHITE * 0.8, "snout", rim=0.0, present=dog)
    mouth = shapes.capsule(x, y, (0.0, 0.36), (0.0, 0.62), 0.025, 0.025)
    frame.paint(mouth, BLACK, "snout", rim=0.0, present=dog)


def eyes(frame: Frame, draws: Draws) -> None:
    """A cat's: almonds with slits. A dog's: round and dark."""
    x, y, dog = frame.x, frame.y, frame.is_dog
    cat = 1 - dog
    iris = draws.choice(IRISES)
    iris = iris * draws.uniform(0.7, 1.0)[:, None]
    apart = draws.uniform(0.38, 0.46)
    for side in (-1.0, 1.0):
        cx = apart * side
        almond = shapes.ellipse(x, y, cx, -0.12, 0.25, 0.17, 0.3 * side)
        frame.paint(almond, iris, "eye", rim=0.1, present=cat)
        slit = shapes.ellipse(x, y, cx, -0.12, 0.06, 0.15)
        frame.paint(slit, BLACK, "eye", rim=0.0, present=cat)
        ball = shapes.ellipse(x, y, cx, -0.14, 0.2, 0.2)
        frame.paint(ball, iris * 0.8, "eye", rim=0.1, present=dog)
        pupil = shapes.ellipse(x, y, cx, -0.14, 0.13, 0.13)
        frame.paint(pupil, BLACK, "eye", rim=0.0, present=dog)
        glint = shapes.ellipse(x, y, cx + 0.06, -0.21, 0.055, 0.055)
        frame.paint(glint, WHITE, "eye", rim=0.0)


def whiskers(frame: Frame, draws: Draws) -> None:
    """A cat's: three to a side, light or dark."""
    cat = 1 - frame.is_dog
    colour = torch.where(draws.uniform()[:, None] < 0.5, WHITE, BLACK * 2)
    droop = draws.uniform(-0.08, 0.14)
    for side in (-1.0, 1.0):
        for fan in (-0.16, 0.02, 0.2):
            hair = shapes.capsule(
                frame.x, frame.y, (side * 0.4, 0.37 + fan * 0.4), (side * 1.2, 0.36 + fan + droop),
                0.035, 0.02,
            )  # fmt: skip
            frame.paint(hair, colour, "whiskers", rim=0.0, present=cat)
