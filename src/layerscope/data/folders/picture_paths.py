"""Which picture files a user means by files, folders and patterns."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from layerscope.archives import is_archive
from layerscope.data.folders.leftovers import notes_on_files
from layerscope.data.folders.picture import is_picture_name
from layerscope.errors import DataError


def pictures_under(paths: Sequence[Path]) -> list[Path]:
    """The picture files that a user means: files as they are, folders searched through.

    A pattern such as "*.png" is expanded where the shell has not (cmd and PowerShell do not).

    Raises:
        DataError: a path does not exist, a folder has no picture, a pattern fits none, or
            a file is an archive.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            files = sorted(p for p in path.rglob("*") if p.is_file())
            inside = [p for p in files if is_picture_name(p.name)]
            if not inside:
                notes = notes_on_files([p.relative_to(path).as_posix() for p in files])
                said = f" ({'; '.join(notes)})" if notes else ""
                raise DataError(f"the folder {path} holds no picture{said}; name another one")
            found += inside
        elif is_archive(path):
            raise DataError(f"{path} is an archive, no picture; unpack it and give its folder")
        elif path.exists() or path.is_symlink():
            found.append(path)  # a link to nothing among many is told of when it is read
        elif any(mark in str(path) for mark in "*?["):
            fitting = sorted(glob.glob(str(path.expanduser()), recursive=True))  # noqa: PTH207
            if not fitting:
                raise DataError(f"no file fits {path}; check the pattern and the folder")
            found += pictures_under([Path(name) for name in fitting])
        else:
            raise DataError(f"there is no {path}; check its name")
    return found
