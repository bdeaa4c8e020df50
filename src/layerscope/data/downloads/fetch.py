"""Downloads of the public sets, through torchvision's mirrors and checksums."""

from __future__ import annotations

import shutil
import tempfile
from http.client import HTTPException
from pathlib import Path

from layerscope.data.downloads.places import cache_folder
from layerscope.errors import DataError, first_line
from layerscope.vision import torchvision

IDX = tuple(
    f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")
)
BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
# What torchvision calls each set, the folder that it makes, and the files in there.
HOMES = {
    "mnist": ("MNIST", "MNIST/raw", IDX),
    "fashion-mnist": ("FashionMNIST", "FashionMNIST/raw", IDX),
    "cifar10": ("CIFAR10", "cifar-10-batches-py", BATCHES),
}


def fetch(source: str) -> Path:
    """Download a public set into the cache.

    The files come into a folder of their own, which takes its place only when all of them are
    there with the right checksums: a download that was cut off starts cleanly again.

    Args:
        source: "mnist", "fashion-mnist" or "cifar10".

    Returns:
        The folder of sets, which now holds it.

    Raises:
        DataError: there is no internet, or what came is not what it should be.
    """
    kind, inside, needed = HOMES[source]
    folder = cache_folder() / "sets"
    target = folder / inside
    if all((target / name).is_file() for name in needed):
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot write the cache {folder}: {error.strerror}; set LAYERSCOPE_CACHE to a folder "
            "that can be written"
        ) from error
    dataset = getattr(torchvision().datasets, kind)
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{source}-") as temporary:
        try:
            dataset(temporary, download=True)
        except (OSError, HTTPException, RuntimeError, ValueError) as error:
            # torchvision raises RuntimeError for a wrong checksum and for mirrors out of reach
            raise DataError(
                f"{source} could not be downloaded ({first_line(error)}); connect to the "
                "internet and try again, or put its files into a folder and name that with "
                "--data-dir or LAYERSCOPE_DATA"
            ) from error
        target.parent.mkdir(parents=True, exist_ok=True)
        # Where files were deleted, as a message about a damaged one advises, some are still there.
        shutil.rmtree(target, ignore_errors=True)
        shutil.move(Path(temporary) / inside, target)
    return folder
