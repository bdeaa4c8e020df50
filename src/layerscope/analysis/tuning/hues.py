"""Colours of equal brightness, and what they are called."""

from __future__ import annotations

import colorsys
import math

import torch

# Rec. 709: how bright each of red, green and blue looks.
LUMA = (0.2126, 0.7152, 0.0722)
Colour = tuple[float, float, float]
LEVEL = 1 / math.sqrt(3)
GREY: Colour = (LEVEL, LEVEL, LEVEL)


def hues(n: int) -> list[Colour]:
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


def opposite(hue: Colour) -> Colour:
    """The hue on the other side of grey."""
    return (-hue[0], -hue[1], -hue[2])


def hue_name(direction: Colour) -> str:
    """What the colour in a direction from grey is called."""
    r, g, b = (0.5 + 0.4 * value for value in direction)
    hue = 360 * colorsys.rgb_to_hsv(r, g, b)[0]
    names = ((20, "red"), (45, "orange"), (75, "yellow"), (160, "green"), (200, "cyan"),
             (260, "blue"), (295, "violet"), (340, "magenta"), (361, "red"))  # fmt: skip
    return next(name for limit, name in names if hue < limit)
