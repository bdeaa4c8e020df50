"""One streaming pass over a set: statistics and strongest places of every unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from layerscope.data.imageset import ImageSet
from layerscope.looking.patches import TopPlaces, top_places
from layerscope.looking.statistics import UnitStatistics, histogram_edges, statistics_of
from layerscope.looking.trace import trace


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

    Memory does not grow with the set: each batch is summed up and forgotten.

    Args:
        model: any network; left as it was.
        imageset: the pictures.
        normalise: pixels uint8 (B, C, H, W) -> images.
        layers: module paths whose output is (B, U) or (B, U, H, W).
        rows: int64, which pictures; None takes all. Ascending.
        batch_size: pictures at a time.
        edges: histogram bounds by layer, so that two scans can be merged; None takes them from the
            first batch.
        progress: told (pictures done, pictures in all).

    Returns:
        A scan for each layer.
    """
    device = next(model.parameters()).device
    rows = torch.arange(len(imageset)) if rows is None else rows
    bounds = dict(edges or {})
    found: dict[str, LayerScan] = {}
    with trace(model, layers) as seen, torch.inference_mode():
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            images = normalise(imageset.take(batch).to(device))
            model(images.contiguous(memory_format=torch.channels_last))
            for layer in layers:
                part = scan_batch(seen[layer], batch, bounds, layer)
                found[layer] = found[layer].merged(part) if layer in found else part
            progress(min(start + batch_size, len(rows)), len(rows))
    return found


def scan_batch(
    output: torch.Tensor, rows: torch.Tensor, bounds: dict[str, torch.Tensor], layer: str
) -> LayerScan:
    """Sum up one layer's output for one batch; the first batch sets the histogram's bounds."""
    map_px = (output.shape[2], output.shape[3]) if output.ndim == 4 else (1, 1)
    values = (
        output.float().contiguous().flatten(2) if output.ndim == 4 else output.float()[..., None]
    )
    if layer not in bounds:
        bounds[layer] = histogram_edges(values)
    return LayerScan(
        map_px, statistics_of(values, bounds[layer].to(values.device)), top_places(values, rows)
    )
