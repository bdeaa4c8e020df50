"""Whether training made a unit what it is: a false-discovery rate over a layer's population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

# In smaller layers a share of units says nothing: one unit more or less moves it by over 5 points.
FEWEST_UNITS = 20
# Storey's lambda: p-values above it are taken to come from units that training did not change.
NULL_P = 0.5
TRAINING_Q = 0.05
PROBABLY_Q = 0.2


@dataclass(frozen=True)
class TrainingShare:
    """What part of units as strong as each one would be there without training.

    Args:
        q: float64 (U,), the tail false-discovery rate: of all units of the layer that score at
            least as high, the expected share that an untrained network has too. NaN where the layer
            has fewer than `FEWEST_UNITS` units, or no control.
        base_rate: float64 (U,), the share of untrained units that score at least as high; NaN
            without a control.
        null_share: Storey's estimate of the share of units that training left as they were.
    """

    q: torch.Tensor
    base_rate: torch.Tensor
    null_share: float

    def verdict(self, u: int) -> str | None:
        """ "training" (q <= 0.05), "probably" (q <= 0.2), "untrained alike", or None: not known."""
        q = float(self.q[u])
        if q != q:
            return None
        if q <= TRAINING_Q:
            return "training"
        return "probably" if q <= PROBABLY_Q else "untrained alike"


def training_share(
    values: torch.Tensor,
    null: torch.Tensor | Sequence[torch.Tensor],
    *,
    standard_errors: float = 0.0,
) -> TrainingShare:
    """Estimate, for each unit, how many of the units like it an untrained network has too.

    The question is about a population, not about one unit: a single trained unit may be no more
    selective than some untrained one, and still most units of its kind may come from training.

    q(s) is the smallest value over thresholds t up to s of pi0 * F0(t) / F(t), where F0(t) and F(t)
    are the shares of untrained and trained units that score at least t, and pi0 is the share of
    units that training left as they were. Where a layer is asked about several kinds, each adds
    false units of its own, found where F0 happens to be too small; F0 can be taken some of its
    standard errors high for that.

    Args:
        values: float (U,), a measure of a trained layer's units.
        null: float (M,), the same measure of the same layer's units in untrained copies, pooled; or
            one tensor for each copy.
        standard_errors: how many of them are added to F0: of counting, or of the copies' own
            shares, whichever is larger. With one, a single unit that none of 20 copies reaches has
            a q of 0.1, with none of 0.05.

    Returns:
        A `TrainingShare`.

    Source: Storey and Tibshirani, "Statistical significance for genomewide studies", 2003 (q-value
    and pi0); Efron and Tibshirani, "Empirical Bayes methods and false discovery rates for
    microarrays", 2002 (the tail form with an empirical null). Deviates: F0 is (1 + n) / (1 + M),
    since M units that stay below t do not show that none would reach it; and its standard errors
    are added (`benchmarks/training_calibration.py` shows what for).

    Example:
        >>> null = torch.linspace(0, 1, 1000)
        >>> values = torch.cat([torch.linspace(0, 1, 50), torch.full((50,), 2.0)])
        >>> found = training_share(values, null)
        >>> bool(found.q[-1] < 0.05), bool(found.q[10] > 0.2)
        (True, True)
    """
    U = len(values)
    unknown = torch.full((U,), torch.nan, dtype=torch.float64)
    copies = [null] if isinstance(null, torch.Tensor) else list(null)
    pooled = torch.cat(copies) if copies else torch.zeros(0)
    if not len(pooled):
        return TrainingShare(unknown, unknown, 1.0)
    base_rate = share_at_least(pooled, values, own=1)
    if U < FEWEST_UNITS:
        return TrainingShare(unknown, base_rate, 1.0)
    null_share = min(1.0, float((base_rate > NULL_P).sum() + 1) / (U * (1 - NULL_P)))
    error = standard_error(base_rate, copies, values)
    high = (base_rate + standard_errors * error).clamp(max=1)
    ratio = null_share * high / share_at_least(values, values)
    order = values.double().argsort(stable=True)
    # From the lowest score up: a unit is at least as sure as every weaker one.
    q = torch.empty(U, dtype=torch.float64)
    q[order] = torch.cummin(ratio[order], dim=0).values
    # Units of one score get one q, that of the last of them.
    places = torch.searchsorted(values.double()[order], values.double(), right=True) - 1
    return TrainingShare(q[order][places].clamp(max=1), base_rate, null_share)


def standard_error(
    base_rate: torch.Tensor, copies: Sequence[torch.Tensor], thresholds: torch.Tensor
) -> torch.Tensor:
    """How well a share of untrained units is known: float64 (T,).

    Args:
        base_rate: float64 (T,), the share at each threshold.
        copies: float (U,) of each.
        thresholds: float (T,).
    """
    of_counting = (base_rate / (1 + sum(map(len, copies)))).sqrt()
    if len(copies) < 2:
        return of_counting
    each = torch.stack([share_at_least(copy, thresholds) for copy in copies])
    return torch.maximum(of_counting, each.std(0) / len(copies) ** 0.5)


def share_at_least(
    population: torch.Tensor, thresholds: torch.Tensor, own: int = 0
) -> torch.Tensor:
    """The share of a population that lies at or above each threshold.

    Args:
        population: float (M,).
        thresholds: float (T,).
        own: values counted as reaching every threshold beside the population's own.

    Returns:
        float64 (T,).
    """
    ordered = population.double().sort().values
    below = torch.searchsorted(ordered, thresholds.double().contiguous(), right=False)
    return (own + len(ordered) - below).double() / (own + len(ordered))
