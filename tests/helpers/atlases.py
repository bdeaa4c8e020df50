"""Atlases held against each other, file by file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# What may differ between two looks at the same things.
WHEN = ("date", "duration_s")


def contents(folder: Path) -> dict[str, Any]:
    """Every file of an atlas by its path: bytes, and the record without dates and times."""
    found: dict[str, Any] = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "atlas.json"
    }
    record = json.loads((folder / "atlas.json").read_text(encoding="utf-8"))
    for name in WHEN:
        del record["created"][name]
    found["atlas.json"] = json.dumps(record)
    return found


def check_same_atlas(one: Path, other: Path) -> None:
    """Fail where two atlases differ in a byte, apart from dates and times."""
    ours, theirs = contents(one), contents(other)
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert value == theirs[name], name
