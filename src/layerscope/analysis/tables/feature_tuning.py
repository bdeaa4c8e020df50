"""How the units of a layer follow each column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from layerscope.analysis.controls.training_fdr import TRAINING_Q, TrainingShare, training_share
from layerscope.graph.activation_hooks import outputs_of
from layerscope.graph.state_guard import evaluating


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
