"""The named sets, and `load`, which finds any set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path

import torch

from layerscope.data.decoded import decode, map_pixels, natural_form
from layerscope.data.fetch import fetch
from layerscope.data.idx import read_idx
from layerscope.data.imageset import ImageSet, Splits
from layerscope.data.listing import list_pictures
from layerscope.data.places import cache_folder, data_folders
from layerscope.data.split import stratified
from layerscope.errors import DataError, nearest
from layerscope.files import whole_file
from layerscope.seed import derive_seed, make_generator
from layerscope.vision import torchvision

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
OBJECTS = (
    "airplane", "automobile", "bird", "cat", "deer",
    "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CREATURES_N = {"train": 4000, "test": 1000}
CREATURES_PX = 64

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class NamedSet:
    """A set that is known by name.

    Args:
        name: what a user types.
        source: the public set it is made from, or "" where it is embedded.
        class_names: in the order of the labels.
        side_px, channels: of its pictures.
        about: one line for a list.
        download_mb: how much is fetched.
    """

    name: str
    source: str
    class_names: tuple[str, ...]
    side_px: int
    channels: int
    about: str
    download_mb: int = 0


SETS = (
    NamedSet("creatures", "", ("cat", "dog"), 64, 3, "drawn cats and dogs, with part masks"),
    NamedSet("digits", "", DIGITS, 8, 1, "1,797 real handwritten digits"),
    NamedSet("mnist", "mnist", DIGITS, 28, 1, "handwritten digits", 12),
    NamedSet("fashion-mnist", "fashion-mnist", CLOTHES, 28, 1, "pictures of clothes", 31),
    NamedSet("cifar10", "cifar10", OBJECTS, 32, 3, "small photographs of ten things", 170),
    NamedSet("cats-vs-dogs", "cifar10", ("cat", "dog"), 32, 3, "CIFAR-10's cats and dogs", 170),
)


def set_names() -> tuple[str, ...]:
    """The names that `load` knows."""
    return tuple(known.name for known in SETS)


def load(
    name: str | Path,
    *,
    size: int | None = None,
    channels: int | None = None,
    data_dir: Path | None = None,
    seed: int = 0,
    progress: Progress = lambda done, total: None,
) -> Splits:
    """Find a set and load it.

    Args:
        name: a set's name, or a folder or zip with a folder of pictures per class (or train/ and
            test/ with those). A folder without a test part gives a fifth of each class to it.
        size: side of the pictures in pixels; None takes the set's own, for a folder the median
            shorter side, 28 to 128.
        channels: 1 makes photos of a folder grey, 3 makes them colour; None keeps what they are.
        data_dir: a folder that is looked at first for named sets, before LAYERSCOPE_DATA, the
            cache, and a download.
        seed: of the split of a folder without a test part.
        progress: told (pictures done, pictures in all) while pictures are decoded.

    Returns:
        The two splits. Pixels of photos are mapped from a cache file, not held in memory.

    Raises:
        DataError: there is no such set, or it cannot be used.
    """
    if size is not None and not 8 <= size <= 512:
        raise DataError(f"size is {size}; pictures can be 8 to 512 px wide")
    known = {entry.name: entry for entry in SETS}.get(str(name))
    if known is None:
        return load_photos(Path(name), size=size, channels=channels, seed=seed, progress=progress)
    if known.name == "creatures":
        return load_creatures(size or CREATURES_PX, progress)
    if known.name == "digits":
        splits = load_digits()
    elif known.source == "cifar10":
        splits = load_cifar(known, data_folders(data_dir), progress)
    else:
        splits = load_idx(known, data_folders(data_dir))
    return splits if size is None else resized(splits, size)


def fetch_set(name: str) -> Path:
    """Download a public set, or find it downloaded.

    Returns:
        The folder of sets that holds it.

    Raises:
        DataError: there is no such set, it needs no download, or it cannot be had.
    """
    known = {entry.name: entry for entry in SETS}.get(name)
    if known is None:
        raise DataError(f"there is no set {name!r}{nearest(name, set_names())}")
    if not known.source:
        raise DataError(f"{name} is built in; there is nothing to fetch")
    return fetch(known.source)


def load_photos(
    path: Path,
    *,
    size: int | None,
    channels: int | None,
    seed: int,
    progress: Progress,
    only: tuple[str, ...] | None = None,
    name: str | None = None,
) -> Splits:
    """Load a folder or zip of class folders."""
    path = path.expanduser()
    looks_like_a_name = len(path.parts) == 1 and not path.suffix
    if not path.exists() and looks_like_a_name:
        raise DataError(f"there is no set or folder {str(path)!r}{nearest(str(path), set_names())}")
    listing = list_pictures(path, only=only)
    side, found_channels = (size, channels) if size and channels else natural_form(listing)
    side, found_channels = size or side, channels or found_channels
    name = name or path.stem
    total = len(listing.train) + len(listing.test)

    def part(split: str, done: int) -> tuple[ImageSet, tuple]:
        chosen = listing.train if split == "train" else listing.test
        return decode(
            chosen, listing, name=name, split=split, size=side, channels=found_channels,
            progress=lambda i, _: progress(done + i, total),
        )  # fmt: skip

    train, skipped = part("train", 0)
    if listing.test:
        test, more = part("test", len(listing.train))
        return Splits(train, test, skipped + more)
    train, test = stratified(train, 0.2, make_generator(seed, "test split"), part="test")
    if not len(test):
        raise DataError(
            f"{path} has a single picture per class; at least two are needed, one to test on"
        )
    return Splits(train, test, skipped)


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


def load_cifar(known: NamedSet, folders: list[Path], progress: Progress) -> Splits:
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
                f"CIFAR-10 in {folder} is damaged ({error}); delete it and fetch it again"
            ) from error
        labels = torch.tensor(whole.targets)
        rows = torch.isin(labels, chosen).nonzero()[:, 0]
        pixels = torch.from_numpy(whole.data)[rows].permute(0, 3, 1, 2).contiguous()
        places = torch.searchsorted(chosen, labels[rows])
        parts.append(ImageSet(known.name, split, pixels, places, known.class_names))
    return Splits(*parts)


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


def load_creatures(size: int, progress: Progress) -> Splits:
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
                mask_store=map_pixels(homes[1], shapes[1]).bool(),
                part_names=PART_NAMES,
            )
        )
    return Splits(*parts)


def draw_into(
    homes: list[Path], n: int, split: str, size: int, progress: Callable[[int], None]
) -> None:
    """Draw creatures, a few hundred at a time, into a file of pixels and one of masks."""
    from layerscope.data.creatures import draw

    seed = derive_seed(0, f"creatures/{split}")
    with (
        whole_file(homes[0]) as pixels_file,
        whole_file(homes[1]) as masks_file,
        pixels_file.open("wb") as pixels_out,
        masks_file.open("wb") as masks_out,
    ):
        for first in range(0, n, 250):
            drawn = draw(min(250, n - first), size=size, seed=seed, first=first)
            pixels_out.write(drawn.pixels.numpy().tobytes())
            masks_out.write(drawn.masks.numpy().tobytes())
            progress(first + len(drawn.pixels))


def resized(splits: Splits, size: int) -> Splits:
    """The same sets with pictures of another size."""
    return Splits(
        train=resize_set(splits.train, size),
        test=resize_set(splits.test, size),
        skipped=splits.skipped,
    )


def resize_set(imageset: ImageSet, size: int) -> ImageSet:
    """Resize all pictures of a set that fits in memory."""
    import torch.nn.functional as F

    if imageset.size == (size, size):
        return imageset
    parts = [
        F.interpolate(part.float(), (size, size), mode="bilinear", antialias=True)
        .round()
        .clamp(0, 255)
        .to(torch.uint8)
        for part in imageset.pixels.split(2048)
    ]
    return replace(imageset, store=torch.cat(parts), rows=None)


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
