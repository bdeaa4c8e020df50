"""The control of every claim: the same measure on untrained networks, and many tests at once."""

from __future__ import annotations

import torch


def p_values(values: torch.Tensor, null: torch.Tensor) -> torch.Tensor:
    """How often the null does as well.

    Args:
        values: float (U,), a measure of the network's units.
        null: float (M,), the same measure of untrained networks' units.

    Returns:
        float64 (U,), (1 + how many of the null are as large) / (1 + M).

    Source: Phipson and Smyth, "Permutation p-values should never be zero", 2010.
    """
    null = null.double().sort().values
    below = torch.searchsorted(null, values.double().contiguous(), right=False)
    return (1 + len(null) - below).double() / (1 + len(null))


def discoveries(p: torch.Tensor, *, fdr_frac: float = 0.05) -> torch.Tensor:
    """Which of many tests may be believed when at most a share of them shall be wrong.

    Args:
        p: float (M,), p-values.
        fdr_frac: the share of false ones among those believed, on average.

    Returns:
        bool (M,).

    Source: Benjamini and Hochberg, "Controlling the False Discovery Rate", 1995. Units of one layer
    depend on each other positively, where the procedure holds too (Benjamini and Yekutieli, 2001).
    """
    M = len(p)
    if not M:
        return torch.zeros(0, dtype=torch.bool)
    ordered, order = p.double().sort()
    passing = ordered <= fdr_frac * torch.arange(1, M + 1, dtype=torch.float64) / M
    believed = torch.zeros(M, dtype=torch.bool)
    if bool(passing.any()):
        last = int(passing.nonzero()[-1])
        believed[order[: last + 1]] = True
    return believed
