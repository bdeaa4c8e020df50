"""The poses: where body, legs, tail and head go. Cats and dogs take the same ones."""

from __future__ import annotations

from layerscope.data.creatures import shapes
from layerscope.data.creatures.animal import Frame, head, leg, tail
from layerscope.data.creatures.draws import Draws


def sitting(frame: Frame, draws: Draws) -> None:
    """Facing us on its haunches."""
    tail(frame, draws, 0.25, 0.72)
    with frame.near(0.0, 0.48, 0.7) as own:
        x, y = own.x, own.y
        for side in (-1.0, 1.0):
            haunch = shapes.ellipse(x, y, side * 0.3, 0.7, 0.24, 0.26)
            own.paint(haunch, own.coat.fur, "leg", rim=0.06)
        body = shapes.ellipse(x, y, 0.0, 0.42, draws.uniform(0.33, 0.4), 0.48)
        own.paint(body, own.coat.fur, "body", rim=0.1)
        chest = shapes.ellipse(x, y, 0.0, 0.36, 0.18, 0.28)
        own.paint(chest, own.coat.second, "body", rim=0.0)
    for side in (-1.0, 1.0):
        leg(frame, side * 0.14, 0.5, side * 0.15, 0.88)
    head(frame, draws, 0.0, -0.28, 0.44)


def standing(frame: Frame, draws: Draws) -> None:
    """Seen from the side, its face turned to us."""
    tail(frame, draws, 0.62, 0.12)
    for at in (-0.2, 0.42):
        leg(frame, at, 0.35, at - 0.05, 0.84)
    with frame.near(0.14, 0.25, 0.62) as own:
        body = shapes.ellipse(own.x, own.y, 0.14, 0.25, 0.56, draws.uniform(0.24, 0.3))
        own.paint(body, own.coat.fur, "body", rim=0.12)
    for at in (-0.3, 0.54):
        leg(frame, at, 0.35, at, 0.88)
    head(frame, draws, -0.44, -0.22, 0.38)


def lying(frame: Frame, draws: Draws) -> None:
    """On its belly, paws in front."""
    tail(frame, draws, 0.66, 0.55)
    with frame.near(0.16, 0.5, 0.66) as own:
        x, y = own.x, own.y
        body = shapes.ellipse(x, y, 0.16, 0.5, 0.6, draws.uniform(0.28, 0.34))
        own.paint(body, own.coat.fur, "body", rim=0.12)
        haunch = shapes.ellipse(x, y, 0.5, 0.6, 0.24, 0.22)
        own.paint(haunch, own.coat.fur, "leg", rim=0.08)
    for at in (-0.5, -0.12):
        leg(frame, at + 0.12, 0.66, at, 0.76, r=0.11)
    head(frame, draws, -0.3, 0.05, 0.42)


def close_up(frame: Frame, draws: Draws) -> None:
    """Head and shoulders."""
    body = shapes.ellipse(frame.x, frame.y, 0.0, 2.0, draws.uniform(0.66, 0.8), 1.55)
    frame.paint(body, frame.coat.fur, "body", rim=0.12)
    head(frame, draws, 0.0, 0.05, 0.66)


POSES = (sitting, standing, lying, close_up)
