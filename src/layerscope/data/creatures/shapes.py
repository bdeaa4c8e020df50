"""Signed distances to simple shapes, for a whole batch of pictures at once.

Every function takes a point (x, y), each float (B, S, S), and shape parameters, each float (B,) or
a number, in units where the picture reaches from -1 to 1 with y pointing down. It returns the
distance to the shape's edge, float (B, S, S): negative inside.

Source: the formulas are the standard ones of Inigo Quilez, "2D distance functions".
"""

from __future__ import annotations

import itertools

import torch

Value = torch.Tensor | float


def column(value: Value) -> Value:
    """A parameter per picture, shaped to meet maps."""
    return value.view(-1, 1, 1) if isinstance(value, torch.Tensor) and value.ndim == 1 else value


def turned(
    x: torch.Tensor, y: torch.Tensor, cx: Value, cy: Value, angle: Value
) -> tuple[torch.Tensor, torch.Tensor]:
    """Coordinates about a centre, turned by an angle in radians."""
    dx, dy = x - column(cx), y - column(cy)
    if isinstance(angle, float) and not angle:
        return dx, dy
    if not isinstance(angle, torch.Tensor):
        angle = torch.full((len(x),), float(angle))
    cos, sin = column(angle.cos()), column(angle.sin())
    return cos * dx + sin * dy, cos * dy - sin * dx


def ellipse(
    x: torch.Tensor, y: torch.Tensor, cx: Value, cy: Value, rx: Value, ry: Value, angle: Value = 0.0
) -> torch.Tensor:
    """An ellipse; its distance is exact to first order at the edge, where it matters."""
    u, v = turned(x, y, cx, cy, angle)
    rx, ry = column(rx), column(ry)
    u, v = u / rx, v / ry
    k = (u * u + v * v).sqrt()
    slope = ((u / rx) ** 2 + (v / ry) ** 2).sqrt()
    return k * (k - 1) / slope.clamp(min=1e-3)


def capsule(
    x: torch.Tensor,
    y: torch.Tensor,
    start: tuple[Value, Value],
    end: tuple[Value, Value],
    r0: Value,
    r1: Value,
) -> torch.Tensor:
    """A stroke from one point to another whose radius goes from r0 to r1."""
    ax, ay, bx, by = (column(v) for v in (*start, *end))
    dx, dy = x - ax, y - ay
    ex, ey = bx - ax, by - ay
    length = ex * ex + ey * ey
    if isinstance(length, torch.Tensor):
        length = length.clamp(min=1e-9)
    t = ((dx * ex + dy * ey) / length).clamp(0, 1)
    return ((dx - t * ex) ** 2 + (dy - t * ey) ** 2).sqrt() - (
        column(r0) + (column(r1) - column(r0)) * t
    )


def bend(
    x: torch.Tensor,
    y: torch.Tensor,
    points: tuple[tuple[Value, Value], ...],
    r0: Value,
    r1: Value,
    *,
    pieces: int = 6,
) -> torch.Tensor:
    """A stroke along the Bézier curve of three or four points, as a chain of straight pieces."""

    def at(t: float) -> tuple[Value, Value]:
        level = list(points)
        while len(level) > 1:
            level = [
                (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t)
                for a, b in itertools.pairwise(level)
            ]
        return level[0]

    distance: torch.Tensor | None = None
    for i in range(pieces):
        t0, t1 = i / pieces, (i + 1) / pieces
        piece = capsule(x, y, at(t0), at(t1), r0 + (r1 - r0) * t0, r0 + (r1 - r0) * t1)
        distance = piece if distance is None else torch.minimum(distance, piece)
    assert distance is not None, "a stroke has at least one piece"
    return distance


def triangle(
    x: torch.Tensor,
    y: torch.Tensor,
    a: tuple[Value, Value],
    b: tuple[Value, Value],
    c: tuple[Value, Value],
    *,
    rounding: Value = 0.0,
) -> torch.Tensor:
    """A triangle with rounded corners, its points in either order of turning."""
    corners = [tuple(column(v) for v in point) for point in (a, b, c)]
    nearest: torch.Tensor | None = None
    sides = []
    for (px, py), (qx, qy) in zip(corners, corners[1:] + corners[:1], strict=True):
        ex, ey = qx - px, qy - py
        dx, dy = x - px, y - py
        length = ex * ex + ey * ey
        t = ((dx * ex + dy * ey) / length).clamp(0, 1)
        square = (dx - t * ex) ** 2 + (dy - t * ey) ** 2
        nearest = square if nearest is None else torch.minimum(nearest, square)
        sides.append(ex * dy - ey * dx)
    assert nearest is not None, "a triangle has three sides"
    inside = ((sides[0] > 0) & (sides[1] > 0) & (sides[2] > 0)) | (
        (sides[0] < 0) & (sides[1] < 0) & (sides[2] < 0)
    )
    distance = torch.where(inside, -nearest.sqrt(), nearest.sqrt())
    return distance - column(rounding)


def box(
    x: torch.Tensor, y: torch.Tensor, cx: Value, cy: Value, hw: Value, hh: Value, angle: Value = 0.0
) -> torch.Tensor:
    """A rectangle of half width hw and half height hh."""
    u, v = turned(x, y, cx, cy, angle)
    u, v = u.abs() - column(hw), v.abs() - column(hh)
    outside = (u.clamp(min=0) ** 2 + v.clamp(min=0) ** 2).sqrt()
    return outside + torch.maximum(u, v).clamp(max=0)
