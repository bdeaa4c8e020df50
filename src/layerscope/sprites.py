"""Many small pictures packed into one sheet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layerscope.errors import LayerscopeError
from layerscope.files import whole_file

if TYPE_CHECKING:
    import torch

# WebP stores at most 16,383 pixels a side.
LONGEST_PX = 16_000
PHOTOGRAPHS = 88  # the quality at which they look as they are


@dataclass(frozen=True)
class Sheet:
    """A written sheet: tile i lies in column `i % columns`, row `i // columns`.

    Args:
        tile_px: (height, width) of one tile.
        columns: tiles a row.
        count: tiles in all.
    """

    tile_px: tuple[int, int]
    columns: int
    count: int


def write_sprite(
    path: Path, tiles: torch.Tensor, *, columns: int = 9, quality: int | None = None
) -> Sheet:
    """Write pictures of one size as one WebP sheet.

    Args:
        path: the file, ending in ".webp".
        tiles: uint8 (n, C, h, w), C 1 or 3, n at least 1.
        columns: tiles a row; widened by whole multiples where the sheet would grow too tall.
        quality: 0 to 100, of WebP's lossy kind; None keeps every pixel as it is. Photographs look
            the same at `PHOTOGRAPHS`, in a tenth of the bytes.

    Returns:
        How its tiles lie.

    Raises:
        LayerscopeError: the tiles do not fit one sheet, or the file cannot be written.
    """
    from PIL import Image

    n, C, h, w = tiles.shape
    times = 1
    while math.ceil(n / (columns * times)) * h > LONGEST_PX:
        times += 1
    columns *= times
    if columns * w > LONGEST_PX:
        raise LayerscopeError(
            f"{n} pictures of {h} x {w} px do not fit one sheet; ask for smaller or fewer pictures"
        )
    rows = math.ceil(n / columns)
    sheet = tiles.new_full((rows * columns, C, h, w), 0)
    sheet[:n] = tiles
    whole = (
        sheet.view(rows, columns, C, h, w)
        .permute(0, 3, 1, 4, 2)  # (rows, h, columns, w, C)
        .reshape(rows * h, columns * w, C)
        .numpy()
    )
    image = Image.fromarray(whole[..., 0] if C == 1 else whole)
    with whole_file(path) as temporary:
        kind = {"lossless": True, "quality": 60} if quality is None else {"quality": quality}
        image.save(temporary, format="WEBP", method=2, **kind)
    return Sheet((h, w), columns, n)
