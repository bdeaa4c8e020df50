"""Downloads of the public sets, through torchvision's mirrors and checksums."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from layerscope.data.places import cache_folder
from layerscope.errors import DataError
from layerscope.vision import torchvision

# What torchvision calls each set, and the folder that it makes.
HOMES = {
    "mnist": ("MNIST", "MNIST/raw"),
    "fashion-mnist": ("FashionMNIST", "FashionMNIST/raw"),
    "cifar10": ("CIFAR10", "cifar-10-batches-py"),
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
    kind, inside = HOMES[source]
    folder = cache_folder() / "sets"
    if (folder / inside).is_dir():
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
        except (OSError, RuntimeError, ValueError) as error:
            # torchvision raises RuntimeError for a wrong checksum and for mirrors out of reach
            first_line = (str(error) or type(error).__name__).splitlines()[0]
            raise DataError(
                f"{source} could not be downloaded ({first_line}); connect to the internet and try "
                f"again, or put its files into a folder and name that with --data-dir or "
                "LAYERSCOPE_DATA"
            ) from error
        target = folder / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(Path(temporary) / inside, target)
    return folder
