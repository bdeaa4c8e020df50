"""A contact sheet: a row of pictures for each class."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from layerscope.data.imageset import ImageSet
from layerscope.errors import DataError
from layerscope.files import whole_file

if TYPE_CHECKING:
    from PIL import Image

GROUND, INK, SOFT = (250, 250, 248), (28, 30, 34), (91, 96, 107)
TILE_PX = 72
GAP_PX = 6
MOST_CLASSES = 40
# Told apart without colour vision as far as eight hues can be (Okabe and Ito, 2008).
PART_COLOURS = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66),
    (0, 114, 178), (213, 94, 0), (204, 121, 167), (120, 120, 120),
)  # fmt: skip


def write_sheet(
    path: Path,
    imageset: ImageSet,
    *,
    columns: int = 12,
    masks: bool = False,
    seed: int = 0,
    rows: Sequence[int] = (),
) -> Path:
    """Write a contact sheet.

    Args:
        path: a .png, .webp or .jpg file.
        imageset: the pictures; a seeded choice of each class is shown.
        columns: pictures a class.
        masks: paint the parts over the pictures.
        seed: of the choice.
        rows: show these pictures, and of each class no others; none shows a choice of all.

    Raises:
        DataError: the set has no masks or no such row, or the file's ending is no picture format.
    """
    from PIL import Image

    if path.suffix.lower() not in (".png", ".webp", ".jpg", ".jpeg"):
        raise DataError(f"{path} does not end in .png, .webp or .jpg; name a picture file")
    if wrong := [row for row in rows if not 0 <= row < len(imageset)]:
        raise DataError(
            f"there is no picture {wrong[0]} in {imageset.split}; they run from 0 to "
            f"{len(imageset) - 1}"
        )
    shown = torch.tensor(rows) if rows else torch.arange(len(imageset))
    labels = imageset.labels[shown]
    # Of a choice only the classes that it has; a class of many pictures takes several lines.
    lines = sheet_lines(
        labels, shown, imageset.n_classes, columns, seed=seed, all_of_them=bool(rows)
    )
    margin = 24
    label_px = 130
    width = margin * 2 + label_px + columns * (TILE_PX + GAP_PX)
    height = margin * 2 + 34 + len(lines) * (TILE_PX + GAP_PX) + (34 if masks else 0)
    sheet = Image.new("RGB", (width, height), GROUND)
    header = f"{imageset.name}, {imageset.split}: {len(imageset):,} pictures"
    H, W = imageset.size
    write(sheet, (margin, margin - 4), f"{header}, {W} x {H} px", size=18, colour=INK)
    for line, (k, chosen) in enumerate(lines):
        top = margin + 34 + line * (TILE_PX + GAP_PX)
        name, count = imageset.class_names[k], int((imageset.labels == k).sum())
        write(sheet, (margin, top + 20), shortened(name), size=15, colour=INK)
        about = f"{count:,}" if not rows else ", ".join(str(int(row)) for row in chosen)
        write(sheet, (margin, top + 40), shortened(about, 20), size=12, colour=SOFT)
        for i, picture in enumerate(tiles(imageset, chosen, masks=masks)):
            sheet.paste(picture, (margin + label_px + i * (TILE_PX + GAP_PX), top))
    if masks:
        write_key(sheet, (margin, height - margin - 12), imageset.part_names)
    with whole_file(path) as temporary:
        image_format = {".jpg": "JPEG", ".jpeg": "JPEG"}.get(path.suffix.lower(), path.suffix[1:])
        sheet.save(temporary, format=image_format.upper())
    return path


def sheet_lines(
    labels: torch.Tensor,
    shown: torch.Tensor,
    K: int,
    columns: int,
    *,
    seed: int,
    all_of_them: bool,
) -> list[tuple[int, torch.Tensor]]:
    """The lines of a sheet: a class and its pictures, int64 rows of the set."""
    generator = torch.Generator().manual_seed(seed)
    lines: list[tuple[int, torch.Tensor]] = []
    for k in range(K):
        members = shown[labels == k]
        if all_of_them:
            lines += [(k, part) for part in members.split(columns) if len(part)]
        elif len(lines) < MOST_CLASSES:
            order = torch.randperm(len(members), generator=generator)
            lines.append((k, members[order[:columns]]))
    return lines


def tiles(imageset: ImageSet, rows: torch.Tensor, *, masks: bool) -> list[Image.Image]:
    """Pictures of one size for the sheet; small ones keep their pixels visible."""
    from PIL import Image

    pixels = imageset.take(rows).float()
    if pixels.shape[1] == 1:
        pixels = pixels.expand(-1, 3, -1, -1)
    if masks:
        parts = imageset.masks(rows)
        for p in range(parts.shape[1]):
            colour = torch.tensor(PART_COLOURS[p % len(PART_COLOURS)]).float().view(1, 3, 1, 1)
            pixels = torch.where(parts[:, p : p + 1], 0.35 * pixels + 0.65 * colour, pixels)
    small = max(imageset.size) < TILE_PX
    way = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
    images = pixels.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return [Image.fromarray(image).resize((TILE_PX, TILE_PX), way) for image in images]


def write(
    sheet: Image.Image, place: tuple[int, int], text: str, *, size: int, colour: tuple
) -> None:
    """Write a line of text, in whatever script it is."""
    from PIL import ImageDraw, ImageFont

    path = font_for(text)
    font = ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
    ImageDraw.Draw(sheet).text(place, text, fill=colour, font=font)


@functools.cache
def font_for(text: str) -> str | None:
    """A font file that has all letters of a text: matplotlib's own, else one of this machine's.

    Returns:
        None for plain text, which Pillow's own font has, and where no font has all of it.
    """
    letters = {ord(letter) for letter in text if not letter.isspace()}
    if all(32 < letter < 127 for letter in letters):
        return None
    import matplotlib
    from matplotlib.ft2font import FT2Font

    own = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    if letters <= set(FT2Font(str(own)).get_charmap()):
        return str(own)
    from matplotlib.font_manager import findSystemFonts

    for name in sorted(findSystemFonts()):
        try:
            if letters <= set(FT2Font(name).get_charmap()):
                return name
        except (RuntimeError, OSError):
            continue  # a font of a kind that cannot be read
    return str(own)


def write_key(sheet: Image.Image, place: tuple[int, int], names: tuple[str, ...]) -> None:
    """Say which colour is which part."""
    from PIL import ImageDraw

    x, y = place
    for name, colour in zip(names, PART_COLOURS, strict=False):
        ImageDraw.Draw(sheet).rectangle((x, y, x + 13, y + 13), fill=colour)
        write(sheet, (x + 19, y - 1), name, size=13, colour=INK)
        x += 42 + 7 * len(name)


def shortened(name: str, most: int = 15) -> str:
    """A text that fits its column."""
    return name if len(name) <= most else f"{name[: most - 1]}…"
