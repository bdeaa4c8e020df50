"""Sum up one layer of a network batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from layerscope.analysis.activations.sampled_places import Batch
from layerscope.analysis.activations.top_patches import TopPlaces, TopPlacesAccumulator
from layerscope.analysis.activations.unit_statistics import (
    EDGE_PICTURES,
    Start,
    UnitAccumulator,
    UnitStatistics,
)

# Dense units have one value a picture: those of so many pictures are summed up at once.
BUFFERED_PICTURES = 1024
# Pictures by which it is seen that a ReLU reads a layer place by place.
CHECKED_PICTURES = 16


@dataclass(frozen=True)
class LayerScan:
    """What one pass found out about a layer's units.

    Args:
        map_px: (H, W) of its maps; (1, 1) for dense layers.
        statistics: of each unit's activations.
        top: each unit's strongest places.
    """

    map_px: tuple[int, int]
    statistics: UnitStatistics
    top: TopPlaces

    def merged(self, other: LayerScan) -> LayerScan:
        """Both together, so that several processes can scan a share each."""
        return LayerScan(
            self.map_px,
            self.statistics.merged(other.statistics),
            self.top.merged(other.top),
        )


class LayerAccumulator:
    """Sums up one layer batch by batch.

    Args:
        counted: places of each map that are summed up, at most.
        start: what sums are taken against.
        before: of a ReLU, the layer that it reads, if that is summed up too. Its peaks above zero
            are the ReLU's: they need not be looked for again.
    """

    def __init__(self, counted: int, start: Start, before: LayerAccumulator | None = None) -> None:
        self.before = before
        self.is_read = False
        if before is not None:
            before.is_read = True
        self.peaks = torch.empty(0)
        self.first: torch.Tensor | None = None
        self.map_px = (1, 1)
        self.units = UnitAccumulator(counted=counted, start=start)
        self.top = TopPlacesAccumulator()
        self.buffer: list[tuple[torch.Tensor, torch.Tensor]] = []  # of dense layers
        self.n_buffered = 0

    def add(self, output: torch.Tensor, batch: Batch) -> None:
        """Add the layer's output for a batch."""
        if output.ndim == 4:  # (B, U, H, W); channels-last maps lie in memory as (B, H, W, U)
            output = output.permute(0, 2, 3, 1)
        values = output.reshape(len(output), -1, output.shape[-1]).float()  # (B, places, U)
        self.map_px = output.shape[1:3] if output.ndim == 4 else (1, values.shape[1])
        if values.shape[1] == 1:
            self.add_dense(values, batch)
            return
        before = self.before
        peaks = values.amax(1) if before is None else before.peaks.clamp(min=0)
        # What lies between the two may have permuted or cropped the maps: the first batch shows it.
        if before is not None and not self.units.n and not before.is_kept(values, peaks):
            self.before, peaks = None, values.amax(1)
        self.peaks = peaks
        if self.is_read:
            self.first = values[:CHECKED_PICTURES].clone() if not self.units.n else None
        self.units.add(values, batch, peaks)
        spared = None if self.before is None else self.before.top.floor
        self.top.add(values, peaks, batch.rows, spared=None if spared is None else spared > 0)

    def is_kept(self, values: torch.Tensor, peaks: torch.Tensor) -> bool:
        """Whether a ReLU of this layer gave those values, place by place."""
        first = self.first
        return (
            first is not None
            and first.shape == values[:CHECKED_PICTURES].shape
            and torch.equal(first.clamp(min=0), values[:CHECKED_PICTURES])
            and torch.equal(peaks, values.amax(1))
        )

    def add_dense(self, values: torch.Tensor, batch: Batch) -> None:
        """Buffer single values until there are enough of them to be worth the calls."""
        self.buffer.append((values.clone(), batch.rows))
        self.n_buffered += len(values)
        if self.n_buffered >= (BUFFERED_PICTURES if self.units.n else EDGE_PICTURES):
            self.flush(batch.device)

    def flush(self, device: torch.device) -> None:
        """Sum up what is buffered."""
        values, rows = (torch.cat(part) for part in zip(*self.buffer, strict=True))
        self.buffer, self.n_buffered = [], 0
        peaks = values[:, 0]
        self.units.add(values, Batch(rows, device), peaks)
        self.top.add(values, peaks, rows)

    @property
    def n(self) -> int:
        """Pictures that were added."""
        return self.units.n + self.n_buffered

    @property
    def scan(self) -> LayerScan:
        """All that was added, of at least one picture."""
        if self.buffer:
            self.flush(self.buffer[0][0].device)
        return LayerScan((self.map_px[0], self.map_px[1]), self.units.statistics, self.places)

    @property
    def places(self) -> TopPlaces:
        """The strongest places of all that was added."""
        return self.top.places(None if self.before is None else self.before.places)
