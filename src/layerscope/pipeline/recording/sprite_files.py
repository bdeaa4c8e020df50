"""Sheets of small pictures inside an atlas."""

from __future__ import annotations

from pathlib import Path

import torch

from layerscope.formats.file_references import Sprite
from layerscope.sprites import write_sprite


def write_layer_sprite(
    folder: Path, layer: str, kind: str, tiles: torch.Tensor, *, columns: int, lossless: bool = True
) -> Sprite:
    """Write one of a layer's sheets.

    Args:
        folder: of the atlas.
        layer: its name.
        kind: of sheet, such as "patches".
        tiles: uint8 (n, C, h, w).
        columns: tiles a row.
        lossless: keep every pixel as it is.
    """
    path = folder / "sprites" / f"{layer.replace('/', '-')}.{kind}.webp"
    sheet = write_sprite(path, tiles, columns=columns, lossless=lossless)
    return Sprite(
        file=f"sprites/{path.name}",
        tile_px=sheet.tile_px,
        columns=sheet.columns,
        count=sheet.count,
    )
