"""What a scan found out, in the atlas's form: statistics, units, patches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from msgspec import structs

from layerscope.analysis.activations.scan import LayerScan
from layerscope.analysis.activations.top_patches import PATCHES
from layerscope.data.imageset import ImageSet
from layerscope.formats.file_references import Sprite
from layerscope.formats.layer_record import LayerStatistics
from layerscope.formats.unit_record import Histogram, Patch, UnitEvidence, UnitRecord
from layerscope.graph.receptive_field import ReceptiveField
from layerscope.pipeline.recording.named_patches import named_by_patches
from layerscope.pipeline.recording.sprite_files import shrunk, write_layer_sprite
from layerscope.sprites import PHOTOGRAPHS

# A patch larger than this is made smaller on its sheet: nine of them stand side by side.
LARGEST_TILE_PX = 40
# Of all layers together: what keeps a large network's page under 30 MB.
MOST_TILES = 20_000
TILES_AT_ONCE = 128
GROUND = 128  # what a tile shows beyond the picture's border


def layer_statistics(scan: LayerScan) -> LayerStatistics:
    """The statistics of a whole layer: those of all its units together."""
    found = scan.statistics
    n_values = found.n_values * len(found.total)
    mean = float(found.total.sum() / n_values)
    variance = float(found.squares.sum() / n_values) - mean**2
    return LayerStatistics(
        n=found.n,
        values_per_unit=found.n_values,
        mean=mean,
        std=max(0.0, variance) ** 0.5,
        min=float(found.low.min()),
        max=float(found.high.max()),
        zero_frac=float(found.n_zero.sum() / n_values),
        dead_units=tuple(found.dead.nonzero()[:, 0].tolist()),
    )


def patched_units(units: Sequence[int]) -> int:
    """How many units of each layer, from its first, have patches: all, but in a large network.

    Args:
        units: of each layer that has patches.

    Returns:
        The largest number with which all layers together keep to `MOST_TILES`, at least 1.
    """
    if not units or sum(units) * PATCHES <= MOST_TILES:
        return max(units, default=1)
    fitting = [
        n for n in range(1, max(units)) if sum(min(n, u) for u in units) * PATCHES <= MOST_TILES
    ]
    return max(fitting, default=1)


def unit_records(
    scan: LayerScan,
    imageset: ImageSet,
    field: ReceptiveField | None,
    evidence: Sequence[UnitEvidence],
    *,
    patched: int,
) -> tuple[UnitRecord, ...]:
    """Every unit of a layer.

    Args:
        scan: what the pass found out.
        imageset: the pictures scanned.
        field: the units' receptive field; None where they see everything.
        evidence: what else was measured of each unit; empty where nothing was.
        patched: how many units have patches.
    """
    found, top = scan.statistics, scan.top
    mean, std, zero_frac, dead = found.mean, found.std, found.zero_frac, found.dead
    records = []
    for u in range(len(found.total)):
        strongest = zip(
            top.rows[u].tolist(), top.values[u].tolist(), top.places[u].tolist(), strict=True
        )
        patches = [
            patch(imageset, row, value, place, scan.map_px, field)
            for row, value, place in strongest
            if u < patched and not dead[u]
        ]
        measured = named_by_patches(evidence[u] if evidence else UnitEvidence(), patches, imageset)
        records.append(
            UnitRecord(
                index=u,
                mean=float(mean[u]),
                std=float(std[u]),
                max=float(found.high[u]),
                zero_frac=float(zero_frac[u]),
                dead=bool(dead[u]),
                histogram=Histogram(
                    low=float(found.edges[u, 0]),
                    high=float(found.edges[u, -1]),
                    counts=tuple(found.counts[u].tolist()),
                ),
                patches=tuple(patches),
                **structs.asdict(measured),
            )
        )
    return tuple(records)


def patch(
    imageset: ImageSet,
    row: int,
    value: float,
    place: int,
    map_px: tuple[int, int],
    field: ReceptiveField | None,
) -> Patch:
    """One of a unit's strongest places."""
    H, W = imageset.size
    y, x = divmod(place, map_px[1])
    return Patch(
        row=row,
        id=imageset.picture_id(row),
        label=imageset.label_of(row),
        value=value,
        position=(y, x) if field else None,
        box_px=field.box(y, x, height=H, width=W) if field else (0, 0, H, W),
    )


def write_patches(
    folder: Path,
    layer: str,
    patches: Sequence[Sequence[Patch]],
    imageset: ImageSet,
    field: ReceptiveField | None,
    *,
    kind: str = "patches",
) -> Sprite | None:
    """Write the pictures of the patches of a layer's units, or directions, nine tiles each.

    A tile shows the whole receptive field, grey where it reaches beyond the picture; tiles of more
    than 40 px are made smaller.

    Returns:
        The sheet, or None where none has a patch.
    """
    if not any(patches):
        return None
    H, W = imageset.size
    size = (min(field.size_px[0], H), min(field.size_px[1], W)) if field else (H, W)
    tile = (min(size[0], LARGEST_TILE_PX), min(size[1], LARGEST_TILE_PX))
    n_patched = 1 + max(u for u, own in enumerate(patches) if own)
    tiles = torch.full((n_patched * PATCHES, imageset.channels, *tile), GROUND, dtype=torch.uint8)
    # Where units see the whole picture, many share a tile.
    wanted: dict[tuple[int, tuple[int, int, int, int]], list[int]] = {}
    for u, own in enumerate(patches):
        for j, p in enumerate(own):
            wanted.setdefault((p.row, p.box_px), []).append(u * PATCHES + j)
    keys = list(wanted)
    for start in range(0, len(keys), TILES_AT_ONCE):
        some = keys[start : start + TILES_AT_ONCE]
        pictures = imageset.take(torch.tensor([row for row, _ in some]))
        whole = torch.full((len(some), imageset.channels, *size), GROUND, dtype=torch.uint8)
        for i, (_, (top, left, h, w)) in enumerate(some):
            # A field cut off at the picture's top or left keeps its place in the tile.
            down = size[0] - h if top == 0 and h < size[0] else 0
            right = size[1] - w if left == 0 and w < size[1] else 0
            cut = pictures[i, :, top : top + h, left : left + w]
            whole[i, :, down : down + h, right : right + w] = cut
        for key, one in zip(some, shrunk(whole, tile), strict=True):
            tiles[wanted[key]] = one
    # Of a few pixels each one counts.
    quality = None if max(tile) <= 12 else PHOTOGRAPHS
    return write_layer_sprite(folder, layer, kind, tiles, columns=PATCHES, quality=quality)
