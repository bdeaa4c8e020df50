"""Whether a source is of words or numbers, or of pictures."""

from __future__ import annotations

from pathlib import Path

from layerscope.data.rows.row_file import is_rows_file

NAMES = ("diabetes", "breast-cancer", "stories", "python-topics")


def is_rows(source: str | Path) -> bool:
    """Whether a source is of words or numbers; a folder, whatever its name, is of pictures.

    Example:
        >>> is_rows("reviews.csv"), is_rows("diabetes"), is_rows("photos.zip")
        (True, True, False)
    """
    return not Path(source).is_dir() and (str(source) in NAMES or is_rows_file(source))
