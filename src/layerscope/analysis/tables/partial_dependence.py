"""How a prediction moves with one column: for single rows, and on average."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

POINTS = 21


@dataclass(frozen=True)
class Dependence:
    """Predictions along a column's values.

    Args:
        values: float (V, g), what the column's inputs were set to.
        each: float (V, N), the prediction for every row (individual conditional expectation).
    """

    values: torch.Tensor = field(repr=False)
    each: torch.Tensor = field(repr=False)

    @property
    def mean(self) -> torch.Tensor:
        """float (V,), partial dependence."""
        return self.each.mean(1)


def grid_of(column: torch.Tensor, *, points: int = POINTS) -> torch.Tensor:
    """Values from the 2nd to the 98th percentile; of few different values, those themselves.

    Args:
        column: float (N,).
        points: at most so many.

    Returns:
        float (V,), ascending.
    """
    there = column.unique()
    if len(there) <= points:
        return there
    low, high = column.quantile(0.02), column.quantile(0.98)
    return torch.linspace(float(low), float(high), points, dtype=column.dtype)


@torch.no_grad()
def partial_dependence(
    predict: Callable[[torch.Tensor], torch.Tensor],
    inputs: torch.Tensor,
    columns: Sequence[int],
    values: torch.Tensor,
) -> Dependence:
    """Set a column to each of some values in every row and predict.

    Args:
        predict: inputs float (N, F) -> one number for each row, float (N,).
        inputs: the rows.
        columns: the column's inputs: one for a number, several for a category.
        values: float (V, len(columns)).

    Source: Friedman, "Greedy function approximation", 2001; Goldstein et al., "Peeking inside the
    black box: visualizing statistical learning with plots of individual conditional expectation",
    2015.
    """
    found = []
    for value in values:
        moved = inputs.clone()
        moved[:, list(columns)] = value.to(inputs)
        found.append(predict(moved))
    return Dependence(values, torch.stack(found))
