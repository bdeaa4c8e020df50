"""Holding written files against the schemas that are generated from the records."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema

import layerscope.formats
from layerscope.atlas.atlas_folder import Atlas, read_atlas

FORMATS = files(layerscope.formats)


def schema_of(name: str, record: str | None = None) -> dict[str, Any]:
    """A schema: of the file's own record, or of another one in it."""
    schema = json.loads((FORMATS / f"{name}.schema.json").read_text("utf-8"))
    return schema | ({"$ref": f"#/$defs/{record}"} if record else {})


def check_atlas(atlas: Atlas) -> None:
    """What was written keeps to the schema and holds nothing beside it."""
    jsonschema.validate(plain_atlas(atlas.path), schema_of("atlas"))
    assert not read_atlas(atlas.path).unknown


def plain_atlas(folder: Path) -> dict[str, Any]:
    """`atlas.json` as it stands."""
    return json.loads((folder / "atlas.json").read_text("utf-8"))
