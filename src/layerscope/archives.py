"""Which files are archives of pictures, by their names."""

from __future__ import annotations

from pathlib import Path

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def is_tar(path: Path) -> bool:
    """Whether a file's name says that it is a tar."""
    return path.name.lower().endswith(TARS) and path.is_file()


def is_archive(path: Path) -> bool:
    """Whether a file's name says that it is a zip or a tar."""
    return path.name.lower().endswith((".zip", *TARS)) and path.is_file()
