"""One streaming pass over a set: statistics and strongest places of every unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from layerscope.data.imageset import ImageSet
from layerscope.errors import LayerNotFoundError, nearest
from layerscope.looking.patches import TopPlaces, top_places
from layerscope.looking.statistics import UnitStatistics, histogram_edges, statistics_of
from layerscope.models.graph import read_program


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
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, LayerScan]:
    """Pass over a set once and sum up every unit of some layers.

    Memory does not grow with the set: each layer's output is summed up as soon as it is there,
    while it still lies in the processor's cache and before anything works on it in place.

    Args:
        model: any network; left as it was.
        imageset: the pictures.
        normalise: pixels uint8 (B, C, H, W) -> images.
        layers: names of `read_graph`'s layers, functions and modules called again among them.
        rows: int64, which pictures; None takes all. Ascending.
        batch_size: pictures at a time; of large ones fewer are taken.
        edges: histogram bounds by layer, so that two scans can be merged; None takes them from the
            first batch.
        progress: told (pictures done, pictures in all).

    Returns:
        A scan for each layer.

    Raises:
        LayerNotFoundError: there is no such layer.
        ModelError: the network cannot be read or does not take the pictures.
    """
    device = next(model.parameters()).device
    rows = torch.arange(len(imageset)) if rows is None else rows

    def images_of(batch: torch.Tensor) -> torch.Tensor:
        images = normalise(imageset.take(batch).to(device))
        return images.contiguous(memory_format=torch.channels_last)

    program = read_program(model, images_of(rows[:1]))
    known = [layer.name for layer in program.layers]
    for layer in layers:
        if layer not in known:
            raise LayerNotFoundError(f"there is no layer {layer!r}{nearest(layer, known)}")
    batch_size = imageset.batch_of(batch_size)
    bounds = dict(edges or {})
    found: dict[str, LayerScan] = {}
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]

        def sum_up(name: str, output: torch.Tensor, batch: torch.Tensor = batch) -> None:
            if name in layers:
                found[name] = scan_batch(output, batch, bounds, name, found.get(name))

        program.run(images_of(batch), sum_up)
        progress(start + len(batch), len(rows))
    return found


def scan_batch(
    output: torch.Tensor,
    rows: torch.Tensor,
    bounds: dict[str, torch.Tensor],
    layer: str,
    before: LayerScan | None,
) -> LayerScan:
    """Add one layer's output for one batch; the first batch sets the histogram's bounds."""
    if output.ndim == 4:  # (B, U, H, W); channels-last maps lie in memory as (B, H, W, U)
        output = output.permute(0, 2, 3, 1)
    values = output.reshape(len(output), -1, output.shape[-1]).float()  # (B, places, U)
    map_px = (output.shape[1], output.shape[2]) if output.ndim == 4 else (1, values.shape[1])
    if layer not in bounds:
        bounds[layer] = histogram_edges(values)
    statistics, peaks = statistics_of(values, rows, bounds[layer])
    floor = before.top.values[:, -1].to(peaks.device) if before and before.top.is_full else None
    part = LayerScan(
        map_px,
        statistics,
        top_places(values, peaks, rows, floor=floor),
    )
    return before.merged(part) if before else part
