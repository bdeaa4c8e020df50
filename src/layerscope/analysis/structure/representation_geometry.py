"""The geometry of a layer's features: dimension, class separation, sparsity, duplicate units."""

from __future__ import annotations

import torch


def effective_dimension(features: torch.Tensor) -> float:
    """How many directions the features really use: the participation ratio of their variances.

    D independent features of one variance have D, copies of a single one have 1. From N pictures
    it is at most N - 1, and d directions of equal variance give about 1 / (1/d + 1/N): compare
    layers and networks on the same pictures.

    Args:
        features: float (N, D).

    Returns:
        (Σλ)² / Σλ² over the eigenvalues λ of the covariance; 0.0 where nothing varies.

    Source: Gao et al., "A theory of multineuronal dimensionality, dynamics and measurement", 2017.

    Example:
        >>> effective_dimension(torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]]))
        2.0
    """
    away = varying(features)
    N, D = away.shape
    # Both products have the same non-zero eigenvalues; neither needs them one by one.
    matrix = away.T @ away if D <= N else away @ away.T
    squares = float(matrix.square().sum())
    return float(matrix.trace()) ** 2 / squares if squares else 0.0


def class_separation(features: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of the features' total variance that lies between the classes.

    1: all variance lies between the classes; 0: all classes have the same mean. Features that are
    independent of K classes get about (K - 1) / (N - 1).

    Args:
        features: float (N, D).
        labels: int64 (N,).

    Returns:
        In [0, 1]; 0.0 where nothing varies.

    Source: the correlation ratio η², Fisher, "Statistical Methods for Research Workers", 1925,
    chapter 8, summed over features.
    """
    between, total = variances(features, labels)
    whole = float(total.sum())
    return min(1.0, float(between.sum()) / whole) if whole else 0.0


def duplicate_units(
    responses: torch.Tensor, *, above: float = 0.95, absolute: bool = False
) -> tuple[tuple[int, int, float], ...]:
    """Pairs of units that respond alike.

    Args:
        responses: float (N, U), one number per picture and unit.
        above: the Pearson correlation over pictures from which (exclusive) a pair counts.
        absolute: whether opposite units count too.

    Returns:
        (unit, unit, correlation), the lower unit first; the strongest pair first. Units that do not
        vary are in no pair.
    """
    away = varying(responses)
    norm = away.norm(dim=0)
    unit = away / torch.where(norm > 0, norm, torch.inf)
    correlation = (unit.T @ unit).clamp(-1, 1)
    strength = (correlation.abs() if absolute else correlation).triu(1)
    pairs = (strength > above).nonzero()
    order = strength[pairs[:, 0], pairs[:, 1]].argsort(descending=True, stable=True)
    return tuple((i, j, float(correlation[i, j])) for i, j in pairs[order].tolist())


def sparsity(responses: torch.Tensor) -> float:
    """How few units respond to a picture, on average over pictures.

    Args:
        responses: float (N, U), U at least 2; magnitudes count.

    Returns:
        0.0 where all units respond equally, 1.0 where one responds alone. Pictures that no unit
        responds to are left out; 0.0 where there are no others.

    Source: Vinje and Gallant, "Sparse Coding and Decorrelation in Primary Visual Cortex During
    Natural Vision", 2000, over units instead of pictures.
    """
    size = responses.double().abs()
    size = size[(size > 0).any(1)]
    if not len(size):
        return 0.0
    size = size / size.amax(1, keepdim=True)
    U = size.shape[1]
    evenness = size.mean(1).square() / size.square().mean(1)
    return float(((1 - evenness) / (1 - 1 / U)).mean().clamp(0, 1))


def variances(features: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each feature's sum of squares between the classes, and in all, float64 (D,)."""
    away = varying(features)
    _, group = labels.unique(return_inverse=True)
    counts = torch.bincount(group).double()
    sums = away.new_zeros(len(counts), away.shape[1]).index_add_(0, group, away)
    return (sums.square() / counts[:, None]).sum(0), away.square().sum(0)


def varying(features: torch.Tensor) -> torch.Tensor:
    """Features less their mean, float64 (N, D); what differs by rounding alone is exactly 0."""
    x = features.double()
    mean = x.mean(0)
    away = x - mean
    return torch.where(away.abs().amax(0) > 1e-6 * mean.abs(), away, 0.0)
