"""What a value of a network sees of the picture, carried from operation to operation.

A reach is a `ReceptiveField` that counts by the labels of rows and columns, `WHOLE` where every
value depends on all places, or None where it is not known. It is never made smaller than it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from layerscope.graph.layer import Layer
from layerscope.graph.layout import Layout
from layerscope.graph.receptive_field import WHOLE, ReceptiveField, union, widened
from layerscope.graph.tracing.places.place_labels import (
    FIELDS,
    axes_of,
    field_of,
    lines,
    numbered,
    numbers_in,
    without,
)
from layerscope.graph.window import Window

Reach = ReceptiveField | str | None
PLACES = ("row", "column")


def one_pixel(height: int, width: int) -> ReceptiveField:
    """What a pixel of a picture sees: itself."""
    return ReceptiveField((1, 1), (1, 1), (0, 0), (0, 0, height, width))


@dataclass(frozen=True)
class Seen:
    """What is known of a tensor that comes from the picture.

    Args:
        labels: int64, of the tensor's shape.
        reach: what each of its values sees.
    """

    labels: torch.Tensor
    reach: Reach


@dataclass(frozen=True)
class Placed:
    """How rows or columns of a tensor are counted.

    Args:
        axis: along which they lie; None where there is one only.
        step: from one number to the next.
        first: the number of the first place, also where that one is padding.
        ends: the lowest and the highest number that is there.
    """

    axis: int | None
    step: int
    first: int
    ends: tuple[int, int]


def placed(labels: torch.Tensor, name: str) -> Placed | None:
    """How rows or columns are counted, from 0.

    None where no such rule holds: places were mirrored, folded or joined with others.
    """
    axes = axes_of(labels, name)
    if len(axes) > 1:
        return None
    if not axes:
        known = int(numbers_in(lines(labels, 0)[1], name).max()) if labels.ndim else 0
        return Placed(None, 1, known - 1, (known - 1, known - 1)) if known else None
    found: set[tuple[int, int]] = set()
    ends: list[int] = []
    for line in lines(labels, axes[0]):
        counted = numbers_in(line, name)
        (at,) = counted.nonzero()
        if not len(at):
            continue
        steps = np.diff(counted[at]) // np.diff(at) if len(at) > 1 else np.ones(1, dtype=int)
        step = int(steps[0])
        first = int(counted[at[0]]) - step * int(at[0])
        if step < 1 or bool((counted[at] != first + step * at).any()):
            return None
        found.add((step, first - 1))
        ends += [int(counted[at[0]]) - 1, int(counted[at[-1]]) - 1]
    return Placed(axes[0], *found.pop(), (min(ends), max(ends))) if len(found) == 1 else None


def rebased(seen: Seen) -> Seen | None:
    """The same with rows and columns counted by where they lie in this tensor; None: by no rule."""
    if not isinstance(seen.reach, ReceptiveField):
        return seen
    rules = [rule for name in PLACES if (rule := placed(seen.labels, name)) is not None]
    if len(rules) < len(PLACES):
        return None
    labels = without(seen.labels, *PLACES)
    for name, rule in zip(PLACES, rules, strict=True):
        if rule.axis is None:
            labels = labels + (1 << FIELDS[name][0])
        else:
            labels = labels + numbered(tuple(labels.shape), rule.axis, name)
    old = seen.reach
    strides = [old.stride_px[i] * rules[i].step for i in range(2)]
    starts = [old.start_px[i] + rules[i].first * old.stride_px[i] for i in range(2)]
    reach = ReceptiveField(
        old.size_px,
        (strides[0], strides[1]),
        (starts[0], starts[1]),
        reached(old, rules[0].ends, rules[1].ends),
    )
    return Seen(labels, reach)


def reached(
    field: ReceptiveField, rows: tuple[int, int], columns: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """The part of the picture that all places of a map see together: (top, left, height, width).

    Args:
        field: of one of them.
        rows, columns: the lowest and the highest that are there.
    """
    if field.within_px is None:
        return None
    starts: list[int] = []
    sides: list[int] = []
    for i, (first, last) in enumerate((rows, columns)):
        low, side = field.within_px[i], field.within_px[i + 2]
        start = max(low, field.start_px[i] + first * field.stride_px[i])
        end = min(low + side, field.start_px[i] + last * field.stride_px[i] + field.size_px[i])
        starts.append(start)
        sides.append(max(0, end - start))
    return starts[0], starts[1], sides[0], sides[1]


def together(reaches: Sequence[Reach]) -> Reach:
    """What a value sees that is made of several, place by place."""
    if WHOLE in reaches:
        return WHOLE
    known = [reach for reach in reaches if isinstance(reach, ReceptiveField)]
    if len(known) < len(reaches) or len({reach.stride_px for reach in known}) > 1:
        return None
    return union(known)


def mixed(labels: torch.Tensor, axis: int, reach: Reach) -> Reach:
    """What is seen once all values along an axis are mixed."""
    there = [name for name in PLACES if axis % labels.ndim in axes_of(labels, name)]
    return WHOLE if there else reach


def slid(seen: Seen, window: Window | None) -> tuple[Reach, tuple[int, int]]:
    """What a window sliding over the last two axes sees, and which axes count rows and columns."""
    order = (2, 3)
    if axes_of(seen.labels, "row") == (3,) or axes_of(seen.labels, "column") == (2,):
        order = (3, 2)  # a picture that was turned over its diagonal
    if not isinstance(seen.reach, ReceptiveField):
        return seen.reach, order
    found = rebased(seen)
    if found is None or window is None:
        return None, order
    assert isinstance(found.reach, ReceptiveField)
    for name, axis in zip(PLACES, order, strict=True):
        if axes_of(found.labels, name) not in ((), (axis,)):
            return None, order
    return widened(found.reach, window.turned if order == (3, 2) else window), order


def enlarged(seen: Seen, sides: Sequence[tuple[int, int]], mode: str) -> Reach:
    """What a place of a map sees that was made larger by a whole number.

    Args:
        seen: of the smaller map, rows on axis 2 and columns on axis 3.
        sides: its height, then its width, each with the larger map's.
        mode: of the interpolation. Beside its own place it reads those up to 1 away, or 2 where it
            is bicubic.
    """
    found = rebased(seen)
    if found is None or not isinstance(found.reach, ReceptiveField):
        return None if found is None else found.reach
    around = {"nearest": 0, "nearest-exact": 0, "bilinear": 1, "bicubic": 2}.get(mode)
    times = {after // before for before, after in sides}
    if around is None or len(times) > 1 or any(after % before for before, after in sides):
        return None
    n = times.pop()
    steps = found.reach.stride_px
    if any(step % n for step in steps):
        return None
    # The step from one place to the next no longer is that of what they see: all of it is covered.
    margin = [around * step + step - step // n for step in steps]
    size = [found.reach.size_px[i] + margin[i] + around * steps[i] for i in range(2)]
    start = [found.reach.start_px[i] - margin[i] for i in range(2)]
    stride = [step // n for step in steps]
    return ReceptiveField(
        (size[0], size[1]),
        (stride[0], stride[1]),
        (start[0], start[1]),
        found.reach.within_px,
    )


def spreads(
    run: Callable[[torch.Tensor], Any], value: torch.Tensor, labels: torch.Tensor
) -> bool | None:
    """Whether an operation of the same shape reads other places than its own, tried with a NaN.

    Args:
        run: the operation, on a tensor in place of `value`.
        value, labels: what it was given.

    Returns:
        None where it cannot be tried.
    """
    middle = labels[tuple(n // 2 for n in labels.shape)]
    if not value.is_floating_point() or not any(axes_of(labels, name) for name in PLACES):
        return None if not value.is_floating_point() else False
    own = torch.ones_like(labels, dtype=torch.bool)
    for name in PLACES:
        own &= field_of(labels, name) == field_of(middle, name)
    tried = value.detach().clone()
    tried[own.to(value.device)] = torch.nan
    try:
        with torch.no_grad():
            found = run(tried)
    except Exception:  # whatever the operation makes of it, it is not known then
        return None
    if not isinstance(found, torch.Tensor) or found.shape != value.shape:
        return None
    touched = found.isnan().cpu()
    return bool((touched & ~own).any()) if bool(touched.any()) else None


def reach_of(
    seen: Seen, layout: Layout, kind: str, inputs: Sequence[str], before: Sequence[Layer]
) -> Reach:
    """The receptive field of a layer's units, counted by where they lie in its own map."""
    if len(layout.places) == 0 and kind != "global_pool":
        # Behind a flatten, where units have no place any more, there is nothing to point at.
        known = {layer.name: layer.reach for layer in before}
        if kind in ("flatten", "dense") or any(known.get(name) is None for name in inputs):
            return None
    if seen.reach == WHOLE or seen.reach is None:
        return seen.reach
    if not layout.is_map:
        return None
    found = rebased(seen)
    return found.reach if found is not None else None
