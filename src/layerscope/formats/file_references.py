"""What stands in a file beside the record: an array by its name, a sheet of small pictures."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from layerscope.formats.quantities import Count, Positive


class ArrayRef(Struct, frozen=True, kw_only=True):
    """A named array of a safetensors file.

    Args:
        file: inside the folder, such as "arrays/samples.safetensors".
        name: of the array in that file.
    """

    file: Annotated[str, Meta(pattern=r"^arrays/[^/]+\.safetensors$")]
    name: str


class Sprite(Struct, frozen=True, kw_only=True):
    """Many pictures of one size in one sheet: tile `i` is at column `i % columns`, row
    `i // columns`.

    Args:
        file: inside the folder, such as "sprites/features.0.patches.webp".
        tile_px: [height, width] of one tile.
        columns: tiles a row.
        count: tiles of the sheet.
        tiles: the tile of each picture, where equal pictures share one; null: picture `i` is tile
            `i`.
    """

    file: Annotated[str, Meta(pattern=r"^(sprites|run)/[^/]+\.webp$")]
    tile_px: tuple[Positive, Positive]
    columns: Positive
    count: Positive
    tiles: tuple[Count, ...] | None = None
