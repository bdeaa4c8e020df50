"""One streaming pass over a set: statistics and strongest places of every unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from layerscope.data.imageset import ImageSet
from layerscope.errors import LayerNotFoundError, nearest
from layerscope.looking.patches import TopPlaces, TopTally
from layerscope.looking.statistics import (
    EDGE_PICTURES,
    Batch,
    UnitStatistics,
    UnitTally,
    counted_places,
)
from layerscope.models.graph import Layer, read_program

# What a layer may put out for one batch: a share of a processor's last cache.
CACHE_BYTES = 12 << 20
FEWEST_PICTURES = 8
# Dense units have one value a picture: those of so many are summed up at once.
JOINED_PICTURES = 1024
# Pictures by which it is seen that a ReLU reads a layer place by place.
SHOWING = 16


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


def scan(
    model: nn.Module,
    imageset: ImageSet,
    *,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    layers: Sequence[str],
    rows: torch.Tensor | None = None,
    batch_size: int = 256,
    edges: dict[str, torch.Tensor] | None = None,
    counted: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, LayerScan]:
    """Pass over a set once and sum up every unit of some layers.

    Memory does not grow with the set: each layer's output is summed up as soon as it is there,
    while it still lies in the processor's cache and before anything works on it in place.

    The strongest places and the largest value are looked for in all places of all maps. The other
    statistics take all pictures, but of large maps in a large set some places only: those that
    make 131,072 values of each unit, others in each picture.

    Args:
        model: any network; left as it was.
        imageset: the pictures.
        normalise: pixels uint8 (B, C, H, W) -> images.
        layers: names of `read_graph`'s layers, functions and modules called again among them.
        rows: int64, which pictures; None takes all. Ascending.
        batch_size: pictures at a time, at most; of large ones fewer are taken, and on a processor
            so few that what a layer puts out stays in its cache.
        edges: histogram bounds by layer, so that two scans can be merged; None takes them from the
            first 256 pictures.
        counted: places of each map that mean, spread, smallest value and zeros are taken from;
            None is `statistics.counted_places` of how many pictures there are. Two scans that are
            to give the same together as one need that one's.
        progress: told (pictures done, pictures in all).

    Returns:
        A scan for each layer.

    Raises:
        LayerNotFoundError: there is no such layer.
        ModelError: the network cannot be read or does not take the pictures.
    """
    device = next(model.parameters()).device
    rows = torch.arange(len(imageset)) if rows is None else rows
    counted = counted or counted_places(len(rows))

    def images_of(batch: torch.Tensor) -> torch.Tensor:
        images = normalise(imageset.take(batch).to(device))
        return images.contiguous(memory_format=torch.channels_last)

    with torch.no_grad(), in_channels_last(model):
        program = read_program(model, images_of(rows[:1]))
        known = [layer.name for layer in program.layers]
        for layer in layers:
            if layer not in known:
                raise LayerNotFoundError(f"there is no layer {layer!r}{nearest(layer, known)}")
        batch_size = batch_for(program.layers, imageset.batch_of(batch_size), device)
        tallies: dict[str, LayerTally] = {}
        for layer in program.layers:
            if layer.name in layers:
                before = tallies.get(layer.inputs[0]) if layer.function == "relu" else None
                before = before if len(layer.shape) == 3 else None
                own_edges = (edges or {}).get(layer.name)
                tallies[layer.name] = LayerTally(counted, own_edges, before)
        for start in range(0, len(rows), batch_size):
            batch = Batch(rows[start : start + batch_size], device)

            def sum_up(name: str, output: torch.Tensor, batch: Batch = batch) -> None:
                if name in tallies:
                    tallies[name].add(output, batch)

            program.run(images_of(batch.rows), sum_up)
            progress(start + len(batch.rows), len(rows))
        return {name: tally.scan for name, tally in tallies.items() if len(rows)}


class LayerTally:
    """Sums up one layer batch by batch.

    Args:
        counted: places of each map that are summed up, at most.
        edges: the histogram's bounds; None takes them from the first pictures.
        before: of a ReLU, the layer that it reads, if that is summed up too. Its peaks above zero
            are the ReLU's: they need not be looked for again.
    """

    def __init__(
        self, counted: int, edges: torch.Tensor | None, before: LayerTally | None = None
    ) -> None:
        self.before = before
        self.is_read = False
        if before is not None:
            before.is_read = True
        self.peaks = torch.empty(0)
        self.first: torch.Tensor | None = None
        self.map_px = (1, 1)
        self.units = UnitTally(counted=counted, edges=edges)
        self.top = TopTally()
        self.waiting: list[tuple[torch.Tensor, torch.Tensor]] = []  # of dense layers
        self.n_waiting = 0

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
        # What lies between the two may have turned or cut the maps: the first batch shows it.
        if before is not None and not self.units.n and not before.is_kept(values, peaks):
            self.before, peaks = None, values.amax(1)
        self.peaks = peaks
        if self.is_read:
            self.first = values[:SHOWING].clone() if not self.units.n else None
        self.units.add(values, batch, peaks)
        spared = None if self.before is None else self.before.top.floor
        self.top.add(values, peaks, batch.rows, spared=None if spared is None else spared > 0)

    def is_kept(self, values: torch.Tensor, peaks: torch.Tensor) -> bool:
        """Whether a ReLU of this layer gave those values, place by place."""
        first = self.first
        return (
            first is not None
            and first.shape == values[:SHOWING].shape
            and torch.equal(first.clamp(min=0), values[:SHOWING])
            and torch.equal(peaks, values.amax(1))
        )

    def add_dense(self, values: torch.Tensor, batch: Batch) -> None:
        """Put single values by until there are enough of them to be worth the calls."""
        self.waiting.append((values.clone(), batch.rows))
        self.n_waiting += len(values)
        if self.n_waiting >= (JOINED_PICTURES if self.units.n else EDGE_PICTURES):
            self.settle(batch.device)

    def settle(self, device: torch.device) -> None:
        """Sum up what was put by."""
        values, rows = (torch.cat(part) for part in zip(*self.waiting, strict=True))
        self.waiting, self.n_waiting = [], 0
        peaks = values[:, 0]
        self.units.add(values, Batch(rows, device), peaks)
        self.top.add(values, peaks, rows)

    @property
    def scan(self) -> LayerScan:
        """All that was added, of at least one picture."""
        if self.waiting:
            self.settle(self.waiting[0][0].device)
        above = None if self.before is None else self.before.top.places()
        return LayerScan(
            (self.map_px[0], self.map_px[1]), self.units.statistics, self.top.places(above)
        )


def batch_for(layers: Sequence[Layer], most: int, device: torch.device) -> int:
    """How many pictures to run at once: on a processor as many as its cache holds the maps of."""
    if device.type != "cpu":
        return most
    largest = max((math.prod(layer.shape) for layer in layers), default=1) * 4
    fits = max(FEWEST_PICTURES, CACHE_BYTES // largest)
    return min(most, 1 << (fits.bit_length() - 1))


@contextmanager
def in_channels_last(model: nn.Module) -> Iterator[None]:
    """Lay a network's filters out as its processor reads them fastest, for a while.

    Otherwise they would be laid out again for every batch, and maps in turn with them.
    """
    own = [(p, p.data) for p in model.parameters() if p.ndim == 4]
    try:
        for p, data in own:
            p.data = data.clone(memory_format=torch.channels_last)
        yield
    finally:
        for p, data in own:
            p.data = data
