"""One streaming pass over a set: statistics and strongest places of every unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from layerscope.analysis.activations.layer_accumulator import LayerAccumulator, LayerScan
from layerscope.analysis.activations.memory_format import in_fastest_format
from layerscope.analysis.activations.sampled_places import Batch, counted_places
from layerscope.analysis.activations.unit_statistics import Start
from layerscope.batch_budget import pictures_at_once
from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.errors import check_known
from layerscope.graph.read import read_program
from layerscope.graph.tracing.traced_program import TracedProgram


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
    also: Callable[[int, str, torch.Tensor], None] | None = None,
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
        also: told (place of the batch's first picture, layer, output) of each of these layers, so
            that one pass can serve more than the scan.
        progress: told (pictures done, pictures in all).

    Returns:
        A scan for each layer.

    Raises:
        LayerNotFoundError: there is no such layer.
        ModelError: the network cannot be read or does not take the pictures.
    """
    rows = torch.arange(len(imageset)) if rows is None else rows
    if not len(rows):
        return {}
    starts = {name: Start(bounds) for name, bounds in (edges or {}).items()}
    accumulators = accumulate(
        model,
        imageset,
        normalise=normalise,
        layers=layers,
        rows=rows,
        batch_size=batch_size,
        counted=counted or counted_places(len(rows)),
        starts=starts,
        also=also,
        progress=progress,
    )
    # A network that branches on values need not run every layer for every picture.
    return {name: found.scan for name, found in accumulators.items() if found.n}


def accumulate(
    model: nn.Module,
    imageset: ImageSet,
    *,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    layers: Sequence[str],
    rows: torch.Tensor,
    batch_size: int,
    counted: int,
    starts: Mapping[str, Start],
    also: Callable[[int, str, torch.Tensor], None] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, LayerAccumulator]:
    """Sum up some layers over at least one picture; arguments as `scan`'s.

    Args:
        starts: what each layer's sums are taken against; of those missing the first pictures'.
    """
    device = device_of(model)

    def images_of(batch: torch.Tensor) -> torch.Tensor:
        return normalise(imageset.take(batch).to(device))

    first = images_of(rows[:1])
    with torch.no_grad(), in_fastest_format(model, first) as memory_format:
        program = read_program(model, first.contiguous(memory_format=memory_format))
        for layer in layers:
            check_known(layer, (found.name for found in program.layers))
        batch_size = pictures_at_once(
            imageset.batch_of(batch_size),
            outputs=[layer.shape for layer in program.layers],
            cached=True,
            on_gpu=device.type != "cpu",
        )
        accumulators: dict[str, LayerAccumulator] = {}
        for layer in program.layers:
            if layer.name in layers:
                # Where a network branches on values, a ReLU may read another layer next time.
                follows = layer.function == "relu" and isinstance(program, TracedProgram)
                before = accumulators.get(layer.inputs[0]) if follows else None
                before = before if len(layer.shape) == 3 else None
                accumulators[layer.name] = LayerAccumulator(
                    counted, starts.get(layer.name, Start()), before
                )
        for start in range(0, len(rows), batch_size):
            batch = Batch(rows[start : start + batch_size], device)

            def sum_up(
                name: str, output: torch.Tensor, batch: Batch = batch, start: int = start
            ) -> None:
                accumulators[name].add(output, batch)
                if also is not None:
                    also(start, name, output)

            images = images_of(batch.rows).contiguous(memory_format=memory_format)
            program.show(images, accumulators.keys(), sum_up)
            progress(start + len(batch.rows), len(rows))
    return accumulators
