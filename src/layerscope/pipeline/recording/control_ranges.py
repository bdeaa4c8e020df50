"""Ranges of a control, as the atlas has them: from least to most, or the middle 95%."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import torch

from layerscope.formats.unit_record import ControlRange


def least_to_most(values: Sequence[float]) -> ControlRange | None:
    """Mean, least and most of a few values, such as one of each untrained copy; None of none."""
    if not values:
        return None
    return ControlRange(mean=fmean(values), low=min(values), high=max(values))


def middle_95_percent(draws: torch.Tensor) -> ControlRange:
    """The mean of many draws, and what 95% of them lie between: float (draws,).

    Example:
        >>> found = middle_95_percent(torch.arange(1001.0))
        >>> round(found.mean), round(found.low), round(found.high)
        (500, 25, 975)
    """
    low, high = draws.quantile(torch.tensor([0.025, 0.975], dtype=draws.dtype)).tolist()
    return ControlRange(mean=float(draws.mean()), low=low, high=high)
