"""Pictures decoded once into a file of raw pixels, which is then mapped into memory."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import torch

from layerscope.data.downloads.places import cache_folder
from layerscope.data.folders.framing import Framing
from layerscope.data.folders.listing import Listing, PictureFile, Reader
from layerscope.data.folders.picture import open_picture, read_pixels, without_warnings
from layerscope.data.imageset import ImageSet, Skipped
from layerscope.errors import DataError
from layerscope.files import whole_file, write_json

# Bumped when a picture is decoded to other pixels than before.
DECODING = 1
SMALLEST_PX, LARGEST_PX = 28, 128
LOOKED_AT = 64
SHARE = 64  # pictures that a thread decodes at a time


def decode(
    files: Sequence[PictureFile],
    listing: Listing,
    *,
    name: str,
    split: str,
    size: int | Framing,
    channels: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[ImageSet, tuple[Skipped, ...]]:
    """Decode some pictures of a listing, or find them decoded in the cache.

    The pictures are decoded by a few threads and written out as they come, so that memory does not
    grow with the set. What cannot be read is left out and named.

    Args:
        files: which pictures.
        listing: where they are from.
        name, split: of the resulting set.
        size: side of the square that each is cropped and resized to, in pixels; or a `Framing`.
        channels: 1 or 3.
        progress: told (pictures done, pictures in all).

    Returns:
        The set, its pixels mapped from the cache, and what was left out.

    Raises:
        DataError: no picture of a class can be read, or the cache cannot be written.
    """
    framing = size if isinstance(size, Framing) else Framing(size, size)
    stem = cache_folder() / "decoded" / fingerprint(files, listing, framing, channels)
    pixels_file, facts_file = stem.with_suffix(".pixels"), stem.with_suffix(".json")
    if not facts_file.is_file() or not pixels_file.is_file():
        skipped: list[Skipped] = []
        kept: list[int] = []
        with whole_file(pixels_file) as temporary, temporary.open("wb") as out, without_warnings():
            pictures = decoded_in_order(files, listing.root, framing=framing, channels=channels)
            for i, picture in enumerate(pictures):
                if isinstance(picture, Skipped):
                    skipped.append(picture)
                else:
                    kept.append(i)
                    out.write(picture.numpy().tobytes())
                progress(i + 1, len(files))
        write_json(facts_file, {"kept": kept, "skipped": [asdict(s) for s in skipped]})
    facts = json.loads(facts_file.read_text(encoding="utf-8"))
    left_out = tuple(Skipped(**s) for s in facts["skipped"])
    good = [files[i] for i in facts["kept"]]
    check_nothing_lost(files, good, listing.root, split, left_out)
    place = {class_name: k for k, class_name in enumerate(listing.class_names)}
    imageset = ImageSet(
        name=name,
        split=split,
        store=map_pixels(pixels_file, (len(good), channels, framing.height, framing.width)),
        labels=torch.tensor([place.get(file.class_name, -1) for file in good]),
        class_names=listing.class_names,
        ids=tuple(file.id for file in good),
    )
    return imageset, left_out


def decoded_in_order(
    files: Sequence[PictureFile], root: Path, *, framing: Framing, channels: int, threads: int = 4
) -> Iterator[torch.Tensor | Skipped]:
    """Decode pictures by several threads, a few at a time, and yield them in order."""
    # A reader each: opening a zip of many files costs more than decoding a share of them.
    readers = [Reader(root) for _ in range(threads)]

    def decode_share(reader: Reader, part: list[PictureFile]) -> list[torch.Tensor | Skipped]:
        return [decode_one(reader, file, framing=framing, channels=channels) for file in part]

    remaining = iter(files)
    try:
        with ThreadPoolExecutor(threads) as pool:
            while wave := [part for _ in readers if (part := list(islice(remaining, SHARE)))]:
                for done in pool.map(decode_share, readers, wave):
                    yield from done
    finally:
        for reader in readers:
            reader.close()


def decode_one(
    reader: Reader, file: PictureFile, *, framing: Framing, channels: int
) -> torch.Tensor | Skipped:
    """One picture as pixels, or why it is left out."""
    try:
        with reader.open(file) as source:
            return read_pixels(source, channels=channels, size=framing, name=file.id)
    except DataError as error:
        return Skipped(file.id, str(error))


def check_nothing_lost(
    files: Sequence[PictureFile],
    good: Sequence[PictureFile],
    root: Path,
    split: str,
    left_out: Sequence[Skipped],
) -> None:
    """Refuse a set in which a class has no readable picture left, or none is left at all."""
    lost = sorted({file.class_name for file in files} - {file.class_name for file in good} - {""})
    if not good or (lost and split == "train"):
        why = f" (the first: {left_out[0].why})" if left_out else ""
        of = f" of {', '.join(lost[:5])}" if lost else ""
        raise DataError(f"{root} has no readable {split} picture{of}{why}; put good pictures there")


def fingerprint(
    files: Sequence[PictureFile], listing: Listing, framing: Framing, channels: int
) -> str:
    """Name a decoded set so that it is found again as long as no file of it changes."""
    plain = framing == Framing(framing.height, framing.height)
    size = framing.height if plain else framing
    digest = hashlib.sha256(repr((DECODING, str(listing.root.resolve()), size, channels)).encode())
    for file in files:
        digest.update(repr((file.id, file.n_bytes, file.version)).encode())
    return digest.hexdigest()[:24]


def map_pixels(path: Path, shape: tuple[int, int, int, int]) -> torch.Tensor:
    """Map a file of raw pixels into memory: nothing is read until it is asked for.

    The mapping is private: what is written to the tensor never reaches the file.
    """
    count = shape[0] * shape[1] * shape[2] * shape[3]
    if path.stat().st_size != count:
        path.unlink(missing_ok=True)
        raise DataError(f"the decoded pictures in {path} were damaged and are deleted; run again")
    flat = torch.from_file(str(path), shared=False, size=count, dtype=torch.uint8)
    return flat.view(shape)


def natural_form(listing: Listing) -> tuple[int, int]:
    """The side and channels that suit a listing's pictures.

    Returns:
        The median of the shorter sides of some pictures, at least 28 and at most 128 px; and 1
        where all of them are grey, else 3.

    Raises:
        DataError: none of them can be read.
    """
    files = listing.train or listing.test
    step = max(1, len(files) // LOOKED_AT)
    reader = Reader(listing.root)
    sides, grey, trouble = [], True, ""
    try:
        for file in files[::step]:
            try:
                with reader.open(file) as source:
                    side, is_grey = shorter_side(source, file.id)
            except DataError as error:
                trouble = str(error)
                continue
            sides.append(side)
            grey = grey and is_grey
    finally:
        reader.close()
    if not sides:
        raise DataError(f"no picture of {listing.root} can be read ({trouble}); give others")
    side = round(statistics.median(sides))
    return min(max(side, SMALLEST_PX), LARGEST_PX), 1 if grey else 3


def shorter_side(source: BinaryIO, name: str) -> tuple[int, bool]:
    """A picture's shorter side in pixels, and whether it is grey."""
    image = open_picture(source, name=name)
    return min(image.size), image.mode == "L"
