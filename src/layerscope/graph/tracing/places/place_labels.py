"""Which picture, unit, row and column every value of a network belongs to, carried as labels.

A label is one whole number for each value: four fields, each 0 where it is not known, else one
more than the picture, the unit, the row or the column. Where an operation only moves values
(`permute`, `reshape`, windows cut out and put together), it moves their labels too: so a layer's
axes are known without a rule for each way of writing them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from layerscope.graph.layout import Layout

# Fields from the right; together 53 bits, so that operations on float64 keep them exactly.
FIELDS = {"column": (0, 14), "row": (14, 14), "unit": (28, 21), "picture": (49, 4)}


def make_labels(
    shape: tuple[int, ...],
    *,
    picture: int | None = None,
    unit: int | None = None,
    row: int | None = None,
    column: int | None = None,
) -> torch.Tensor:
    """Labels of a tensor whose axes are known: int64 of that shape, a view of little memory."""
    labels = torch.zeros([1] * len(shape), dtype=torch.int64)
    axes = {"picture": picture, "unit": unit, "row": row, "column": column}
    for name, axis in axes.items():
        if axis is not None:
            labels = labels + numbered(shape, axis, name)
    return labels.expand(shape)


def numbered(shape: tuple[int, ...], axis: int, name: str) -> torch.Tensor:
    """One field counted along one axis, of size 1 along all others."""
    shift, bits = FIELDS[name]
    count = (torch.arange(shape[axis]) + 1).clamp(max=(1 << bits) - 1) << shift
    return count.view([-1 if i == axis else 1 for i in range(len(shape))])


def counted(shape: tuple[int, ...], axes: Sequence[int], name: str) -> torch.Tensor:
    """One field counted along several axes at once, the last of them fastest."""
    sizes = [n if i in axes else 1 for i, n in enumerate(shape)]
    return numbered((math.prod(sizes),), 0, name).view(sizes)


def field_of(labels: torch.Tensor, name: str) -> torch.Tensor:
    """One field of some labels: 0 where it is not known."""
    shift, bits = FIELDS[name]
    return (labels >> shift) & ((1 << bits) - 1)


def without(labels: torch.Tensor, *names: str) -> torch.Tensor:
    """The same labels with some fields not known."""
    mask = 0
    for name in names:
        shift, bits = FIELDS[name]
        mask |= ((1 << bits) - 1) << shift
    return labels & ~mask


def lines(labels: torch.Tensor, axis: int) -> list[np.ndarray]:
    """The labels along one axis at the first, the middle and the last place of all others."""
    values, sides = labels.numpy(), labels.shape
    places = ([0 for _ in sides], [n // 2 for n in sides], [n - 1 for n in sides])
    return [values[(*at[:axis], slice(None), *at[axis + 1 :])] for at in places]


def numbers_in(line: np.ndarray, name: str) -> np.ndarray:
    """One field along a line: 0 where it is not known."""
    shift, bits = FIELDS[name]
    return (line >> shift) & ((1 << bits) - 1)


def axes_of(labels: torch.Tensor, name: str) -> tuple[int, ...]:
    """The axes along which a field varies."""
    shift, bits = FIELDS[name]
    mask = ((1 << bits) - 1) << shift
    return tuple(
        axis
        for axis in range(labels.ndim)
        if any(varies(line, mask) for line in lines(labels, axis))
    )


def varies(line: np.ndarray, mask: int) -> bool:
    """Whether a field takes more than one known value along a line."""
    if not len(line) or not int(np.bitwise_or.reduce(line ^ line[0])) & mask:
        return False
    known = line[(line & mask) > 0] & mask
    return len(known) > 0 and bool((known != known[0]).any())


def filled(labels: torch.Tensor) -> torch.Tensor:
    """The same with pictures and units also for values that come from no picture.

    A class token beside the tokens of a picture, or zeros around a map, belong to the picture and
    to the unit whose axis they lie on.
    """
    for name in ("picture", "unit"):
        axes = axes_of(labels, name)
        if len(axes) != 1:
            continue
        known = [numbers_in(line, name) for line in lines(labels, axes[0])]
        whole = next((line for line in known if line.all()), None)
        if whole is not None and not all(line.all() for line in known):
            shift, _ = FIELDS[name]
            shape = [-1 if axis == axes[0] else 1 for axis in range(labels.ndim)]
            labels = without(labels, name) + torch.from_numpy(whole << shift).view(shape)
    return labels


def layout_of(labels: torch.Tensor, rows: int) -> Layout | None:
    """The layout of a tensor with such labels; None where pictures cannot be kept apart.

    Args:
        labels: int64, of the tensor's shape, read with at least two pictures.
        rows: B.
    """
    pictures = axes_of(labels, "picture")
    if len(pictures) != 1:
        return None
    batch, folded = pictures[0], None
    if labels.shape[batch] != rows:
        folded = folding_of(labels, batch, rows)
        if folded is None:
            return None
        labels = labels.unflatten(batch, (rows, -1) if folded == "outer" else (-1, rows))
        batch += folded == "inner"
    elif not in_order(labels, batch):
        return None
    own_batch = pictures[0]
    units = tuple(axis for axis in axes_of(labels, "unit") if axis != batch)
    places = [axis for axis in range(labels.ndim) if axis != batch and axis not in units]
    rows_vary, columns_vary = axes_of(labels, "row"), axes_of(labels, "column")
    if not units:  # a single unit, on an axis of its own if there is one
        single = [axis for axis in places if labels.shape[axis] == 1]
        laid_out = [axis for axis in places if axis in rows_vary and axis in columns_vary]
        if len(places) == 1 and laid_out:  # one map as a row of numbers, as several maps would be
            units, places = (places[0],), []
        elif len(places) != 2 and single:
            units = (single[0] if len(places) == 3 else single[-1],)
            places.remove(units[0])
        elif (copies := axis_of_copies(labels, places, rows_vary, columns_vary)) is not None:
            units = (copies,)
            places.remove(copies)
    elif len(places) == 3:  # an axis of one beside a map's two stands with the units
        single = [axis for axis in places if labels.shape[axis] == 1]
        if len(single) == 1:
            units = tuple(sorted((single[0], *units)))
            places.remove(single[0])
    if len(places) == 2 and all(is_pure(axis, rows_vary, columns_vary, labels) for axis in places):
        first, second = places
        if (first in columns_vary or second in rows_vary) and not (
            first in rows_vary or second in columns_vary
        ):
            first, second = second, first
        if not (first in columns_vary or second in rows_vary):
            return Layout(own_batch, units, (first, second), is_map=True, folded=folded)
    return Layout(own_batch, units, tuple(places), is_map=False, folded=folded)


def axis_of_copies(
    labels: torch.Tensor,
    places: Sequence[int],
    rows_vary: tuple[int, ...],
    columns_vary: tuple[int, ...],
) -> int | None:
    """The axis along which one unit's map was put down several times: a grey channel made three."""
    still = [axis for axis in places if axis not in rows_vary and axis not in columns_vary]
    known = all(numbers_in(line, "unit").all() for line in lines(labels, 0))
    return still[0] if len(places) == 3 and len(still) == 1 and known else None


def is_pure(
    axis: int, rows_vary: tuple[int, ...], columns_vary: tuple[int, ...], labels: torch.Tensor
) -> bool:
    """Whether an axis counts rows alone or columns alone; one of a single place may be either."""
    return (axis in rows_vary) != (axis in columns_vary) or labels.shape[axis] == 1


def in_order(labels: torch.Tensor, axis: int) -> bool:
    """Whether the pictures lie along an axis as they came."""
    return follows(labels, axis, np.arange(1, labels.shape[axis] + 1))


def folding_of(labels: torch.Tensor, axis: int, rows: int) -> str | None:
    """How pictures lie beside others on one axis; None where no rule is seen."""
    each, rest = divmod(labels.shape[axis], rows)
    if rest:
        return None
    count = np.arange(1, rows + 1)
    if follows(labels, axis, count.repeat(each)):
        return "outer"
    return "inner" if follows(labels, axis, np.tile(count, each)) else None


def follows(labels: torch.Tensor, axis: int, wanted: np.ndarray) -> bool:
    """Whether the pictures along an axis are numbered so, wherever they are known."""
    found = [numbers_in(line, "picture") for line in lines(labels, axis)]
    return all(bool(((line == wanted) | (line == 0)).all()) for line in found)
