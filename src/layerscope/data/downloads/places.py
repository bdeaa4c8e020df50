"""Where data sets lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from layerscope.errors import DataError


def cache_folder() -> Path:
    """The folder of downloads and decoded pictures: LAYERSCOPE_CACHE, or the user's cache."""
    named = os.environ.get("LAYERSCOPE_CACHE")
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "layerscope"


def data_folders(data_dir: Path | None = None) -> list[Path]:
    """The folders that may hold data sets, in the order in which they are looked at.

    Args:
        data_dir: what the user named for this command; looked at first.

    Raises:
        DataError: a folder that the user named does not exist.
    """
    named = os.environ.get("LAYERSCOPE_DATA")
    folders = []
    for what, folder in (("--data-dir", data_dir), ("LAYERSCOPE_DATA", named)):
        if not folder:
            continue
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise DataError(f"{what} names {path}, which is no folder; correct it or leave it out")
        folders.append(path)
    return [*folders, cache_folder() / "sets"]
