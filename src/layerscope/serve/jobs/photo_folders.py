"""Folders of photos that may be trained on: those below the one that the server was started with.

A request names one of them as the page lists them, and never a path.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from layerscope.archives import is_archive

PREFIX = "photos/"
# Classes that a folder must have to be offered.
FEWEST = 2
MOST = 500


@dataclass(frozen=True)
class PhotoFolders:
    """The folders and archives that lie in one folder, or that folder where it holds classes.

    Args:
        root: the folder; None offers nothing.
    """

    root: Path | None = None

    def named(self) -> dict[str, Path]:
        """What is offered: a name such as "photos/pets", and where it lies.

        Links that lead out of the root are left out.
        """
        if self.root is None:
            return {}
        root = self.root.resolve()
        try:
            inside = sorted(path for path in root.iterdir() if not path.name.startswith("."))
        except OSError:
            return {}
        found = {
            PREFIX + path.name: path
            for path in inside[:MOST]
            if path.resolve().is_relative_to(root) and holds_classes(path)
        }
        return found or ({PREFIX + root.name: root} if holds_classes(root) else {})


def holds_classes(path: Path) -> bool:
    """Whether a path is an archive, or a folder with folders for classes or a table of labels."""
    if is_archive(path):
        return True
    classes = 0
    try:
        with os.scandir(path) as inside:
            for one in inside:
                classes += one.is_dir() and not one.name.startswith(".")
                if classes >= FEWEST or one.name.lower().endswith(".csv"):
                    return True
    except OSError:
        pass
    return False
