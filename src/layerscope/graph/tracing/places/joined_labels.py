"""The labels of a result, put together from those of what it is made of."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from layerscope.graph.tracing.places.place_labels import (
    axes_of,
    counted,
    make_labels,
    without,
)
from layerscope.graph.tracing.places.reach import Seen


def axes_names(labels: torch.Tensor, axis: int) -> list[str]:
    """The fields that vary along an axis."""
    return [
        name
        for name in ("picture", "unit", "row", "column")
        if axis % labels.ndim in axes_of(labels, name)
    ]


def fixed(labels: torch.Tensor, axis: int, *lost: str) -> torch.Tensor:
    """The labels at the middle of an axis, which stays with size 1, without some fields."""
    axis %= labels.ndim
    return without(labels.narrow(axis, labels.shape[axis] // 2, 1), *lost)


def aligned(labels: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """Labels with as many axes as a result."""
    return (
        labels.view(*[1] * (out.ndim - labels.ndim), *labels.shape)
        if (labels.ndim < out.ndim and labels.is_contiguous())
        else labels.reshape(*[1] * (out.ndim - labels.ndim), *labels.shape)
    )


def merged(parts: list[torch.Tensor], out: torch.Tensor) -> torch.Tensor:
    """For each field the labels of the input in which it varies along the most axes."""
    if len(parts) == 1:
        return parts[0].expand(out.shape)
    if all(part is parts[0] for part in parts) and parts[0].shape == out.shape:
        return parts[0]
    total = torch.zeros([1] * out.ndim, dtype=torch.int64)
    for name in ("picture", "unit", "row", "column"):
        best = max(parts, key=lambda part: len(axes_of(part, name)))
        others = [other for other in ("picture", "unit", "row", "column") if other != name]
        total = total + without(best, *others)
    return total.expand(out.shape)


def with_units(labels: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
    """Labels of what weights made: its units lie along the weights' own axes.

    Where units of the picture's side are left, the weights mixed places, and these stay the units.

    Args:
        labels: of the result, without a unit of its own along `axes`.
        axes: that only the weights have, or share with what they were multiplied with.
    """
    still = [axis for axis in axes if labels.shape[axis] > 1 and not axes_names(labels, axis)]
    if not still or axes_of(labels, "unit"):
        return labels
    return without(labels, "unit") + counted(tuple(labels.shape), still, "unit")


def guessed(out: torch.Tensor, value: torch.Tensor, first: Seen) -> torch.Tensor:
    """Labels by the number of axes, for an operation of which nothing is known."""
    labels = guessed_labels(out)
    kept = without(first.labels, "unit", "row", "column")
    if kept.ndim and out.ndim and len(kept) == len(out):
        pictures = kept[(slice(None), *[n // 2 for n in kept.shape[1:]])]
        labels = labels + pictures.view(-1, *[1] * (out.ndim - 1))
    return labels


def guessed_labels(out: torch.Tensor) -> torch.Tensor:
    """Units on axis 1 of maps, on the last of tokens and of single values."""
    n = out.ndim
    if n == 4:
        return make_labels(tuple(out.shape), unit=1, row=2, column=3)
    return make_labels(tuple(out.shape), unit=n - 1 if n > 1 else None)
