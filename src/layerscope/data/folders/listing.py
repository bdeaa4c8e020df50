"""Which pictures a folder or zip of class folders holds, before any is opened."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from layerscope.archives import is_tar
from layerscope.data.folders.labels_file import LABELS, read_labels
from layerscope.data.folders.leftovers import counted, notes_on_files, notes_on_layout
from layerscope.data.folders.picture import is_picture_name
from layerscope.data.folders.tar_archive import unpacked
from layerscope.errors import DataError

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing")
VALIDATION_NAMES = ("val", "valid", "validation")
# No picture is larger; a zip can hold gigabytes of zeros in a few bytes.
MOST_BYTES = 512 << 20
LAYOUT = "give a folder with one folder of pictures per class, or train/ and test/ with those"
UNSORTED = "no folder names a class: these pictures have no labels"
Entry = tuple[tuple[str, ...], int, int, str]  # path in parts, bytes, version, id


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
        notes: what of the folder is used otherwise than it lies there, or not at all.
    """

    root: Path
    train: tuple[PictureFile, ...]
    test: tuple[PictureFile, ...]
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What lies in a folder or archive.

    Args:
        pictures: each one's path in parts, bytes, version and id.
        others: paths of files that are no pictures.
        folders: paths of all folders, in parts.
        broken: links that lead nowhere.
    """

    pictures: list[Entry]
    others: tuple[str, ...] = ()
    folders: tuple[tuple[str, ...], ...] = ()
    broken: tuple[str, ...] = ()


def list_pictures(
    root: Path, *, only: Sequence[str] | None = None, to_train: bool = True
) -> Listing:
    """List the pictures of class folders.

    Args:
        root: a folder, or a zip, which is read in place and never unpacked.
        only: the classes to take, in this order; None takes all.
        to_train: whether a classifier is to learn from them. Else a single class will do, a test
            folder alone, and pictures that nobody sorted: these are `test`, without classes.

    Raises:
        DataError: it does not exist, is broken, holds no pictures, or has not the two classes that
            a training needs.
    """
    given, root = root, unpacked(root) if is_tar(root) else root
    found = zip_entries(root) if root.is_file() else folder_entries(root, given)
    entries = without_common_top(found.pictures)
    labels = root / LABELS
    table = labels.is_file() if root.is_dir() else False
    filed, stray, notes = by_table(labels, entries) if table else by_folder(entries)
    if not (to_train or table or any(split_of(file.class_name) is None for _, file in filed)):
        loose = tuple(
            PictureFile(id_, "", n_bytes, version) for _, n_bytes, version, id_ in entries
        )
        return Listing(root, (), loose, (), (*notes_on_files(found.others), UNSORTED))
    by_split: dict[str | None, list[PictureFile]] = {None: [], "train": [], "test": []}
    by_split["validation"] = []
    for split, file in filed:
        by_split[split].append(file)
    if by_split["train"] and by_split["test"]:
        train, test = by_split["train"] + by_split["validation"], by_split["test"]
        if to_train and (n := len(by_split["validation"])):
            notes.append(
                f"the {n:,} pictures of the validation folder are learned from too: a training "
                "sets a validation part of its own apart (validation_frac)"
            )
    elif by_split["train"]:
        train, test = by_split["train"], by_split["validation"]
        if test:
            notes.append(
                f"the {len(test):,} pictures of the validation folder are the test pictures, since "
                "there is no test folder"
            )
    else:
        train, test = by_split[None], []
        if not (train or to_train):
            test = by_split["test"] or by_split["validation"]
    named = train if to_train else [*train, *test]
    names = tuple(only) if only else tuple(sorted({file.class_name for file in named}))
    train = [file for file in train if file.class_name in names]
    notes += notes_on_files(found.others)
    if to_train:
        check_classes(given, names, train, test, chosen=bool(only), notes=notes)
    test = [file for file in test if file.class_name in names]
    if not table:
        used = {parts[:-1] for parts, *_ in found.pictures}
        empty = [
            "/".join(folder)
            for folder in found.folders
            if folder[:-1] in {parts[:-1] for parts in used}  # beside folders with pictures
            and not any(parts[: len(folder)] == folder for parts in used)
        ]
        notes += notes_on_layout(stray, empty, found.broken, names)
    return Listing(root, tuple(train), tuple(test), names, tuple(notes))


Filed = tuple[list[tuple[str | None, PictureFile]], list[str], list[str]]


def by_folder(entries: list[Entry]) -> Filed:
    """Each picture with its split and class by the folders it lies in; strays; notes."""
    splits = {split_of(parts[0]) for parts, *_ in entries if len(parts) >= 3} - {None}
    filed: list[tuple[str | None, PictureFile]] = []
    stray = []
    for parts, n_bytes, version, id_ in entries:
        split = split_of(parts[0])
        if split and len(parts) >= 3:
            filed.append((split, PictureFile(id_, parts[1], n_bytes, version)))
        elif len(parts) >= 2 and "train" not in splits:
            filed.append((None, PictureFile(id_, parts[0], n_bytes, version)))
        else:
            stray.append(id_)
    return filed, stray, []


def by_table(labels: Path, entries: list[Entry]) -> Filed:
    """Each picture with its split and class by a table of labels; strays; notes."""
    known, missing = read_labels(labels, [id_ for *_, id_ in entries])
    filed: list[tuple[str | None, PictureFile]] = []
    stray = []
    for _, n_bytes, version, id_ in entries:
        if id_ not in known:
            stray.append(id_)
            continue
        class_name, split = known[id_]
        filed.append((split_of(split), PictureFile(id_, class_name, n_bytes, version)))
    notes = []
    if stray:
        notes.append(f"{counted(stray, 'picture')} left out: without a label in {LABELS}")
    if missing:
        notes.append(f"{counted(missing, 'label')} left out: without a picture")
    return filed, stray, notes


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
    notes: Sequence[str],
) -> None:
    """Refuse a listing that no classifier can be trained on."""
    said = f" ({'; '.join(notes)})" if notes else ""
    if not train:
        raise DataError(f"{root} holds no pictures in class folders{said}; {LAYOUT}")
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


def folder_entries(root: Path, given: Path) -> Found:
    """What lies below a folder, which messages call as it was given."""
    if not root.exists():
        raise DataError(f"there is no {given}; check the path, or see 'layerscope data list'")
    entries: list[Entry] = []
    others, folders, broken = [], [], []
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if is_hidden(parts):
            continue
        if path.is_dir():
            folders.append(parts)
        elif not path.is_file():
            broken.append("/".join(parts))
        elif is_picture_name(parts[-1]):
            state = path.stat()
            entries.append((parts, state.st_size, state.st_mtime_ns, "/".join(parts)))
        else:
            others.append("/".join(parts))
    if not entries:
        said = "; ".join(notes_on_files(others))
        raise DataError(f"{given} holds no pictures{f' ({said})' if said else ''}; {LAYOUT}")
    return Found(entries, tuple(others), tuple(folders), tuple(broken))


def zip_entries(root: Path) -> Found:
    """What lies inside a zip. Names that lead outside are left out."""
    try:
        with zipfile.ZipFile(root) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(
            f"{root} is not a whole zip file ({error}); it is cut off or no zip: copy it again"
        ) from error
    entries: list[Entry] = []
    others = []
    for member in sorted(members, key=lambda m: m.filename.split("/")):
        path = PurePosixPath(member.filename.replace("\\", "/"))  # as some Windows programs write
        outside = path.is_absolute() or ".." in path.parts
        if member.is_dir() or outside or is_hidden(path.parts):
            continue
        if is_picture_name(path.name):
            entries.append((path.parts, member.file_size, member.CRC, member.filename))
        else:
            others.append(member.filename)
    if not entries:
        said = "; ".join(notes_on_files(others))
        raise DataError(f"{root} holds no pictures{f' ({said})' if said else ''}; {LAYOUT}")
    return Found(entries, tuple(others))


def is_hidden(parts: Sequence[str]) -> bool:
    """Whether a path is not its owner's but some program's: hidden, or a copy of one."""
    return any(part.startswith(".") or part in ("__MACOSX", "@eaDir") for part in parts)


def without_common_top(entries: list[Entry]) -> list[Entry]:
    """Strip folders that everything lies in: a zip of "photos/cat/1.jpg" is one of "cat/1.jpg"."""
    while entries:
        tops = {parts[0] for parts, *_ in entries}
        if len(tops) > 1 or next(iter(tops)).lower() in TRAIN_NAMES:
            break
        below = {parts[1] for parts, *_ in entries if len(parts) >= 3}
        # Where stripping would leave files without a folder, the top is the (only) class; unless
        # those are strays beside several folders.
        if len(below) < 2 and not all(len(parts) >= 3 for parts, *_ in entries):
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
