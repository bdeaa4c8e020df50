"""`load`, which finds any set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from layerscope.data.catalogue import SETS, NamedSet, set_names
from layerscope.data.downloads.fetch import fetch
from layerscope.data.downloads.places import data_folders
from layerscope.data.downloads.public import load_cifar, load_idx
from layerscope.data.embedded import CREATURES_PX, load_creatures, load_digits
from layerscope.data.folders.class_folders import load_photos
from layerscope.data.folders.framing import Framing, frame_pixels
from layerscope.data.imageset import ImageSet, Splits
from layerscope.data.rows.row_source import is_rows
from layerscope.errors import DataError, nearest

MOST_RESIZED_BYTES = 8 << 30  # named sets are resized in memory; photos are read from a file
Progress = Callable[[int, int], None]


def load(
    name: str | Path,
    *,
    size: int | None = None,
    channels: int | None = None,
    framing: Framing | None = None,
    data_dir: Path | None = None,
    seed: int = 0,
    progress: Progress = lambda done, total: None,
    least_test: int | None = None,
) -> Splits:
    """Find a set and load it.

    Args:
        name: a set's name, or a folder or zip with a folder of pictures per class (or train/ and
            test/ with those). A folder without a test part gives a fifth of each class to it.
        size: side of the pictures in pixels; None takes the set's own, for a folder the median
            shorter side, 28 to 128.
        channels: 1 makes photos of a folder grey, 3 makes them colour; None keeps what they are.
        framing: size and crop of the pictures, in place of `size`.
        data_dir: a folder that is looked at first for named sets, before LAYERSCOPE_DATA, the
            cache, and a download.
        seed: of the split of a folder without a test part.
        progress: told (pictures done, pictures in all) while pictures are decoded.
        least_test: None refuses a folder that no classifier can learn from and be tested on. A
            number takes whatever is there, to look at: a single class, a picture a class, pictures
            that nobody has sorted into folders. Where the test part of a folder would be smaller,
            all its pictures are in both splits.

    Returns:
        The two splits. Pixels of photos are mapped from a cache file, not held in memory.

    Raises:
        DataError: there is no such set, or it cannot be used.

    Example:
        >>> load("digits").train
        <ImageSet digits train: 1,438 grey pictures of 8 x 8 px, 10 classes>
    """
    for side in (framing.height, framing.width) if framing else (size,):
        if side is not None and not 8 <= side <= 512:
            raise DataError(f"size is {side}; pictures can be 8 to 512 px wide")
    if channels not in (None, 1, 3):
        raise DataError(f"channels is {channels}; pictures have 1 (grey) or 3 (colour)")
    known = named(name)
    if known is None and is_rows(name):
        raise DataError(
            f"{name} holds words or numbers, and this takes pictures; train on it with "
            "'layerscope train' or layerscope.train_rows"
        )
    if known is None:
        return load_photos(
            Path(name), size=size, channels=channels, seed=seed, progress=progress,
            framing=framing, least_test=least_test,
        )  # fmt: skip
    if framing is None and size is not None:
        framing = Framing(size, size, interpolation="bilinear")
    if known.name == "creatures":
        if framing is None or framing.height != framing.width:
            drawn = load_creatures(CREATURES_PX, progress)
            return drawn if framing is None else resized(drawn, framing)
        return load_creatures(framing.height, progress)  # drawn at any size, nothing to crop
    if known.name == "digits":
        splits = load_digits()
    elif known.source == "cifar10":
        splits = load_cifar(known, data_folders(data_dir), progress)
    else:
        splits = load_idx(known, data_folders(data_dir))
    return splits if framing is None else resized(splits, framing)


def named(name: str | Path) -> NamedSet | None:
    """The set of that name, however it is capitalised; a folder of the very name comes first."""
    plain = str(name)
    known = {entry.name: entry for entry in SETS}
    if plain not in known and Path(plain).exists():
        return None
    return known.get(plain.lower().replace("_", "-"))


def fetch_set(name: str) -> Path:
    """Download a public set, or find it downloaded.

    Returns:
        The folder of sets that holds it.

    Raises:
        DataError: there is no such set, it needs no download, or it cannot be had.
    """
    known = named(name)
    if known is None:
        raise DataError(f"there is no set {name!r}{nearest(name, set_names())}")
    if not known.source:
        raise DataError(f"{name} is built in; there is nothing to fetch")
    return fetch(known.source)


def where(known: NamedSet) -> str:
    """Where a named set would come from now, for a list."""
    if not known.source:
        return "built in"
    inside = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}.get(
        known.source, "cifar-10-batches-py"
    )
    homes = (known.source, inside) if known.source != "cifar10" else (inside, "cifar10-jpg.zip")
    for folder in data_folders():
        for home in homes:
            if (folder / home).exists():
                return str(folder / home)
    return f"fetch: {known.download_mb} MB"


def resized(splits: Splits, size: int | Framing) -> Splits:
    """The same sets with square pictures of another size, or as a framing has them.

    Raises:
        DataError: they would not fit in most machines' memory.
    """
    framing = size if isinstance(size, Framing) else Framing(size, size, interpolation="bilinear")
    train = splits.train
    count = len(train) + len(splits.test)
    n_bytes = count * train.channels * framing.height * framing.width
    if n_bytes > MOST_RESIZED_BYTES:
        raise DataError(
            f"{train.name} at {framing.height} x {framing.width} px would take "
            f"{n_bytes / 1e9:.0f} GB of memory; ask for smaller pictures, such as --size 64"
        )
    return Splits(
        train=reframed(train, framing),
        test=reframed(splits.test, framing),
        skipped=splits.skipped,
        notes=splits.notes,
    )


def reframed(imageset: ImageSet, framing: Framing) -> ImageSet:
    """Frame all pictures of a set that fits in memory."""
    H, W = framing.height, framing.width
    if imageset.size == (H, W) and framing.resize_px is None:
        return imageset
    store = torch.empty(len(imageset), imageset.channels, H, W, dtype=torch.uint8)
    for start in range(0, len(imageset), 2048):
        part = imageset.take(torch.arange(start, min(len(imageset), start + 2048)))
        store[start : start + len(part)] = frame_pixels(part, framing)
    return replace(imageset, store=store, rows=None)
