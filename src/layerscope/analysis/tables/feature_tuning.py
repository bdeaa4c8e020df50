"""How the units of a layer follow each column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from layerscope.analysis.controls.training_fdr import TRAINING_Q, TrainingShare, training_share
from layerscope.graph.activation_hooks import trace


@dataclass(frozen=True)
class FeatureTuning:
    """Correlations of units and columns, beside untrained copies.

    Args:
        correlation: float64 (U, F), of each unit's activation with each column over the rows.
        untrained: float64 (M, F), of all untrained copies' units.
        best: int64 (U,), the column that a unit follows most.
        training: how many units follow a column as closely in untrained copies.
    """

    correlation: torch.Tensor = field(repr=False)
    untrained: torch.Tensor = field(repr=False)
    best: torch.Tensor = field(repr=False)
    training: TrainingShare = field(repr=False)

    def follows(self, u: int) -> int | None:
        """The column that unit u follows more than untrained units do; None without one."""
        return int(self.best[u]) if float(self.training.q[u]) <= TRAINING_Q else None


@torch.no_grad()
def feature_tuning(
    model: nn.Module, copies: Sequence[nn.Module], layer: str, inputs: torch.Tensor
) -> FeatureTuning:
    """Correlate every unit of a layer with every column.

    Args:
        model: `model(inputs)`; left as it was.
        copies: untrained copies of it.
        layer: its `named_modules()` path; its output is (N, U).
        inputs: float (N, F).

    Returns:
        A `FeatureTuning`. Correlation sees what rises or falls with a column; a unit that responds
        to its middle is seen in its curve alone (`curves`).
    """
    own = column_correlations(activations(model, layer, inputs), inputs)
    untrained = torch.cat(
        [column_correlations(activations(copy, layer, inputs), inputs) for copy in copies]
        or [own[:0]]
    )
    strongest, best = own.abs().max(1)
    return FeatureTuning(own, untrained, best, training_share(strongest, untrained.abs().amax(1)))


def activations(model: nn.Module, layer: str, inputs: torch.Tensor) -> torch.Tensor:
    """A layer's output, float (N, U)."""
    with trace(model, [layer]) as seen:
        model(inputs)
        return seen[layer]


def column_correlations(outputs: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Pearson's correlation of outputs (N, U) with columns (N, F): float64 (U, F); 0 where either
    does not vary.
    """

    def scaled(values: torch.Tensor) -> torch.Tensor:
        away = values.double() - values.double().mean(0)
        size = away.norm(dim=0)
        return away / torch.where(size > 1e-9, size, torch.inf)

    return scaled(outputs).T @ scaled(inputs)


def curves(
    outputs: torch.Tensor, column: torch.Tensor, *, bins: int = 10
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean activation along a column, in bins of equally many rows.

    Args:
        outputs: float (N, U).
        column: float (N,).
        bins: at most so many.

    Returns:
        The bins' mean values of the column, float64 (b,), and the units' means, float64 (U, b).
    """
    order = column.argsort(stable=True)
    parts = [part for part in order.tensor_split(min(bins, len(order))) if len(part)]
    at = torch.stack([column[part].double().mean() for part in parts])
    return at, torch.stack([outputs[part].double().mean(0) for part in parts], 1)
