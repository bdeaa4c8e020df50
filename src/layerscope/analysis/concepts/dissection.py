"""How well a unit's strongest places cover each part of the pictures: Network Dissection's IoU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from layerscope.batch_budget import pictures_at_once
from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.graph.layer import Layer
from layerscope.graph.program import Program
from layerscope.graph.receptive_field import ReceptiveField

# A unit is "on" where it is stronger than in all but this share of its places.
QUANTILE = 0.995
# Places of one picture that the threshold is taken from; of larger maps a random choice.
SAMPLED_PLACES = 256
# Values at the picture's size that are worked on at once: 32 MiB, and as much again for what
# becomes of them. Of fewer than 2^24, float32 counts every one.
GROWN_VALUES = 1 << 23
# Units are compared some at a time, so that what becomes of their maps stays in the cache: 8 MiB.
COMPARED_VALUES = 1 << 21
# Of what a batch may take: maps are sorted and compared as a whole, several times over.
MEMORY_SHARE = 0.25


@dataclass(frozen=True)
class Overlap:
    """Where the units of one layer are on, against the parts.

    Args:
        iou: float (U, P), intersection over union, over all pictures together.
        thresholds: float (U,), above which a unit counts as on.
    """

    iou: torch.Tensor
    thresholds: torch.Tensor


def part_overlap(
    program: Program,
    layers: Sequence[str],
    fields: dict[str, ReceptiveField | None],
    imageset: ImageSet,
    rows: torch.Tensor,
    *,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    generator: torch.Generator,
    quantile: float = QUANTILE,
    batch_size: int = 64,
) -> dict[str, Overlap]:
    """Measure every unit of some layers against every part, in two passes over the pictures.

    Neither pass keeps maps: the first keeps of each unit the largest of its values, as many as lie
    beyond the threshold, and the second counts as it goes, some units and pictures at a time.

    Args:
        program: the network.
        layers: names of layers with maps; dense layers have no places and are left out.
        fields: receptive fields by layer: they say where in the picture a place of a map lies.
        imageset: pictures with part masks.
        rows: int64 (N,), which pictures.
        normalise: pixels uint8 (B, C, H, W) -> images.
        generator: draws the places that the thresholds are taken from.
        quantile: of a unit's places, those beyond which it is on.
        batch_size: pictures at a time, at most (`batch_budget`).

    Returns:
        An `Overlap` for each layer with maps of more than one place that is run for all pictures.

    Source: Bau et al., "Network Dissection", 2017, section 2.2. Deviates: maps are brought to the
    picture's size by linear interpolation between the exact centres of the receptive fields, and
    the threshold of maps with more than 256 places is taken from 256 of each picture.

    Example:
        >>> part_overlap(program, ["features.1"], fields, creatures, rows, normalise=spec.normalise,
        ...              generator=make_generator(0, "places"))      # doctest: +SKIP
    """
    known = {layer.name: layer for layer in program.layers}
    mapped = [name for name in layers if has_places(known[name])]
    device = device_of(program.model)
    at_once = pictures_at_once(
        batch_size,
        outputs=[layer.shape for layer in program.layers],
        on_gpu=device.type != "cpu",
        share=MEMORY_SHARE,
    )
    n_sampled = {name: len(rows) * min(places_of(known[name]), SAMPLED_PLACES) for name in mapped}
    largest = {name: LargestValues(beyond(n, quantile)) for name, n in n_sampled.items()}

    def sample(name: str, maps: torch.Tensor) -> None:
        values = maps.float().flatten(2).cpu()  # (B, U, places)
        if values.shape[2] > SAMPLED_PLACES:
            some = torch.rand(values.shape[0], values.shape[2], generator=generator)
            index = some.topk(SAMPLED_PLACES, dim=1).indices
            values = values.gather(2, index[:, None].expand(-1, values.shape[1], -1))
        largest[name].add(values)

    for batch in rows.split(at_once):
        program.show(normalise(imageset.take(batch).to(device)), mapped, sample)
    thresholds = {
        name: found.smallest
        for name, found in largest.items()
        if found.n == len(rows)  # a branch may skip some
    }
    largest.clear()

    H, W = imageset.size
    counts: dict[str, torch.Tensor] = {}
    within = torch.zeros(0)
    part_total = torch.zeros(len(imageset.part_names), dtype=torch.float64)

    def compare(name: str, maps: torch.Tensor) -> None:
        some = maps_at_once(len(maps), H, W, most=COMPARED_VALUES)
        counted = torch.cat(
            [
                counted_on(part, limit, fields[name], within, (H, W))
                for part, limit in zip(
                    maps.float().cpu().split(some, dim=1), thresholds[name].split(some), strict=True
                )
            ]
        )
        counts[name] = counts[name] + counted if name in counts else counted

    for batch in rows.split(
        min(at_once, maps_at_once(len(imageset.part_names), H, W, most=GROWN_VALUES))
    ):
        masks = imageset.masks(batch).float()
        part_total += masks.sum((0, 2, 3)).double()
        # A last mask of everything counts where a unit is on at all.
        within = F.pad(masks.flatten(2), (0, 0, 0, 1), value=1.0).mT
        program.show(normalise(imageset.take(batch).to(device)), thresholds.keys(), compare)
    return {
        name: Overlap(
            (c[:, :-1] / (c[:, -1:] + part_total - c[:, :-1]).clamp(min=1)).float(),
            thresholds[name],
        )
        for name, c in counts.items()
    }


def has_places(layer: Layer) -> bool:
    """Whether a layer puts out maps of more than one place."""
    return len(layer.shape) == 3 and layer.shape[1] * layer.shape[2] > 1


def places_of(layer: Layer) -> int:
    """How many places the maps of a layer have."""
    return layer.shape[1] * layer.shape[2]


def beyond(n: int, quantile: float) -> int:
    """How many of n values lie at or beyond a quantile: at least one."""
    return n - min(n - 1, int(quantile * n))


class LargestValues:
    """The k largest values of each unit, kept while maps pass.

    The smallest of them is a quantile: a value that was seen, without interpolation. A ReLU that is
    nearly always silent has 0.

    Args:
        k: how many are kept.
    """

    def __init__(self, k: int) -> None:
        self.k = k
        self.n = 0
        self.kept: torch.Tensor | None = None

    def add(self, values: torch.Tensor) -> None:
        """Add float (B, U, places) of B pictures."""
        self.n += len(values)
        flat = values.transpose(0, 1).flatten(1)  # (U, B * places)
        if self.kept is not None:
            flat = torch.cat([self.kept, flat], 1)
        self.kept = flat.topk(min(self.k, flat.shape[1]), dim=1, sorted=False).values

    @property
    def smallest(self) -> torch.Tensor:
        """float (U,), the smallest of the k largest values of each unit."""
        assert self.kept is not None, "nothing was added"
        return self.kept.amin(1)


def maps_at_once(n: int, height: int, width: int, *, most: int) -> int:
    """How many times n maps of the picture's size are worked on at once, for so many values."""
    return max(1, most // (n * height * width))


def counted_on(
    maps: torch.Tensor,
    thresholds: torch.Tensor,
    field: ReceptiveField | None,
    within: torch.Tensor,
    size: tuple[int, int],
) -> torch.Tensor:
    """At how many pixels some units are on: float64 (U, M), within each mask.

    Args:
        maps: float (B, U, h, w).
        thresholds: float (U,), above which a unit is on.
        field: of the units.
        within: float (B, H * W, M), 1 where the mask is.
        size: H, W.
    """
    grown = at_picture_size(maps, field, height=size[0], width=size[1])
    on = torch.gt(grown, thresholds[:, None, None], out=torch.empty_like(grown))
    return torch.bmm(on.flatten(2), within).double().sum(0)  # counts of one picture are exact


def at_picture_size(
    maps: torch.Tensor, field: ReceptiveField | None, *, height: int, width: int
) -> torch.Tensor:
    """Bring maps to the picture's size: float (B, U, h, w) -> (B, U, H, W).

    Args:
        maps: of one layer.
        field: its receptive field; None spreads the map evenly over the picture.
        height, width: of the picture in pixels.
    """
    h, w = maps.shape[2:]
    down = interpolation(h, height, axis=0, field=field)
    across = interpolation(w, width, axis=1, field=field)
    if (h, w) == (height, width) and all(torch.equal(m, torch.eye(len(m))) for m in (down, across)):
        return maps
    return down @ maps @ across.T


def interpolation(
    places: int, side_px: int, *, axis: int, field: ReceptiveField | None
) -> torch.Tensor:
    """Weights of linear interpolation from places to pixels: float (side_px, places).

    A pixel beyond the centres of the outermost places takes the nearest one's value.
    """
    if field is None:
        stride = side_px / places
        first = (stride - 1) / 2
    else:
        stride = float(field.stride_px[axis])
        first = field.start_px[axis] + (field.size_px[axis] - 1) / 2
    at = ((torch.arange(side_px) - first) / stride).clamp(0, places - 1)
    return (1 - (at[:, None] - torch.arange(places)).abs()).clamp(min=0)
