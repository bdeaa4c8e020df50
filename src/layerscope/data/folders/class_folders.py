"""A folder or zip of class folders as a set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from layerscope.archives import is_tar
from layerscope.data.catalogue import set_names
from layerscope.data.folders.decode_cache import decode, natural_form
from layerscope.data.folders.framing import Framing
from layerscope.data.folders.listing import list_pictures
from layerscope.data.folders.tar_archive import name_of
from layerscope.data.imageset import ImageSet, Splits
from layerscope.data.split import stratified
from layerscope.errors import DataError, nearest
from layerscope.seed import make_generator


def load_photos(
    path: Path,
    *,
    size: int | None,
    channels: int | None,
    seed: int,
    progress: Callable[[int, int], None],
    only: tuple[str, ...] | None = None,
    name: str | None = None,
    framing: Framing | None = None,
    least_test: int | None = None,
) -> Splits:
    """Load a folder or zip of class folders; `least_test` is that of `data.sets.load`."""
    path = path.expanduser()
    looks_like_a_name = len(path.parts) == 1 and not path.suffix
    if not path.exists() and looks_like_a_name:
        raise DataError(f"there is no set or folder {str(path)!r}{nearest(str(path), set_names())}")
    listing = list_pictures(path, only=only, to_train=least_test is None)
    wanted = framing or size
    side, found_channels = (wanted, channels) if wanted and channels else natural_form(listing)
    side, found_channels = wanted or side, channels or found_channels
    name = name or (name_of(path) if is_tar(path) else path.stem)
    total = len(listing.train) + len(listing.test)

    def part(split: str, done: int) -> tuple[ImageSet, tuple]:
        chosen = listing.train if split == "train" else listing.test
        return decode(
            chosen, listing, name=name, split=split, size=side, channels=found_channels,
            progress=lambda i, _: progress(done + i, total),
        )  # fmt: skip

    if not listing.train:
        whole, skipped = part("test", 0)
        return Splits(whole, whole, skipped, listing.notes)
    train, skipped = part("train", 0)
    if listing.test:
        test, more = part("test", len(listing.train))
        return Splits(train, test, skipped + more, listing.notes)
    whole = replace(train, split="test")
    train, test = stratified(train, 0.2, make_generator(seed, "test split"), part="test")
    if least_test is not None and len(test) < least_test:
        note = f"all {len(whole):,} pictures are measured: too few to set some apart"
        return Splits(whole, whole, skipped, (*listing.notes, note))
    if not len(test):
        raise DataError(
            f"{path} has a single picture per class; at least two are needed, one to test on"
        )
    return Splits(train, test, skipped, listing.notes)
