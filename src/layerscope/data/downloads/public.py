"""The public sets, from wherever they lie on this machine, or downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from layerscope.data.catalogue import OBJECTS, NamedSet
from layerscope.data.downloads.fetch import fetch
from layerscope.data.downloads.idx import read_idx
from layerscope.data.folders.class_folders import load_photos
from layerscope.data.imageset import ImageSet, Splits
from layerscope.errors import DataError
from layerscope.vision import torchvision


def load_idx(known: NamedSet, folders: list[Path]) -> Splits:
    """Load MNIST or Fashion-MNIST from the first folder that has it, or download it."""
    kind = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[known.source]

    def find(parents: list[Path]) -> Path | None:
        homes = [parent / inside for parent in parents for inside in (known.source, f"{kind}/raw")]
        return next((home for home in homes if idx_file(home, "train-images-idx3-ubyte")), None)

    home = find(folders) or find([fetch(known.source)])
    if home is None:
        raise DataError(f"{known.name} was fetched but its files are not there; fetch it again")

    def part(prefix: str, split: str) -> ImageSet:
        tensors = []
        for stem, dimensions in (
            (f"{prefix}-images-idx3-ubyte", 3),
            (f"{prefix}-labels-idx1-ubyte", 1),
        ):
            file = idx_file(home, stem)
            if file is None:
                raise DataError(f"{home} lacks {stem} (or {stem}.gz); put it there, or fetch again")
            tensors.append(read_idx(file, dimensions=dimensions))
        pixels, labels = tensors
        return ImageSet(known.name, split, pixels[:, None], labels.long(), known.class_names)

    return Splits(part("train", "train"), part("t10k", "test"))


def idx_file(home: Path, stem: str) -> Path | None:
    """An IDX file, plain or gzipped."""
    return next((f for f in (home / stem, home / f"{stem}.gz") if f.is_file()), None)


def load_cifar(
    known: NamedSet, folders: list[Path], progress: Callable[[int, int], None]
) -> Splits:
    """Load CIFAR-10, or two classes of it, as public binary files or as a zip of pictures."""
    for folder in folders:
        if (folder / "cifar-10-batches-py").is_dir():
            return cifar_batches(known, folder)
        if (folder / "cifar10-jpg.zip").is_file():
            return load_photos(
                folder / "cifar10-jpg.zip",
                size=known.side_px,
                channels=3,
                seed=0,
                progress=progress,
                only=known.class_names,
                name=known.name,
            )
    return cifar_batches(known, fetch("cifar10"))


def cifar_batches(known: NamedSet, folder: Path) -> Splits:
    """Read CIFAR-10's own files, once torchvision has compared their checksums."""
    chosen = torch.tensor([OBJECTS.index(name) for name in known.class_names])
    parts = []
    for split in ("train", "test"):
        try:
            whole = torchvision().datasets.CIFAR10(folder, train=split == "train")
        except RuntimeError as error:
            raise DataError(
                f"{folder / 'cifar-10-batches-py'} is damaged or not whole ({error}); delete that "
                "folder and fetch cifar10 again"
            ) from error
        labels = torch.tensor(whole.targets)
        rows = torch.isin(labels, chosen).nonzero()[:, 0]
        pixels = torch.from_numpy(whole.data)[rows].permute(0, 3, 1, 2).contiguous()
        places = torch.searchsorted(chosen, labels[rows])
        parts.append(ImageSet(known.name, split, pixels, places, known.class_names))
    return Splits(*parts)
