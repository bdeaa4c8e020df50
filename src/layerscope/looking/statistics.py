"""Statistics of units that are gathered batch by batch and merge exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

BINS = 24


@dataclass(frozen=True)
class UnitStatistics:
    """The activations of U units, summed up.

    Sums are kept in float64, so that any split of the data merges to the same figures up to
    rounding in the last digits.

    Args:
        n: pictures seen.
        n_values: values seen of each unit: pictures times places.
        total, squares: float64 (U,), sums of values and of their squares.
        low, high: float32 (U,), extremes.
        n_zero: int64 (U,), values that are exactly zero.
        edges: float32 (U, BINS + 1), the histogram's bounds, fixed by the first pictures; what
            lies beyond is counted in the outermost bins.
        counts: int64 (U, BINS).
    """

    n: int
    n_values: int
    total: torch.Tensor
    squares: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    n_zero: torch.Tensor
    edges: torch.Tensor
    counts: torch.Tensor

    @property
    def mean(self) -> torch.Tensor:
        """float64 (U,)."""
        return self.total / max(1, self.n_values)

    @property
    def std(self) -> torch.Tensor:
        """float64 (U,), of all values (not the estimate for a larger population)."""
        return (self.squares / max(1, self.n_values) - self.mean**2).clamp(min=0).sqrt()

    @property
    def zero_frac(self) -> torch.Tensor:
        """float64 (U,)."""
        return self.n_zero.double() / max(1, self.n_values)

    @property
    def dead(self) -> torch.Tensor:
        """bool (U,): never above zero on any picture."""
        return self.high <= 0

    def merged(self, other: UnitStatistics) -> UnitStatistics:
        """Both together. The histograms must have the same bounds."""
        return replace(
            self,
            n=self.n + other.n,
            n_values=self.n_values + other.n_values,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            low=torch.minimum(self.low, other.low),
            high=torch.maximum(self.high, other.high),
            n_zero=self.n_zero + other.n_zero,
            counts=self.counts + other.counts,
        )


def histogram_edges(values: torch.Tensor) -> torch.Tensor:
    """Bounds for the histograms of U units, from some of their values.

    Args:
        values: float (B, U, places).

    Returns:
        float32 (U, BINS + 1), evenly spaced from the smallest value to a little over the largest:
        pictures to come may well drive a unit further than the first ones.
    """
    low = values.amin((0, 2))
    high = values.amax((0, 2))
    span = (high - low).clamp(min=1e-6)
    steps = torch.linspace(0, 1.1, BINS + 1, device=values.device)
    return low[:, None] + span[:, None] * steps


def statistics_of(values: torch.Tensor, edges: torch.Tensor) -> UnitStatistics:
    """Sum up one batch.

    The histogram counts every value of one place in each map and picture, cycling through the
    places: enough for its shape, at a fraction of the cost. Everything else counts all values.

    Args:
        values: float (B, U, places); places is 1 for dense units.
        edges: float32 (U, BINS + 1).
    """
    B, U, places = values.shape
    # every 7th place of each map: 7 shares no factor with usual widths, so all columns occur
    sampled = values[:, :, :: min(7, places)]
    width = (edges[:, -1] - edges[:, 0]) / BINS
    place = (sampled - edges[None, :, :1]) / width[None, :, None]
    place = place.long().clamp(0, BINS - 1)
    place += torch.arange(U, device=values.device)[None, :, None] * BINS
    counts = torch.bincount(place.flatten(), minlength=U * BINS).view(U, BINS)
    return UnitStatistics(
        n=B,
        n_values=B * places,
        # per-map sums in float32 are short; only their total needs the precision
        total=values.sum(2).double().sum(0).cpu(),
        squares=values.square().sum(2).double().sum(0).cpu(),
        low=values.amin((0, 2)).cpu(),
        high=values.amax((0, 2)).cpu(),
        n_zero=(B * places - values.count_nonzero((0, 2))).cpu(),
        edges=edges.cpu(),
        counts=counts.cpu(),
    )
