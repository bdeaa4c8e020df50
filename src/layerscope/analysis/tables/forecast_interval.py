"""Intervals of forecasts from the residuals of a split that was not trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from layerscope.errors import DataError
from layerscope.intervals import wilson_interval

ROUNDING = 1e-9  # a rank that is whole but for it is whole


@dataclass(frozen=True)
class ForecastInterval:
    """How far outcomes lie from forecasts.

    Args:
        low, high: what is added to a forecast.
        wanted: the share of outcomes that shall lie inside.
        n: residuals that it was fitted on.
    """

    low: float
    high: float
    wanted: float
    n: int


def forecast_interval(residuals: torch.Tensor, *, wanted: float = 0.9) -> ForecastInterval:
    """Quantiles of outcomes less forecasts, widened for being found on a sample.

    Args:
        residuals: float (N,), of a split that the network did not learn from.
        wanted: the share that shall lie inside.

    Raises:
        DataError: too few residuals for that share.

    Source: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005: split
    conformal prediction. Exact where residuals could be exchanged; a series drifts, so that
    `coverage` on later days is measured beside it.

    Example:
        >>> forecast_interval(torch.arange(-50.0, 51.0), wanted=0.8).high
        41.0
    """
    n, tail = len(residuals), (1 - wanted) / 2
    rank = math.ceil((n + 1) * (1 - tail) - ROUNDING)
    if rank > n:
        raise DataError(
            f"{n} residuals are given; an interval of {wanted:.0%} needs {fewest_residuals(wanted)}"
        )
    ordered = residuals.double().sort().values
    return ForecastInterval(float(ordered[n - rank]), float(ordered[rank - 1]), wanted, n)


def fewest_residuals(wanted: float) -> int:
    """How many residuals an interval for such a share takes.

    Example:
        >>> fewest_residuals(0.9), fewest_residuals(0.5)
        (19, 3)
    """
    return math.ceil(2 / (1 - wanted) - 1 - ROUNDING)


def coverage(interval: ForecastInterval, residuals: torch.Tensor) -> tuple[float, float, float]:
    """The share of other residuals inside an interval, with its own 95% interval (Wilson)."""
    inside = int(((residuals >= interval.low) & (residuals <= interval.high)).sum())
    low, high = wilson_interval(inside, len(residuals))
    return inside / len(residuals), low, high
