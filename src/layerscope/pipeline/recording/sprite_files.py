"""Sheets of small pictures inside an atlas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F

from layerscope.analysis.activations.top_patches import PATCHES
from layerscope.data.imageset import ImageSet
from layerscope.formats.atlas_record import PatchPictures
from layerscope.formats.file_references import Sprite
from layerscope.formats.layer_record import LayerRecord
from layerscope.sprites import PHOTOGRAPHS, write_sprite

# A picture behind a patch is there to be recognised: the patch itself has its own sharp tile.
LARGEST_PICTURE_PX = 48
# What keeps all of them below a megabyte or so.
MOST_PICTURES = 800
PICTURES_AT_ONCE = 128


def write_layer_sprite(
    folder: Path,
    layer: str,
    kind: str,
    tiles: torch.Tensor,
    *,
    columns: int,
    quality: int | None = None,
) -> Sprite:
    """Write one of a layer's sheets.

    Args:
        folder: of the atlas.
        layer: its name.
        kind: of sheet, such as "patches".
        tiles: uint8 (n, C, h, w).
        columns: tiles a row.
        quality: None keeps every pixel as it is.
    """
    name = f"{layer.replace('/', '-')}.{kind}.webp"
    return written_sprite(folder, name, tiles, columns=columns, quality=quality)


def written_sprite(
    folder: Path, name: str, tiles: torch.Tensor, *, columns: int, quality: int | None
) -> Sprite:
    """Write a sheet of an atlas, equal tiles once; returns where it lies, and how its tiles lie."""
    distinct, places = without_repeats(tiles)
    sheet = write_sprite(folder / "sprites" / name, distinct, columns=columns, quality=quality)
    return Sprite(
        file=f"sprites/{name}",
        tile_px=sheet.tile_px,
        columns=sheet.columns,
        count=sheet.count,
        tiles=places if len(distinct) < len(tiles) else None,
    )


def without_repeats(tiles: torch.Tensor) -> tuple[torch.Tensor, tuple[int, ...]]:
    """The distinct ones of some tiles, and which of them each one is.

    Deep units see the whole picture: of a sheet of their patches three in four are repeats.
    """
    first: dict[bytes, tuple[int, int]] = {}  # a tile's bytes -> its place, and where it came first
    found = [
        first.setdefault(tile.numpy().tobytes(), (len(first), i)) for i, tile in enumerate(tiles)
    ]
    return tiles[[i for _, i in first.values()]], tuple(place for place, _ in found)


def shrunk(pixels: torch.Tensor, size_px: tuple[int, int]) -> torch.Tensor:
    """Make pictures smaller: uint8 (n, C, H, W) to (n, C, *size_px); as they are where they fit."""
    if pixels.shape[-2:] == size_px:
        return pixels
    smaller = F.interpolate(
        pixels.float(), size_px, mode="bilinear", antialias=True, align_corners=False
    )
    return smaller.round().clamp(0, 255).to(torch.uint8)


def write_patch_pictures(
    folder: Path, layers: Sequence[LayerRecord], imageset: ImageSet
) -> PatchPictures | None:
    """Write the pictures that units' patches were cut from, small.

    Where there are too many, all units' strongest patches come first, then their second ones.

    Args:
        folder: of the atlas.
        layers: with their units.
        imageset: the pictures that were scanned.

    Returns:
        Where each picture lies; None where every patch is a whole picture.
    """
    H, W = imageset.size
    units = [unit for layer in layers for unit in layer.units]
    wanted = {
        patch.row: None
        for rank in range(PATCHES)
        for unit in units
        for patch in unit.patches[rank : rank + 1]
        if tuple(patch.box_px) != (0, 0, H, W)
    }
    rows = tuple(wanted)[:MOST_PICTURES]
    if not rows:
        return None
    scale = min(1.0, LARGEST_PICTURE_PX / max(H, W))
    tile = (max(1, round(scale * H)), max(1, round(scale * W)))
    tiles = torch.empty((len(rows), imageset.channels, *tile), dtype=torch.uint8)
    for start in range(0, len(rows), PICTURES_AT_ONCE):
        some = imageset.take(torch.tensor(rows[start : start + PICTURES_AT_ONCE]))
        tiles[start : start + len(some)] = shrunk(some, tile)
    sprite = written_sprite(folder, "pictures.webp", tiles, columns=32, quality=PHOTOGRAPHS)
    return PatchPictures(rows=rows, sprite=sprite)
