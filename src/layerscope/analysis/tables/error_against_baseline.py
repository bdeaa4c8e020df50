"""A network's error beside that of simple predictions, on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from layerscope.analysis.ablation.paired_change import mean_change
from layerscope.errors import DataError


@dataclass(frozen=True)
class Compared:
    """One simple prediction beside the network's.

    Args:
        name: of the simple prediction.
        error: its mean error.
        difference: mean over rows of the network's error less this one's; below 0 the network is
            better.
        interval: 95%, paired by row.
    """

    name: str
    error: float
    difference: float
    interval: tuple[float, float]

    @property
    def verdict(self) -> str:
        """ "better", "worse", or "no difference seen" where the interval holds 0."""
        if self.interval[1] < 0:
            return "better"
        return "worse" if self.interval[0] > 0 else "no difference seen"


def compare_errors(
    network: torch.Tensor, simple: Mapping[str, torch.Tensor]
) -> tuple[Compared, ...]:
    """Hold a network's errors against those of simple predictions.

    Args:
        network: float (N,), the error of each row: absolute, squared, or log loss.
        simple: name -> float (N,), the same of a simple prediction.

    Raises:
        DataError: fewer than two rows.

    Example:
        >>> ours, mean = torch.tensor([0.1, 0.2, 0.1]), torch.tensor([1.0, 1.2, 1.1])
        >>> compare_errors(ours, {"the mean": mean})[0].verdict
        'better'
    """
    if len(network) < 2:
        raise DataError(f"{len(network)} rows are given; an interval needs at least 2")
    found = []
    for name, errors in simple.items():
        change = mean_change((network.double() - errors.double())[None])
        low, high = change.interval[0].tolist()
        found.append(
            Compared(name, float(errors.double().mean()), float(change.mean[0]), (low, high))
        )
    return tuple(found)
