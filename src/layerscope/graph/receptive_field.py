"""Which pixels a unit can see, exactly, from the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from layerscope.graph.window import Window

# What sees the picture everywhere, whatever its size.
WHOLE = "whole"


@dataclass(frozen=True)
class ReceptiveField:
    """The rectangle of the picture that a unit depends on.

    The unit at row y and column x of its map sees the rectangle whose top is `start + y * stride`
    and whose height is `size`, clipped to the picture; a negative start is padding. Strides may
    leave the picture's last rows unread, which then no later layer sees: `within_px`.

    Args:
        size_px: (height, width).
        stride_px: how far it moves from one unit to the next, (down, right); (0, 0) where all
            units see the same.
        start_px: (top, left) of the unit at row 0, column 0.
        within_px: (top, left, height, width) of the part of the picture that was read at all;
            None for all of it.
    """

    size_px: tuple[int, int]
    stride_px: tuple[int, int]
    start_px: tuple[int, int]
    within_px: tuple[int, int, int, int] | None = None

    def box(self, y: int, x: int, *, height: int, width: int) -> tuple[int, int, int, int]:
        """The rectangle of one unit, clipped to what is read: (top, left, height, width).

        A unit at the border that sees padding alone has a rectangle without height or width.
        """
        top, left, high, wide = self.within_px or (0, 0, height, width)
        starts: list[int] = []
        sides: list[int] = []
        for i, (at, low, side) in enumerate(((y, top, high), (x, left, wide))):
            start = self.start_px[i] + at * self.stride_px[i]
            starts.append(min(max(low, start), low + side))
            sides.append(max(0, min(low + side, start + self.size_px[i]) - starts[i]))
        return starts[0], starts[1], sides[0], sides[1]


class Reaching(Protocol):
    """A layer, as far as its receptive field goes."""

    @property
    def name(self) -> str:
        """Of the layer."""
        ...

    @property
    def reach(self) -> ReceptiveField | str | None:
        """What its units see; `WHOLE` for everything."""
        ...


def receptive_fields(
    layers: Sequence[Reaching], *, height: int, width: int
) -> dict[str, ReceptiveField | None]:
    """The receptive field of every layer's units.

    Args:
        layers: what `read_graph` gave.
        height, width: of the picture.

    Returns:
        A field for each layer: the whole picture for a mean over space and for all that such a
        mean scales. None where units have no place any more (behind a flatten), or where an
        operation of unknown reach lies between.
    """
    picture = (0, 0, height, width)
    fields: dict[str, ReceptiveField | None] = {}
    for layer in layers:
        field = layer.reach
        if isinstance(field, str):
            field = ReceptiveField((height, width), (0, 0), (0, 0))
        elif field is not None and field.within_px == picture:
            field = replace(field, within_px=None)
        fields[layer.name] = field
    return fields


def widened(field: ReceptiveField, window: Window) -> ReceptiveField:
    """The field of a window sliding over units that have a field themselves.

    Source: Araujo et al., "Computing Receptive Fields of Convolutional Neural Networks", Distill
    2019, equations 1 to 4: size and start grow by the kernel's reach times the stride so far.
    """
    sides: list[tuple[int, int, int]] = []
    for i in range(2):
        kernel, stride, padding, dilation = window.along(i)
        jump = field.stride_px[i]
        reach = dilation * (kernel - 1)
        size = field.size_px[i] + reach * jump
        sides.append((size, jump * stride, field.start_px[i] - padding * jump))
    (h, down, top), (w, right, left) = sides
    return ReceptiveField((h, w), (down, right), (top, left), field.within_px)


def union(fields: Sequence[ReceptiveField]) -> ReceptiveField:
    """The smallest field that covers several of the same stride: a sum sees what its terms see."""
    start = tuple(min(f.start_px[i] for f in fields) for i in range(2))
    end = tuple(max(f.start_px[i] + f.size_px[i] for f in fields) for i in range(2))
    size = (end[0] - start[0], end[1] - start[1])
    parts = [f.within_px for f in fields if f.within_px is not None]
    within = None
    if len(parts) == len(fields):
        top, left = (min(part[i] for part in parts) for i in range(2))
        bottom, right = (max(part[i] + part[i + 2] for part in parts) for i in range(2))
        within = (top, left, bottom - top, right - left)
    return ReceptiveField(size, fields[0].stride_px, (start[0], start[1]), within)
