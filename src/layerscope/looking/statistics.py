"""Statistics of units that are gathered batch by batch and merge exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

BINS = 24
# Places of each map that the histogram counts; with a few thousand pictures a unit has plenty.
HISTOGRAM_PLACES = 4
# Values worked on at a time: half a megabyte, which a core's cache holds.
CACHED_VALUES = 2**17


@dataclass(frozen=True)
class UnitStatistics:
    """The activations of U units, summed up.

    Any split of the data, merged in any order, gives the same counts and extremes, and the same
    mean and spread up to float64 rounding.

    Args:
        n: pictures seen.
        n_values: values seen of each unit: pictures times places.
        mean: float64 (U,).
        deviation: float64 (U,), the sum of squared differences from the mean.
        low, high: float32 (U,), extremes.
        n_zero: int64 (U,), values that are exactly zero.
        edges: float32 (U, BINS + 1), the histogram's bounds, fixed by the first pictures; what
            lies beyond is counted in the outermost bins.
        counts: int64 (U, BINS), of four places in each picture's map.
    """

    n: int
    n_values: int
    mean: torch.Tensor
    deviation: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    n_zero: torch.Tensor
    edges: torch.Tensor
    counts: torch.Tensor

    @property
    def total(self) -> torch.Tensor:
        """float64 (U,), the sum of all values."""
        return self.mean * self.n_values

    @property
    def squares(self) -> torch.Tensor:
        """float64 (U,), the sum of all values' squares."""
        return self.deviation + self.mean.square() * self.n_values

    @property
    def std(self) -> torch.Tensor:
        """float64 (U,), of all values (not the estimate for a larger population)."""
        return (self.deviation / max(1, self.n_values)).sqrt()

    @property
    def zero_frac(self) -> torch.Tensor:
        """float64 (U,)."""
        return self.n_zero.double() / max(1, self.n_values)

    @property
    def dead(self) -> torch.Tensor:
        """bool (U,): never above zero on any picture."""
        return self.high <= 0

    def merged(self, other: UnitStatistics) -> UnitStatistics:
        """Both together. The histograms must have the same bounds.

        Source: Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing
        Sample Variances", 1979, equation 2.1.
        """
        n_values = self.n_values + other.n_values
        apart = other.mean - self.mean
        share = other.n_values / max(1, n_values)
        return replace(
            self,
            n=self.n + other.n,
            n_values=n_values,
            mean=self.mean + apart * share,
            deviation=self.deviation + other.deviation + apart.square() * share * self.n_values,
            low=torch.minimum(self.low, other.low),
            high=torch.maximum(self.high, other.high),
            n_zero=self.n_zero + other.n_zero,
            counts=self.counts + other.counts,
        )


def histogram_edges(values: torch.Tensor) -> torch.Tensor:
    """Bounds for the histograms of U units, from some of their values.

    Args:
        values: float (B, places, U).

    Returns:
        float32 (U, BINS + 1), evenly spaced from the smallest value to a little over the largest:
        pictures to come may well drive a unit further than the first ones.
    """
    low = values.amin((0, 1)).cpu()
    span = (values.amax((0, 1)).cpu() - low).clamp(min=1e-6)
    return low[:, None] + span[:, None] * torch.linspace(0, 1.1, BINS + 1)


def statistics_of(
    values: torch.Tensor, rows: torch.Tensor, edges: torch.Tensor
) -> tuple[UnitStatistics, torch.Tensor]:
    """Sum up one batch, a few pictures at a time.

    Args:
        values: float (B, places, U); places is 1 for dense units.
        rows: int64 (B,), which picture of the set each one is.
        edges: float32 (U, BINS + 1).

    Returns:
        The statistics, and float (B, U), the largest value of each map.
    """
    B, places, U = values.shape
    n_values = B * places
    # Differences from any value of the unit's own keep the digits that squares would lose.
    origin = values[0, 0]
    sums, lows, highs = [], [], []
    for part in values.split(max(1, CACHED_VALUES // (places * U))):
        lows.append(part.amin(1))
        highs.append(part.amax(1))
        apart = part - origin
        total = apart.sum(1)
        squares = apart.square_().sum(1)
        # Written over `apart`: sums of floats are many times faster than sums of truth values.
        n_zero = torch.eq(part, 0, out=apart).sum(1)
        sums.append(torch.stack([total, squares, n_zero]))
    # The sums over one map are short; only their total needs the precision.
    total, squares, n_zero = torch.cat(sums, 1).double().sum(1).cpu()
    peaks = torch.cat(highs)
    statistics = UnitStatistics(
        n=B,
        n_values=n_values,
        mean=origin.double().cpu() + total / n_values,
        deviation=(squares - total.square() / n_values).clamp(min=0),
        low=torch.cat(lows).amin(0).cpu(),
        high=peaks.amax(0).cpu(),
        n_zero=n_zero.long(),
        edges=edges,
        counts=histogram(values, rows, edges.to(values.device)).cpu(),
    )
    return statistics, peaks


def histogram(values: torch.Tensor, rows: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
    """Count a few values of each map, at places that wander from picture to picture.

    Counting every value would cost as much as the network itself. The places follow from a
    picture's row alone, so that the counts do not depend on how the data was split.

    Args:
        values: float (B, places, U).
        rows: int64 (B,).
        edges: float32 (U, BINS + 1).

    Returns:
        int64 (U, BINS).
    """
    B, places, U = values.shape
    k = min(HISTOGRAM_PLACES, places)
    # A stride that shares no factor with the number of places visits each of them in turn; one of
    # about the golden ratio spreads neighbours in the sequence over the whole map.
    stride = next(
        s for s in range(round(0.618 * places), 2 * places + 1) if math.gcd(s, places) == 1
    )
    turn = (rows[:, None] * k + torch.arange(k)).to(values.device)
    chosen = values[torch.arange(B, device=values.device)[:, None], turn * stride % places]
    width = (edges[:, -1] - edges[:, 0]) / BINS
    bins = ((chosen - edges[:, 0]) / width).long().clamp_(0, BINS - 1)
    bins += torch.arange(U, device=values.device) * BINS
    return torch.bincount(bins.flatten(), minlength=U * BINS).view(U, BINS)
