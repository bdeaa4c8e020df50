"""Several processes scan a share of a set each, and end with the same as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from layerscope.analysis.activations.layer_accumulator import LayerScan
from layerscope.analysis.activations.sampled_places import counted_places
from layerscope.analysis.activations.scan import accumulate, scan
from layerscope.analysis.activations.unit_statistics import EDGE_PICTURES, Start
from layerscope.data.imageset import ImageSet

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def scan_shards(
    model: nn.Module,
    imageset: ImageSet,
    *,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    layers: Sequence[str],
    fabric: Fabric,
    rows: torch.Tensor | None = None,
    batch_size: int = 256,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, LayerScan]:
    """Scan a set with all processes that were started together; called in each of them.

    Every process takes a run of whole batches. The first one looks at the first pictures alone, so
    that all count in the same bins. Counts, extremes and places are those of one process's `scan`
    to the bit, means and spreads to float64 rounding, as long as the processes compute alike.

    Args:
        model, imageset, normalise, layers, rows, batch_size: as `scan`'s, the same in each process.
        fabric: launched, as `training.machine.make_fabric` makes it under torchrun.
        progress: told (pictures done, pictures in all) of this process's share.

    Returns:
        A scan for each layer, the same in each process.

    Raises:
        LayerNotFoundError: there is no such layer.
        ModelError: the network cannot be read or does not take the pictures.

    Example:
        >>> fabric = make_fabric("cpu"); fabric.launch()               # doctest: +SKIP
        >>> scan_shards(model, data.test, normalise=spec.normalise,    # doctest: +SKIP
        ...             layers=["features.1"], fabric=fabric)
    """
    rows = torch.arange(len(imageset)) if rows is None else rows
    settings: dict[str, Any] = {
        "normalise": normalise,
        "layers": layers,
        "batch_size": batch_size,
    }
    if fabric.world_size == 1 or not len(rows):
        return scan(model, imageset, rows=rows, progress=progress, **settings)
    settings["counted"] = counted_places(len(rows))
    starts: dict[str, Start] = {}
    is_first = fabric.global_rank == 0
    if is_first:
        first = rows[: EDGE_PICTURES + batch_size]
        begun = accumulate(model, imageset, rows=first, starts={}, **settings)
        starts = {name: found.units.start for name, found in begun.items() if found.n}
    starts = fabric.broadcast(starts)
    if set(starts) != set(layers):
        # Where a network decides by values, later pictures may be the first to reach a layer: its
        # sums have no common start, and one process takes them all.
        alone = scan(model, imageset, rows=rows, progress=progress, **settings) if is_first else {}
        return fabric.broadcast(alone)
    own = share_of(rows, batch_size, fabric.global_rank, fabric.world_size)
    found: dict[str, LayerScan] = {}
    if len(own):
        accumulators = accumulate(
            model, imageset, rows=own, starts=starts, progress=progress, **settings
        )
        found = {name: layer.scan for name, layer in accumulators.items() if layer.n}
    parts = gathered(found, fabric)
    names = dict.fromkeys(name for part in parts for name in part)
    return {
        name: reduce(LayerScan.merged, [part[name] for part in parts if name in part])
        for name in names
    }


def share_of(rows: torch.Tensor, batch_size: int, rank: int, world_size: int) -> torch.Tensor:
    """One process's run of pictures, cut between batches; those of all make up the whole.

    Example:
        >>> [len(share_of(torch.arange(700), 256, rank, 2)) for rank in range(2)]
        [256, 444]
    """
    n_batches = -(-len(rows) // batch_size)
    cuts = [n_batches * r // world_size * batch_size for r in (rank, rank + 1)]
    return rows[cuts[0] : cuts[1]]


def gathered(value: Any, fabric: Fabric) -> list[Any]:
    """What each process has, in their order."""
    return [fabric.broadcast(value, src=rank) for rank in range(fabric.world_size)]
