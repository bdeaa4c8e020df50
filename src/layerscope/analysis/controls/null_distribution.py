"""The null distribution of a measure, taken from untrained networks: p-values against it."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import t as student_t

# The part of the null that its tail is taken from.
TAIL_FRAC = 0.25
# With fewer values in it, the null is taken for normal.
FEWEST = 5


def p_values(values: torch.Tensor, null: torch.Tensor) -> torch.Tensor:
    """How often the null does as well.

    Up to the null's largest value this is counted. What lies further out would all get the same
    smallest p-value, too large to survive the correction for hundreds of units: there the null's
    tail goes on as an exponential, whose mean excess over the upper quartile is taken at the upper
    end of its 95 % interval. A null of fewer than twenty values or so is taken for normal instead.

    Args:
        values: float (U,), a measure of the network's units.
        null: float (M,), the same measure of untrained networks' units.

    Returns:
        float64 (U,): (1 + how many of the null are as large) / (1 + M), or less beyond all of them.

    Source: Phipson and Smyth, "Permutation p-values should never be zero", 2010; Knijnenburg et
    al., "Fewer permutations, more accurate P-values", 2009, for the tail. Deviates: an exponential
    instead of a generalised Pareto tail, whose shape a few dozen values do not determine. For
    measures that end at 1 it is too long rather than too short.

    Example:
        >>> null = torch.linspace(0, 1, 99)
        >>> [round(float(p), 3) for p in p_values(torch.tensor([0.5, 0.995]), null)]
        [0.51, 0.02]
    """
    null = null.double().sort().values
    values = values.double().contiguous()
    M = len(null)
    below = torch.searchsorted(null, values, right=False)
    counted = (1 + M - below).double() / (1 + M)
    start = float(null.quantile(1 - TAIL_FRAC))
    excess = null[null > start] - start
    if len(excess) < FEWEST:
        tail = torch.from_numpy(student_tail(values.numpy(), null.numpy()))
        return torch.where(values > null[-1], torch.minimum(counted, tail), counted)
    mean = float(excess.mean()) * (1 + 1.96 / len(excess) ** 0.5)
    tail = TAIL_FRAC * torch.exp(-(values - start) / mean)
    return torch.where(values > null[-1], torch.minimum(counted, tail), counted)


def student_tail(values: np.ndarray, null: np.ndarray) -> np.ndarray:
    """The chance that one more value of a small null lies as far out, were the null normal.

    Args:
        values: float64 (U,).
        null: float64 (M,); of fewer than three values nothing is said: 1.

    Returns:
        float64 (U,): the upper tail of Student's t for a prediction.
    """
    M = len(null)
    spread = null.std(ddof=1) if M > 2 else 0.0
    if spread == 0:
        return np.ones_like(values)
    return student_t.sf((values - null.mean()) / (spread * (1 + 1 / M) ** 0.5), df=M - 1)
