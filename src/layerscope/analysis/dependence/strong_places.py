"""Where in which pictures each unit of a layer is driven most, and what else is active there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.graph.program import Program
from layerscope.graph.receptive_field import ReceptiveField
from layerscope.models.spec import ModelSpec
from layerscope.seed import make_generator

# The other units' activity is kept in so many random directions at most.
MOST_DIRECTIONS = 64
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class StrongPlaces:
    """The strongest place of each of U units in each of its n strongest pictures.

    Args:
        units: U, which of the layer.
        rows: int64 (U, n), pictures, strongest first.
        places: int64 (U, n), in the layer's map, row by row.
        values: float32 (U, n), the responses there.
        boxes: int64 (U, n, 4), what the unit sees there: top, left, height, width, inside the
            picture.
        others: float32 (U, n, D), what the layer's other units do at that place; D is 0 in a layer
            of fewer than 4 units.
    """

    units: tuple[int, ...]
    rows: torch.Tensor
    places: torch.Tensor
    values: torch.Tensor
    boxes: torch.Tensor
    others: torch.Tensor = field(repr=False)


def strong_places(
    program: Program,
    layer: str,
    units: Sequence[int],
    imageset: ImageSet,
    rows: torch.Tensor,
    peaks: torch.Tensor,
    scale: torch.Tensor,
    spec: ModelSpec,
    field: ReceptiveField | None,
    *,
    n: int,
    batch_size: int = 128,
) -> StrongPlaces:
    """Find units' strongest places in one pass over the pictures that hold them.

    Args:
        program: the network.
        layer, units: whose.
        imageset, rows: the pictures, int64 (N,).
        peaks: float (N, U), every unit's largest response to each of them.
        scale: float (U,), the deviation of every unit's responses, by which the others' activity
            is measured.
        spec: what the network takes.
        field: the units' receptive field; None where they see everything.
        n: pictures of each unit; fewer where there are fewer.
        batch_size: pictures at a time.
    """
    n = min(n, len(rows))
    U, all_units = len(units), peaks.shape[1]
    chosen = peaks[:, list(units)].topk(n, dim=0).indices.T  # (U, n), rows of `rows`
    D = min(MOST_DIRECTIONS, all_units) if all_units >= 4 else 0
    directions = torch.eye(all_units)
    if 0 < D < all_units:
        generator = make_generator(0, "directions of other units")
        directions = torch.randn(all_units, D, generator=generator) / D**0.5
    places = torch.zeros(U, n, dtype=torch.long)
    values = torch.zeros(U, n)
    others = torch.zeros(U, n, D)
    map_width = 1
    wanted = chosen.unique()
    for batch in wanted.split(batch_size):
        images = spec.normalise(imageset.take(rows[batch]).to(device_of(program.model)))
        output = program.output_of(layer, images).float().cpu()
        map_width = output.shape[3] if output.ndim == 4 else 1
        if output.ndim == 4:
            output = output.permute(0, 2, 3, 1)
        flat = output.reshape(len(output), -1, all_units)  # (B, places, U)
        position = torch.full((len(rows),), -1).index_put_((batch,), torch.arange(len(batch)))
        u, j = (position[chosen] >= 0).nonzero(as_tuple=True)
        picture, unit = position[chosen[u, j]], torch.tensor(units)[u]
        best, at = flat[picture, :, unit].max(1)
        places[u, j], values[u, j] = at, best
        if D:
            active = flat[picture, at] / scale.clamp(min=1e-9)
            active[torch.arange(len(unit)), unit] = 0.0
            others[u, j] = active @ directions
    boxes = boxes_at(places, map_width, field, height=spec.height, width=spec.width)
    return StrongPlaces(tuple(units), rows[chosen], places, values, boxes, others)


def boxes_at(
    places: torch.Tensor, map_width: int, field: ReceptiveField | None, *, height: int, width: int
) -> torch.Tensor:
    """What units see at some places of their map, inside the picture: int64 (..., 4)."""
    if field is None:
        return torch.tensor([0, 0, height, width]).expand(*places.shape, 4)
    ends = []
    for i, side in enumerate((height, width)):
        at = places // map_width if i == 0 else places % map_width
        low = field.start_px[i] + at * field.stride_px[i]
        # A unit that sees padding alone gets the pixel beside it.
        start = low.clamp(0, side - 1)
        ends.append((start, (low + field.size_px[i]).clamp(max=side).maximum(start + 1) - start))
    return torch.stack([ends[0][0], ends[1][0], ends[0][1], ends[1][1]], -1)
