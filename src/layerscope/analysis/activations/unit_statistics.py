"""Statistics of units that are gathered batch by batch and merge exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from layerscope.analysis.activations.sampled_places import Batch
from layerscope.device import float64_device, in_float64

BINS = 24
# Places of each map that the histogram counts; with a few thousand pictures a unit has plenty.
HISTOGRAM_PLACES = 4
# Pictures that set a histogram's bounds.
EDGE_PICTURES = 256
# Values worked on at a time: half a megabyte, which a core's cache holds.
CACHED_VALUES = 2**17
# Values buffered before they are summed up.
BUFFERED_VALUES = 2**19


def dead_of(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """Which units of a layer say nothing about any picture, bool (U,).

    Behind a ReLU those that were never above zero. A layer that can fall below zero, such as the
    logits, says as much with a value that is always negative: there, those that never change.

    Args:
        low, high: float (U,), the extremes of each unit.

    Example:
        >>> dead_of(torch.tensor([0.0, 0.0]), torch.tensor([0.0, 2.0]))
        tensor([ True, False])
        >>> dead_of(torch.tensor([-3.0, -1.0]), torch.tensor([-2.0, -1.0]))
        tensor([False,  True])
    """
    return high <= 0 if bool((low >= 0).all()) else low == high


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
        """bool (U,): see `dead_of`."""
        return dead_of(self.low, self.high)

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


def edges_between(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """Bounds from the smallest value of each unit, float (U,), to a little over its largest."""
    span = (high - low).clamp(min=1e-6)
    return low[:, None] + span[:, None] * torch.linspace(0, 1.1, BINS + 1)


@dataclass(frozen=True)
class Start:
    """What a layer's sums are taken against: what the first pictures of a set gave.

    Sums that are to be merged agree to the last digits where they began from the same.

    Args:
        edges: float32 (U, BINS + 1), the histogram's bounds; None takes them from the first
            `EDGE_PICTURES` pictures.
        origin: float (U,), values that differences are taken from; None takes the smallest of the
            first batch.
    """

    edges: torch.Tensor | None = None
    origin: torch.Tensor | None = None


class UnitAccumulator:
    """Sums up a layer's U units batch by batch.

    Args:
        counted: places of each map that are summed up, at most; the largest value is looked for in
            all of them.
        start: what sums are taken against.
    """

    def __init__(self, *, counted: int, start: Start) -> None:
        self.counted = counted
        self.edges = start.edges
        self.origin = start.origin
        self.n = self.n_values = 0
        # Values are buffered until there are enough of them to be worth the calls.
        self.buffer: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self.n_buffered = 0
        self.unbinned: list[torch.Tensor] = []  # for the histogram, while it has no bounds

    def add(self, values: torch.Tensor, batch: Batch, peaks: torch.Tensor) -> None:
        """Add some pictures.

        Args:
            values: float (B, places, U).
            batch: which pictures they are of.
            peaks: float (B, U), the largest value of each map; kept for a while.
        """
        B, places, U = values.shape
        k = self.counted
        # Only with no factor in common do the places of all pictures together cover the map.
        while k < places and math.gcd(k, places) > 1:
            k += 1
        k = min(k, places)
        # A sixteenth of them suffices to draw a curve; a map's four as long as there are few.
        few = min(places, HISTOGRAM_PLACES, max(1, -(-self.counted // 16)))
        if k < places:
            sampled = batch.take(values, k)
            chosen = sampled[:, :few]
        else:
            sampled = values if values.numel() >= BUFFERED_VALUES else values.clone()
            chosen = sampled if few == places else batch.take(values, few)
        if not self.n:
            # Differences from a value of the unit's own keep the digits that squares would lose.
            low = sampled.amin((0, 1))
            self.origin = low if self.origin is None else self.origin.to(values.device)
            self.low, self.high = low, peaks[0].clone()
            self.sums = torch.zeros(3, U, dtype=torch.float64, device=float64_device(values.device))
            if self.edges is not None:
                self.counts = torch.zeros(U, BINS, dtype=torch.int64, device=values.device)
        self.n += B
        self.n_values += B * k
        self.buffer.append((sampled, chosen, peaks))
        self.n_buffered += B * k * U
        if self.n_buffered >= BUFFERED_VALUES or (self.edges is None and self.n >= EDGE_PICTURES):
            self.flush()

    def flush(self) -> None:
        """Sum up what is buffered."""
        sampled, chosen, peaks = (
            part[0] if len(part) == 1 else torch.cat(part)
            for part in zip(*self.buffer, strict=True)
        )
        self.buffer, self.n_buffered = [], 0
        origin = self.origin
        assert origin is not None
        for part in sampled.split(max(1, CACHED_VALUES // sampled[0].numel())):
            self.low = torch.minimum(self.low, part.amin((0, 1)))
            apart = part - origin
            total = apart.sum(1)
            squares = apart.square_().sum(1)
            # Written over `apart`: sums of floats are many times faster than of truth values.
            n_zero = torch.eq(part, 0, out=apart).sum(1)
            # The sums over one map are short; only their total needs the precision.
            self.sums += in_float64(torch.stack([total, squares, n_zero])).sum(1)
        self.high = torch.maximum(self.high, peaks.amax(0))
        if self.edges is not None:
            self.counts += counts_of(chosen, self.edges.to(chosen.device))
            return
        self.unbinned.append(chosen.clone())
        if self.n >= EDGE_PICTURES:
            self.bound()

    def bound(self) -> None:
        """Set the histogram's bounds by what was seen so far."""
        self.edges = edges_between(self.low.cpu(), self.high.cpu())
        self.counts = counts_of(torch.cat(self.unbinned), self.edges.to(self.low.device))
        self.unbinned = []

    @property
    def start(self) -> Start:
        """What these sums are taken against, for others that are to be merged with them."""
        if self.buffer:
            self.flush()
        if self.edges is None:
            self.bound()
        assert self.origin is not None
        return Start(self.edges, self.origin.cpu())

    @property
    def statistics(self) -> UnitStatistics:
        """All that was added, of at least one picture."""
        if self.buffer:
            self.flush()
        if self.edges is None:
            self.bound()
        assert self.edges is not None and self.origin is not None
        total, squares, n_zero = self.sums.cpu()
        return UnitStatistics(
            n=self.n,
            n_values=self.n_values,
            mean=self.origin.cpu().double() + total / self.n_values,
            deviation=(squares - total.square() / self.n_values).clamp(min=0),
            low=self.low.cpu(),
            high=self.high.cpu(),
            n_zero=n_zero.long(),
            edges=self.edges,
            counts=self.counts.cpu(),
        )


def counts_of(values: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
    """Count float (B, k, U) in the bins of each unit: int64 (U, BINS)."""
    U = values.shape[2]
    width = (edges[:, -1] - edges[:, 0]) / BINS
    bins = (values - edges[:, 0]).div_(width).clamp_(0, BINS - 1).nan_to_num_(0).int()
    bins += torch.arange(0, U * BINS, BINS, device=values.device, dtype=torch.int32)
    return torch.bincount(bins.flatten(), minlength=U * BINS).view(U, BINS)
