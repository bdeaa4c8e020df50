"""The sets that come with the package: real digits, drawn creatures."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

import torch

from layerscope.cores import cores_apart
from layerscope.data.catalogue import DIGITS
from layerscope.data.downloads.places import cache_folder
from layerscope.data.folders.decode_cache import map_pixels
from layerscope.data.imageset import ImageSet, Splits
from layerscope.data.split import stratified
from layerscope.files import whole_file
from layerscope.seed import derive_seed, make_generator

CREATURES_N = {"train": 4000, "test": 1000}
CREATURES_PX = 64
AT_ONCE = 250


def load_digits() -> Splits:
    """The embedded handwritten digits: 8 x 8 px, a fifth of each class to test on.

    Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, 1998 (CC BY 4.0), as scikit-learn ships its test part. The file holds the pictures
    in a row of 8 pixels each; `scripts/embed_digits.py` made it.
    """
    from PIL import Image

    with as_file(files("layerscope.data") / "digits.png") as path, Image.open(path) as sheet:
        labels = torch.tensor([int(c) for c in sheet.info["labels"]])
        raw = torch.frombuffer(bytearray(sheet.tobytes()), dtype=torch.uint8)
    pixels = raw.view(len(labels), 1, 8, 8)
    whole = ImageSet("digits", "train", pixels, labels, DIGITS)
    return Splits(*stratified(whole, 0.2, make_generator(0, "digits"), part="test"))


def load_creatures(size: int, progress: Callable[[int, int], None]) -> Splits:
    """The drawn cats and dogs, drawn once into the cache."""
    from layerscope.data.creatures import CLASS_NAMES, DRAWING, PART_NAMES

    parts = []
    done, total = 0, sum(CREATURES_N.values())
    for split, n in CREATURES_N.items():
        stem = cache_folder() / "drawn" / f"creatures-{DRAWING}-{split}-{n}-{size}"
        shapes = ((n, 3, size, size), (n, len(PART_NAMES), size, size))
        homes = [stem.with_suffix(".pixels"), stem.with_suffix(".masks")]
        if not all(home.is_file() for home in homes):
            draw_into(homes, n, split, size, lambda i, start=done: progress(start + i, total))
        done += n
        parts.append(
            ImageSet(
                name="creatures",
                split=split,
                store=map_pixels(homes[0], shapes[0]),
                labels=torch.arange(n) % 2,
                class_names=CLASS_NAMES,
                mask_store=map_pixels(homes[1], shapes[1]).view(torch.bool),
                part_names=PART_NAMES,
            )
        )
    return Splits(*parts)


def draw_into(
    homes: list[Path], n: int, split: str, size: int, progress: Callable[[int], None]
) -> None:
    """Draw creatures, a few hundred at a time, into a file of pixels and one of masks."""
    from layerscope.data.creatures import Drawing, draw

    seed = derive_seed(0, f"creatures/{split}")

    def some(first: int) -> Drawing:
        return draw(min(AT_ONCE, n - first), size=size, seed=seed, first=first)

    with (
        cores_apart() as pool,
        whole_file(homes[0]) as pixels_file,
        whole_file(homes[1]) as masks_file,
        pixels_file.open("wb") as pixels_out,
        masks_file.open("wb") as masks_out,
    ):
        done = 0
        for drawn in pool.map(some, range(0, n, AT_ONCE)):
            pixels_out.write(drawn.pixels.numpy().tobytes())
            masks_out.write(drawn.masks.numpy().tobytes())
            done += len(drawn.pixels)
            progress(done)
