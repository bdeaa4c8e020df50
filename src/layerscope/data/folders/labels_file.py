"""A folder of pictures whose classes stand in a file: `labels.csv`."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from layerscope.errors import DataError

LABELS = "labels.csv"
FILE_COLUMNS = ("file", "filename", "file_name", "image", "image_id", "path", "picture", "id")
CLASS_COLUMNS = ("label", "class", "class_name", "category", "target", "breed", "species")
SPLIT_COLUMNS = ("split", "set", "subset")


def read_labels(path: Path, ids: Sequence[str]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Read which class each picture is of.

    Args:
        path: a table with a header: a column that names the file ("file", "filename", "image",
            "id", …) and one that names the class ("label", "class", …); where there is one, a
            column "split" with train, test or validation.
        ids: the pictures that there are, as paths below the folder.

    Returns:
        Picture -> class and split ("" where the table says none); and the names in the table that
        no picture has.

    Raises:
        DataError: the table cannot be read, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read(4096)
            file.seek(0)
            dialect = csv.Sniffer().sniff(text, ",;\t") if text.strip() else csv.excel
            rows = list(csv.DictReader(file, dialect=dialect))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table ({error}); save it as UTF-8") from error
    header = {(name or "").strip().lower(): name for name in (rows[0] if rows else {})}
    file_column = next((header[name] for name in FILE_COLUMNS if name in header), None)
    class_column = next((header[name] for name in CLASS_COLUMNS if name in header), None)
    split_column = next((header[name] for name in SPLIT_COLUMNS if name in header), None)
    if file_column is None or class_column is None:
        raise DataError(
            f"{path} has the columns {', '.join(header) or 'none'}; it needs one for the file "
            f"({', '.join(FILE_COLUMNS[:4])}, …) and one for the class "
            f"({', '.join(CLASS_COLUMNS[:3])}, …)"
        )
    by_name = names_of(ids)
    found: dict[str, tuple[str, str]] = {}
    missing = []
    for row in rows:
        name = (row[file_column] or "").strip().replace("\\", "/").removeprefix("./")
        label = (row[class_column] or "").strip()
        if name not in by_name or not label:
            missing.append(name)
            continue
        split = (row[split_column] or "").strip() if split_column else ""
        found[by_name[name]] = (label, split)
    return found, missing


def names_of(ids: Sequence[str]) -> Mapping[str, str]:
    """Every way to name a picture that means one alone: path, file name, either without ending."""
    ways: dict[str, set[str]] = defaultdict(set)
    for id_ in ids:
        path = PurePosixPath(id_)
        for way in (id_, path.name, path.with_suffix("").as_posix(), path.stem):
            ways[way].add(id_)
    return {way: next(iter(same)) for way, same in ways.items() if len(same) == 1}
