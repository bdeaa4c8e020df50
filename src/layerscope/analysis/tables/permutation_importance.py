"""How much worse a network gets when one column is permuted among the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from layerscope.analysis.ablation.paired_change import PairedChange, mean_change

REPEATS = 20

# Inputs float (N, F) -> outputs; outputs and targets -> the loss of each row, float (N,).
Predict = Callable[[torch.Tensor], torch.Tensor]
Losses = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Importance:
    """Permutation importance of G groups of inputs.

    Args:
        change: of the mean loss, by row, the mean over repeats; its interval is over rows.
        repeats: float64 (R, G), the change at each repeat.
        loss: mean loss with the columns as they are.
    """

    change: PairedChange = field(repr=False)
    repeats: torch.Tensor = field(repr=False)
    loss: float


@torch.no_grad()
def permutation_importance(
    predict: Predict,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    losses: Losses,
    groups: Sequence[Sequence[int]],
    generator: torch.Generator,
    *,
    repeats: int = REPEATS,
) -> Importance:
    """Deal each column out anew and measure the loss.

    A category takes several inputs, which are permuted together.

    Args:
        predict: the network.
        inputs: float (N, F).
        targets: (N, …).
        losses: of each row.
        groups: the inputs of each column.
        generator: deals out.
        repeats: R.

    Source: Breiman, "Random Forests", 2001; Fisher, Rudin and Dominici, "All Models are Wrong, but
    Many are Useful", 2019. Columns that go together share their importance, or both hide it: the
    network can read the one that was left.
    """
    whole = losses(predict(inputs), targets).double()
    changes = torch.zeros(repeats, len(groups), len(inputs), dtype=torch.float64)
    for r in range(repeats):
        for g, columns in enumerate(groups):
            order = torch.randperm(len(inputs), generator=generator)
            dealt = inputs.clone()
            dealt[:, list(columns)] = inputs[order][:, list(columns)]
            changes[r, g] = losses(predict(dealt), targets).double() - whole
    return Importance(mean_change(changes.mean(0)), changes.mean(2), float(whole.mean()))
