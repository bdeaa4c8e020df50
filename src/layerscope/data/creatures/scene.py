"""What surrounds a creature: the ground, things that lie about, light."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from layerscope.data.creatures import shapes
from layerscope.data.creatures.draws import Draws
from layerscope.data.creatures.mask_canvas import Canvas
from layerscope.data.creatures.windows import window_about

GROUNDS = torch.tensor(
    [
        [0.45, 0.62, 0.35], [0.76, 0.66, 0.50], [0.55, 0.48, 0.42], [0.70, 0.72, 0.74],
        [0.38, 0.45, 0.52], [0.83, 0.78, 0.70], [0.52, 0.66, 0.60], [0.66, 0.52, 0.48],
    ]
)  # fmt: skip
WALLS = torch.tensor(
    [
        [0.72, 0.84, 0.93], [0.93, 0.88, 0.78], [0.80, 0.86, 0.78], [0.86, 0.78, 0.80],
        [0.62, 0.70, 0.80], [0.95, 0.93, 0.90], [0.58, 0.60, 0.58], [0.90, 0.80, 0.66],
    ]
)  # fmt: skip
THINGS = torch.tensor(
    [
        [0.83, 0.30, 0.27], [0.25, 0.45, 0.75], [0.93, 0.75, 0.27], [0.30, 0.58, 0.38],
        [0.58, 0.38, 0.62], [0.88, 0.55, 0.35], [0.35, 0.35, 0.40], [0.90, 0.88, 0.82],
    ]
)  # fmt: skip


def vary(colour: torch.Tensor, draws: Draws, reach: float = 0.08) -> torch.Tensor:
    """A colour a little lighter or darker, (B, 3)."""
    return (colour + draws.uniform(-reach, reach)[:, None]).clamp(0, 1)


def near(
    canvas: Canvas, cx: torch.Tensor, cy: torch.Tensor, reach: torch.Tensor
) -> AbstractContextManager[Canvas]:
    """The canvas about a point alone, as `Canvas.within` has it."""
    return canvas.within(window_about(canvas.x, canvas.y, cx, cy, reach / canvas.pixel))


def backdrop(canvas: Canvas, draws: Draws) -> None:
    """Wall and ground, or one field of colour, with some texture."""
    # Dark rooms as often as bright ones: a coat must stand out now lighter, now darker.
    dusk = draws.choice(torch.tensor([0.32, 0.5, 0.8, 1.0]))[:, None]
    wall = vary(draws.choice(WALLS), draws) * dusk
    ground = vary(draws.choice(GROUNDS), draws) * dusk
    horizon = draws.uniform(-0.1, 0.75)
    tilt = draws.uniform(-0.08, 0.08)
    texture = (draws.noise(0, canvas.x.shape[1]) - 0.5) * draws.uniform(0, 0.16)[:, None, None]
    height = canvas.y - shapes.column(horizon) - canvas.x * shapes.column(tilt)
    below = canvas.cover(-height)[:, None]
    shade = 1 + 0.12 * (canvas.y * shapes.column(draws.uniform(-1, 1)))[:, None]
    base = wall[:, :, None, None] * (1 - below) + ground[:, :, None, None] * below
    canvas.colour = ((base + texture[:, None]) * shade).clamp(0, 1)


def clutter(canvas: Canvas, draws: Draws) -> None:
    """Up to three things standing about: balls, boxes, plants."""
    for _ in range(2):
        colour = vary(draws.choice(THINGS), draws)
        cx, cy = draws.uniform(-1, 1), draws.uniform(-0.2, 0.9)
        r = draws.uniform(0.08, 0.28)
        kind = draws.uniform()
        lean = draws.uniform(-0.3, 0.3)
        with near(canvas, cx, cy, 1.35 * r) as own:
            ball = shapes.ellipse(own.x, own.y, cx, cy, r, r)
            crate = shapes.box(own.x, own.y, cx, cy, r, r * 0.8, lean)
            own.paint(ball, colour, rim=0.06, present=(kind < 0.35).float())
            own.paint(crate, colour, rim=0.04, present=((kind >= 0.35) & (kind < 0.65)).float())
    colour = vary(GROUNDS[0].expand(len(canvas.x), 3), draws, 0.15)
    cx, cy = draws.uniform(-1, 1), draws.uniform(0.1, 0.9)
    there = draws.chance(0.35)
    with near(canvas, cx, cy - 0.2, torch.full_like(cx, 0.45)) as own:
        for lean in (-0.22, 0.0, 0.22):
            points = ((cx, cy), (cx, cy - 0.3), (cx + lean, cy - 0.45))
            leaf = shapes.bend(own.x, own.y, points, 0.07, 0.015, pieces=3)
            own.paint(leaf, colour, rim=0.03, present=there)


def in_front(canvas: Canvas, draws: Draws) -> None:
    """Now and then a thing that hides some of the creature."""
    colour = vary(draws.choice(THINGS), draws)
    side = torch.where(draws.uniform() < 0.5, -1.0, 1.0)
    cx, cy = side * draws.uniform(0.25, 0.9), draws.uniform(0.35, 0.95)
    r = draws.uniform(0.14, 0.34)
    there = draws.chance(0.22)
    round_one = draws.chance(0.5)
    with near(canvas, cx, cy, 1.5 * r) as own:
        ball = shapes.ellipse(own.x, own.y, cx, cy, r, r)
        crate = shapes.box(own.x, own.y, cx, cy, r, r)
        own.paint(ball, colour, rim=0.07, present=there * round_one)
        own.paint(crate, colour, rim=0.05, present=there * (1 - round_one))


def light(canvas: Canvas, draws: Draws, noise: torch.Tensor) -> torch.Tensor:
    """Brightness, a slope of light, a tint and the grain of a camera.

    Args:
        noise: float (B, 3, S, S), standard normal.

    Returns:
        uint8 (B, 3, S, S).
    """
    angle = draws.uniform(0, 6.2832)
    slope = canvas.x * shapes.column(angle.cos()) + canvas.y * shapes.column(angle.sin())
    lit = 1 + slope[:, None] * draws.uniform(0, 0.22)[:, None, None, None]
    tint = torch.stack([draws.uniform(0.92, 1.08) for _ in range(3)], 1)[:, :, None, None]
    bright = draws.uniform(0.75, 1.12)[:, None, None, None]
    grain = noise * draws.uniform(0.0, 0.02)[:, None, None, None]
    image = canvas.colour * lit * tint * bright + grain
    return (image.clamp(0, 1) * 255).round().to(torch.uint8)
