"""The small pictures of an atlas, cut out of the sheets that they are packed in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layerscope.errors import AtlasError
from layerscope.formats.file_references import Sprite

if TYPE_CHECKING:
    import numpy as np


def tiles(folder: Path, sprite: Sprite, numbers: Sequence[int]) -> list[np.ndarray]:
    """Some pictures of a sheet.

    Args:
        folder: the atlas's.
        sprite: the sheet.
        numbers: which pictures.

    Returns:
        uint8 (h, w) of a grey sheet, (h, w, 3) of one in colour, for each number.

    Raises:
        AtlasError: the sheet is gone or damaged.
    """
    import numpy as np
    from PIL import Image

    path = folder / sprite.file
    try:
        with Image.open(path) as image:
            sheet = np.asarray(image.convert("RGB"))
    except OSError as error:
        raise AtlasError(f"{path} cannot be read ({error}); look again") from error
    if bool((sheet[..., :1] == sheet).all()):
        sheet = sheet[..., 0]
    h, w = sprite.tile_px
    tile_of = sprite.tiles or range(sprite.count)
    places = [divmod(tile_of[number], sprite.columns) for number in numbers]
    return [sheet[row * h : (row + 1) * h, column * w : (column + 1) * w] for row, column in places]


def enlarged(tile: np.ndarray, side_px: int) -> np.ndarray:
    """A tile made larger by a whole number, pixel by pixel, and framed to a square.

    Args:
        tile: uint8 (h, w) or (h, w, 3).
        side_px: of the square.

    Returns:
        uint8 (side, side, 3), white around the tile.
    """
    import numpy as np

    colour = np.broadcast_to(tile[..., None], (*tile.shape, 3)) if tile.ndim == 2 else tile
    times = max(1, side_px // max(tile.shape[:2]))
    large = colour.repeat(times, 0).repeat(times, 1)[:side_px, :side_px]
    square = np.full((side_px, side_px, 3), 255, np.uint8)
    top, left = ((side_px - n) // 2 for n in large.shape[:2])
    square[top : top + large.shape[0], left : left + large.shape[1]] = large
    return square


def rows_of(pictures: Sequence[Sequence[np.ndarray | None]], side_px: int = 48) -> np.ndarray:
    """Rows of tiles as one picture, uint8 (H, W, 3); None leaves a place empty."""
    import numpy as np

    columns = max(len(row) for row in pictures)
    empty = np.full((side_px, side_px, 3), 255, np.uint8)
    gap = np.full((side_px, 4, 3), 255, np.uint8)
    lines = []
    for row in pictures:
        cells = [empty if tile is None else enlarged(tile, side_px) for tile in row]
        cells += [empty] * (columns - len(row))
        lines.append(np.concatenate([part for cell in cells for part in (cell, gap)], 1))
        lines.append(np.full((4, lines[-1].shape[1], 3), 255, np.uint8))
    return np.concatenate(lines, 0)
