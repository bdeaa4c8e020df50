"""Runs of schema 1, the packaged ones among them, turned into what this version writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layerscope.errors import RunError
from layerscope.formats.run_record import PLAN_SCHEMA, RUN_SCHEMA

DATA_NAMES = {
    "train": "n_train",
    "validation": "n_validation",
    "test": "n_test",
    "skipped": "n_skipped",
}


def upgrade_run(value: dict[str, Any], path: Path) -> dict[str, Any]:
    """A run's record as this version writes it, from one of schema 1 or 2.

    Raises:
        RunError: it is of another schema.
    """
    found = value.get("schema")
    if "kind" in value:
        raise RunError(
            f"{path.parent.name} is a run on words or numbers ({value['kind']}), and this takes "
            "runs on pictures; 'layerscope predict' takes both"
        )
    if found == RUN_SCHEMA:
        return value
    if found != 1 or isinstance(found, bool):
        raise RunError(
            f"{path} has schema {found!r}; this layerscope reads 1 and {RUN_SCHEMA}: train again, "
            "or use the version that wrote it"
        )
    value = {**value, "created": value.get("made"), "seed": value["seeds"]["run"]}
    data = {DATA_NAMES.get(name, name): item for name, item in value["data"].items()}
    kept = {name: item for name, item in value.items() if name not in ("made", "seeds")}
    return kept | {"schema": RUN_SCHEMA, "data": data}


def check_plan(value: dict[str, Any], path: Path) -> dict[str, Any]:
    """A plan as it is.

    Raises:
        RunError: it is of another schema.
    """
    if value.get("schema") != PLAN_SCHEMA:
        raise RunError(
            f"{path} has schema {value.get('schema')!r}; this layerscope reads {PLAN_SCHEMA}: "
            "resume it with the version that began it"
        )
    return value
