"""Operations that mix all values along an axis: dense layers, products, means, attention."""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_letters
from typing import Any

import torch

from layerscope.graph.receptive_field import WHOLE
from layerscope.graph.tracing.places.joined_labels import (
    aligned,
    axes_names,
    fixed,
    guessed_labels,
    merged,
    with_units,
)
from layerscope.graph.tracing.places.place_labels import axes_of, make_labels, numbered
from layerscope.graph.tracing.places.reach import Reach, Seen, mixed

PRODUCTS = frozenset({"matmul", "bmm", "imatmul", "mm", "addmm", "baddbmm"})
REDUCING = frozenset(
    {"mean", "sum", "amax", "amin", "max", "min", "norm", "var", "std", "logsumexp", "prod",
     "median", "argmax", "argmin", "any", "all", "vector_norm", "nanmean", "count_nonzero",
     "var_mean", "std_mean", "linalg_norm", "linalg_vector_norm"}
)  # fmt: skip
Known = Callable[[torch.Tensor], Seen | None]


def dense(seen: Seen, out: torch.Tensor) -> Seen:
    """A dense layer over the last axis: its outputs are the units, all other axes are places."""
    base = fixed(seen.labels, -1, *axes_names(seen.labels, -1), "unit")
    labels = base.expand(out.shape) + numbered(tuple(out.shape), out.ndim - 1, "unit")
    return Seen(labels, mixed(seen.labels, seen.labels.ndim - 1, seen.reach))


def recurrent(seen: Seen, made: list[torch.Tensor]) -> list[Seen]:
    """LSTM, GRU and simple recurrent layers: each step has read those before it."""
    output = dense(seen, made[0]).labels
    states = [  # (layers, B, U)
        make_labels(tuple(state.shape), picture=state.ndim - 2, unit=state.ndim - 1)
        for state in made[1:]
    ]
    return [Seen(labels, WHOLE) for labels in (output, *states)]


def last_axis(labels: torch.Tensor, last: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """Labels of the queries, with the units of the values where their numbers differ."""
    if labels.shape == out.shape:
        return labels
    base = fixed(labels, -1, "unit").expand(out.shape)
    return base + numbered(tuple(out.shape), out.ndim - 1, "unit")


def product(args: tuple[Any, ...], known: Known, out: torch.Tensor) -> Seen:
    """A matrix product: rows of the first, columns of the second."""
    left, right = args[len(args) - 2], args[len(args) - 1]
    parts: list[torch.Tensor] = []
    reaches: list[Reach] = []
    for operand, axis, other in ((left, -1, right), (right, -2, left)):
        seen = known(operand) if isinstance(operand, torch.Tensor) else None
        if seen is None or seen.labels.ndim < 2:
            if seen is not None:
                reaches.append(None)
            continue
        reaches.append(mixed(seen.labels, seen.labels.ndim + axis, seen.reach))
        lost = axes_names(seen.labels, axis)
        labels = fixed(seen.labels, axis, *lost)
        if isinstance(other, torch.Tensor) and other.ndim == 1:  # a vector leaves no axis behind
            labels = labels.squeeze(axis)
        parts.append(aligned(labels, out))
    if not parts:
        return Seen(guessed_labels(out), None)
    labels = merged(parts, out)
    if len(parts) == 2:  # of two that see the picture each place of one meets all of the other
        return Seen(labels, WHOLE)
    weights, axis = (right, -1) if known(left) is not None else (left, -2)
    if len(reaches) == 1 and weights.ndim > 1:
        groups = range(out.ndim - weights.ndim, out.ndim - 2)
        labels = with_units(labels, [*groups, out.ndim + axis])
    return Seen(labels, reaches[0])


def einsum(args: tuple[Any, ...], known: Known, out: torch.Tensor) -> Seen | None:
    """A sum of products by its letters; None where they cannot be read."""
    if not args or not isinstance(args[0], str):
        return None
    operands = args[1] if len(args) == 2 and isinstance(args[1], tuple | list) else args[1:]
    left, right = spelled(args[0], [operand.ndim for operand in operands])
    parts: list[torch.Tensor] = []
    reaches: list[Reach] = []
    others: set[str] = set()
    for letters, operand in zip(left, operands, strict=True):
        seen = known(operand)
        if seen is None:
            others |= set(letters)
            continue
        labels, reach = seen.labels, seen.reach
        for axis, letter in enumerate(letters):
            if letter not in right:
                reach = mixed(seen.labels, axis, reach)
                labels = fixed(labels, axis, *axes_names(labels, axis))
        order = [letters.index(letter) for letter in right if letter in letters]
        rest = [axis for axis in range(len(letters)) if axis not in order]
        labels = labels.permute(*order, *rest)[(..., *[0] * len(rest))]
        sizes = [out.shape[i] if letter in letters else 1 for i, letter in enumerate(right)]
        parts.append(labels.reshape(sizes))
        reaches.append(reach)
    if not parts:
        return None
    made = [i for i, letter in enumerate(right) if letter in others]
    labels = with_units(merged(parts, out), made)
    return Seen(labels, reaches[0] if len(parts) == 1 else WHOLE)


def spelled(equation: str, sizes: list[int]) -> tuple[list[str], str]:
    """An equation of `einsum` with a letter for each axis: of each operand, and of the result.

    Args:
        equation: "bc,kc->bk"; with "..." for any number of axes, with no "->" for all letters that
            come once, in alphabetical order.
        sizes: how many axes each operand has.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    spare = [letter for letter in ascii_letters if letter not in equation]
    most = max(
        n - len(part) + 3 if "..." in part else 0 for part, n in zip(parts, sizes, strict=True)
    )
    dots = "".join(spare[:most])
    if not arrow:
        right = "..." * bool(dots) + "".join(
            sorted({letter for letter in left if letter.isalpha() and left.count(letter) == 1})
        )
    # The axes of "..." are counted from the last.
    letters = [
        part.replace("...", dots[most - (n - len(part) + 3) :] if "..." in part else "")
        for part, n in zip(parts, sizes, strict=True)
    ]
    return letters, right.replace("...", dots)


def reduced(seen: Seen, args: tuple[Any, ...], kwargs: dict[str, Any], out: torch.Tensor) -> Seen:
    """A mean, sum or largest value along some axes."""
    given = args[1:] if args else ()
    along = kwargs.get("dim", kwargs.get("axis"))
    if along is None and given:
        # `norm(p, dim)` and `vector_norm(x, ord, dim)` give the axes second.
        along = next((a for a in reversed(given) if isinstance(a, tuple | list)), None)
        if along is None:
            whole = [a for a in given if isinstance(a, int) and not isinstance(a, bool)]
            along = whole[-1] if whole else None
    n = seen.labels.ndim
    axes = range(n) if along is None else ([along] if isinstance(along, int) else list(along))
    labels, reach = seen.labels, seen.reach
    for axis in axes:
        reach = mixed(seen.labels, int(axis), reach)
        labels = fixed(labels, int(axis), *axes_names(labels, int(axis)))
    if axes_of(seen.labels, "unit"):  # of products with weights, summed: prototypes, distances
        labels = with_units(labels, range(n))
    if labels.ndim != out.ndim:
        lost = {int(axis) % n for axis in axes}
        labels = labels[tuple(0 if i in lost else slice(None) for i in range(n))]
    if labels.shape != out.shape:
        return Seen(guessed_labels(out), None)
    return Seen(labels, reach)
