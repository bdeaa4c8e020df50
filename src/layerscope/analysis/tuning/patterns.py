"""The shapes of synthetic stimuli: brightness as a function of the place in the window."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

# (right, up) in pixels from the window's middle -> -1 to 1.
Pattern = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def across(angle_deg: float, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The distance from a line through the middle, in pixels."""
    a = math.radians(angle_deg)
    return y * math.cos(a) - x * math.sin(a)


def along(angle_deg: float, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """How far a place lies in a direction, in pixels."""
    a = math.radians(angle_deg)
    return x * math.cos(a) + y * math.sin(a)


def uniform() -> Pattern:
    """The same everywhere."""
    return lambda x, y: torch.ones_like(x)


def grating(angle_deg: float, cycles_px: float, phase_deg: float) -> Pattern:
    """A sine wave; phase 0 has its lightest line in the middle."""
    shift = math.radians(phase_deg)
    return lambda x, y: torch.cos(2 * math.pi * cycles_px * across(angle_deg, x, y) + shift)


def edge(angle_deg: float, offset_px: float) -> Pattern:
    """A step from dark to light."""
    return lambda x, y: torch.where(across(angle_deg, x, y) > offset_px, 1.0, -1.0)


def bar(angle_deg: float, width_px: float, offset_px: float) -> Pattern:
    """A line."""
    return lambda x, y: ((across(angle_deg, x, y) - offset_px).abs() < width_px / 2).float()


def crossing(angle_deg: float, width_px: float) -> Pattern:
    """Two lines at right angles."""

    def draw(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        one = across(angle_deg, x, y).abs() < width_px / 2
        other = along(angle_deg, x, y).abs() < width_px / 2
        return (one | other).float()

    return draw


def corner(facing_deg: float, opening_deg: float, back_px: float) -> Pattern:
    """A wedge whose tip lies `back_px` behind the middle."""

    def draw(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        ahead, aside = along(facing_deg, x, y) + back_px, across(facing_deg, x, y)
        inside = torch.atan2(aside.abs(), ahead) < math.radians(opening_deg / 2)
        return torch.where(inside, 1.0, -1.0)

    return draw


def arc(facing_deg: float, radius_px: float, width_px: float, back_px: float) -> Pattern:
    """A curved line `back_px` behind the middle; it opens the way it faces."""

    def draw(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        ahead, aside = along(facing_deg, x, y) + back_px - radius_px, across(facing_deg, x, y)
        ring = ((ahead.square() + aside.square()).sqrt() - radius_px).abs() < width_px / 2
        return (ring & (ahead < 0)).float()

    return draw


def spot(radius_px: float, beside_px: float) -> Pattern:
    """A disc, its middle so far to the right of the window's and below it."""

    def draw(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        away = (x - beside_px).square() + (y + beside_px).square()
        return (away < radius_px * radius_px).float()

    return draw


def checkerboard(side_px: float, turn_deg: float, shift_frac: float) -> Pattern:
    """Squares of alternating brightness."""

    def draw(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        i = torch.floor(along(turn_deg, x, y) / side_px + shift_frac)
        j = torch.floor(across(turn_deg, x, y) / side_px + shift_frac)
        return 1.0 - 2.0 * ((i + j) % 2)

    return draw


def grain(cycles_px: float, generator: torch.Generator) -> Pattern:
    """Noise of one coarseness and no direction: the sum of waves in all directions."""
    waves = 24
    directions = (math.pi * torch.rand(waves, generator=generator)).tolist()
    phases = (2 * math.pi * torch.rand(waves, generator=generator)).tolist()
    rates = (cycles_px * (0.8 + 0.4 * torch.rand(waves, generator=generator))).tolist()

    def draw(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        total = torch.zeros_like(x)
        for direction, phase, rate in zip(directions, phases, rates, strict=True):
            total += torch.cos(2 * math.pi * rate * along(math.degrees(direction), x, y) + phase)
        # Most of it lies within 2 deviations, which are sqrt(waves / 2) each.
        return (total / (2 * math.sqrt(waves / 2))).clamp(-1, 1)

    return draw


def drawn(picture: torch.Tensor, window_px: float) -> Pattern:
    """A picture, float (s, s), that fills the window."""

    def draw(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        s = len(picture)
        row = ((0.5 - y / window_px) * s).floor().long().clamp(0, s - 1)
        column = ((0.5 + x / window_px) * s).floor().long().clamp(0, s - 1)
        return picture[row, column]

    return draw
