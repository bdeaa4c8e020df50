"""Which pictures a folder or zip of class folders holds, before any is opened."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from layerscope.data.folders.picture import is_picture_name
from layerscope.errors import DataError

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing")
VALIDATION_NAMES = ("val", "valid", "validation")
# No picture is larger; a zip can hold gigabytes of zeros in a few bytes.
MOST_BYTES = 512 << 20
LAYOUT = "give a folder with one folder of pictures per class, or train/ and test/ with those"


@dataclass(frozen=True)
class PictureFile:
    """One picture of a listing: its path below the root, its class, and what tells its version."""

    id: str
    class_name: str
    n_bytes: int
    version: int


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder or zip.

    Args:
        root: the folder or the zip.
        train: the pictures, or those of the train folder; with a test folder there, those of a
            validation folder too, since the training takes a validation part of its own.
        test: those of the test folder, or else of the validation folder; empty where there is none.
        class_names: in the order of the alphabet.
    """

    root: Path
    train: tuple[PictureFile, ...]
    test: tuple[PictureFile, ...]
    class_names: tuple[str, ...]


def list_pictures(root: Path, *, only: Sequence[str] | None = None) -> Listing:
    """List the pictures of class folders.

    Args:
        root: a folder, or a zip, which is read in place and never unpacked.
        only: the classes to take, in this order; None takes all.

    Raises:
        DataError: it does not exist, is broken, or has not two classes with pictures.
    """
    entries = zip_entries(root) if root.is_file() else folder_entries(root)
    entries = without_common_top(entries)
    by_split: dict[str, list[PictureFile]] = {"train": [], "test": [], "validation": []}
    flat: list[PictureFile] = []
    for parts, n_bytes, version, id_ in entries:
        split = split_of(parts[0])
        if split and len(parts) >= 3:
            by_split[split].append(PictureFile(id_, parts[1], n_bytes, version))
        elif len(parts) >= 2:
            flat.append(PictureFile(id_, parts[0], n_bytes, version))
    if by_split["train"] and by_split["test"]:
        train, test = by_split["train"] + by_split["validation"], by_split["test"]
    elif by_split["train"]:
        train, test = by_split["train"], by_split["validation"]
    else:
        train, test = flat, []
    names = tuple(only) if only else tuple(sorted({file.class_name for file in train}))
    train = [file for file in train if file.class_name in names]
    check_classes(root, names, train, test, chosen=bool(only))
    test = [file for file in test if file.class_name in names]
    return Listing(root, tuple(train), tuple(test), names)


def split_of(folder: str) -> str | None:
    """The split that a folder's name stands for."""
    names = {"train": TRAIN_NAMES, "test": TEST_NAMES, "validation": VALIDATION_NAMES}
    return next((split for split, known in names.items() if folder.lower() in known), None)


def check_classes(
    root: Path,
    names: Sequence[str],
    train: Sequence[PictureFile],
    test: Sequence[PictureFile],
    *,
    chosen: bool,
) -> None:
    """Refuse a listing that no classifier can be trained on."""
    if not train:
        raise DataError(f"{root} holds no pictures in class folders; {LAYOUT}")
    if len(names) < 2:
        raise DataError(
            f"{root} holds a single class ({names[0]}); a classifier needs at least two: {LAYOUT}"
        )
    strange = sorted({file.class_name for file in test} - set(names))
    if strange and not chosen:
        raise DataError(
            f"the test folder of {root} has classes that its train folder has not "
            f"({', '.join(strange[:5])}); name the folders alike"
        )


def folder_entries(root: Path) -> list[tuple[tuple[str, ...], int, int, str]]:
    """The picture files below a folder: path in parts, bytes, version, id."""
    if not root.exists():
        raise DataError(f"there is no {root}; check the path, or see 'layerscope data list'")
    entries = []
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if is_meant(parts) and path.is_file():
            state = path.stat()
            entries.append((parts, state.st_size, state.st_mtime_ns, "/".join(parts)))
    if not entries:
        raise DataError(f"the folder {root} holds no pictures; {LAYOUT}")
    return entries


def zip_entries(root: Path) -> list[tuple[tuple[str, ...], int, int, str]]:
    """The picture files inside a zip, likewise. Names that lead outside are left out."""
    try:
        with zipfile.ZipFile(root) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(
            f"{root} is not a whole zip file ({error}); it is cut off or no zip: copy it again"
        ) from error
    entries = []
    for member in sorted(members, key=lambda m: m.filename.split("/")):
        path = PurePosixPath(member.filename.replace("\\", "/"))  # as some Windows programs write
        outside = path.is_absolute() or ".." in path.parts
        if not member.is_dir() and not outside and is_meant(path.parts):
            entries.append((path.parts, member.file_size, member.CRC, member.filename))
    if not entries:
        raise DataError(f"{root} holds no pictures; {LAYOUT}")
    return entries


def is_meant(parts: Sequence[str]) -> bool:
    """Whether a path is a picture that its owner put there, and no program's hidden copy of one."""
    hidden = any(part.startswith(".") or part in ("__MACOSX", "@eaDir") for part in parts)
    return is_picture_name(parts[-1]) and not hidden


def without_common_top(
    entries: list[tuple[tuple[str, ...], int, int, str]],
) -> list[tuple[tuple[str, ...], int, int, str]]:
    """Strip folders that everything lies in: a zip of "photos/cat/1.jpg" is one of "cat/1.jpg"."""
    while entries:
        tops = {parts[0] for parts, *_ in entries}
        # Where stripping would leave files without a folder, the top is the (only) class.
        deep = all(len(parts) >= 3 for parts, *_ in entries)
        if len(tops) > 1 or not deep or next(iter(tops)).lower() in TRAIN_NAMES:
            break
        entries = [(parts[1:], *rest) for parts, *rest in entries]  # type: ignore[misc]
    return entries


class Reader:
    """Opens the pictures of a listing, from a folder or from inside a zip.

    One reader serves one thread: a zip file has one place where it is read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.archive = zipfile.ZipFile(root) if root.is_file() else None

    def open(self, file: PictureFile) -> BinaryIO:
        """Open one picture for reading.

        Raises:
            DataError: it is gone, or its part of the zip is damaged.
        """
        if file.n_bytes > MOST_BYTES:
            raise DataError(
                f"{file.id} has {file.n_bytes:,} bytes, more than {MOST_BYTES:,}; save it smaller"
            )
        try:
            if self.archive is None:
                return (self.root / file.id).open("rb")
            return io.BytesIO(self.archive.read(file.id))
        except (OSError, zipfile.BadZipFile, RuntimeError, zlib.error) as error:
            raise DataError(f"{file.id} cannot be read ({error}); copy it again") from error

    def close(self) -> None:
        """Close the zip."""
        if self.archive is not None:
            self.archive.close()
