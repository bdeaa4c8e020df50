"""What lies in a folder of pictures and is not used: named once, in words, with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

HEIC = frozenset({".heic", ".heif"})
VIDEOS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})
RAW = frozenset({".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".rw2"})
INSTALL_HEIC = "install pillow-heif, which reads them: pip install pillow-heif"


def notes_on_files(names: Iterable[str]) -> list[str]:
    """Say which files are no pictures that can be read here, and what helps.

    Args:
        names: of the files that are not used.

    Example:
        >>> notes_on_files(["a/1.mov", "a/2.MOV"])
        ['2 videos (a/1.mov, …) are left out: save single frames of them as pictures']
    """
    kinds = (
        (HEIC, "HEIC picture", INSTALL_HEIC),
        (VIDEOS, "video", "save single frames of them as pictures"),
        (RAW, "raw photograph", "develop them to JPEG or PNG first"),
    )
    names = list(names)
    notes = []
    for endings, what, remedy in kinds:
        found = [n for n in names if PurePosixPath(n).suffix.lower() in endings]
        if found:
            notes.append(f"{counted(found, what)} left out: {remedy}")
    return notes


def notes_on_layout(
    stray: Sequence[str], empty: Sequence[str], broken: Sequence[str], class_names: Sequence[str]
) -> list[str]:
    """Say what of a folder's layout was passed over.

    Args:
        stray: pictures that lie in no class folder.
        empty: class folders without a picture.
        broken: links that lead nowhere.
        class_names: of the classes.
    """
    notes = []
    if stray:
        notes.append(f"{counted(stray, 'picture')} left out: outside the class folders")
    if empty:
        notes.append(f"{counted(empty, 'folder')} no class: without a picture")
    if broken:
        notes.append(f"{counted(broken, 'link')} left out: what it points to is gone")
    alike: dict[str, list[str]] = {}
    for name in class_names:
        alike.setdefault(" ".join(name.casefold().replace("_", " ").split()), []).append(name)
    for same in alike.values():
        if len(same) > 1:
            one = " and ".join(map(repr, same))
            notes.append(f"the classes {one} differ in spelling only: if they are one, merge them")
    return notes


def counted(names: Sequence[str], what: str) -> str:
    """ "3 pictures (a.jpg, …) are"."""
    shown = names[0] + (", …" if len(names) > 1 else "")
    return f"{len(names):,} {what}{'s' if len(names) > 1 else ''} ({shown}) " + (
        "are" if len(names) > 1 else "is"
    )
