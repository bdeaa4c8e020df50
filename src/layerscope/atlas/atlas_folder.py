"""Reading an atlas back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layerscope.errors import AtlasError, LayerNotFoundError, nearest

SCHEMA = 2


@dataclass(frozen=True)
class LayerRecord:
    """One layer of an atlas. `record` is what docs/atlas.md lists."""

    record: dict[str, Any] = field(repr=False)
    name: str

    def unit(self, index: int) -> dict[str, Any]:
        """One unit's dossier.

        Raises:
            AtlasError: the layer has no such unit.
        """
        units = self.record["units"]
        if not units:
            where = self.record["units_in"]
            hint = f"; its units are measured in {where!r}" if where else ""
            raise AtlasError(f"the layer {self.name!r} has no units of its own{hint}")
        if not 0 <= index < len(units):
            raise AtlasError(
                f"the layer {self.name!r} has no unit {index}; choose 0 to {len(units) - 1}"
            )
        return units[index]


@dataclass(frozen=True)
class Atlas:
    """Everything measured about one network.

    Args:
        path: its folder.
        record: `atlas.json`.

    Example:
        >>> atlas["features.1"].unit(17)["patches"][0]["value"]     # doctest: +SKIP
        3.42
    """

    path: Path
    record: dict[str, Any] = field(repr=False)

    @property
    def layers(self) -> list[str]:
        """The names of all layers, in the order of the forward pass."""
        return [layer["name"] for layer in self.record["layers"]]

    def __getitem__(self, name: str) -> LayerRecord:
        for layer in self.record["layers"]:
            if layer["name"] == name:
                return LayerRecord(layer, name)
        raise LayerNotFoundError(f"there is no layer {name!r}{nearest(name, self.layers)}")


def load_atlas(path: Path | str) -> Atlas:
    """Open an atlas folder, or the one inside a run folder.

    Raises:
        AtlasError: there is none, or it is broken or of another version.
    """
    folder = Path(path)
    if not (folder / "atlas.json").is_file() and (folder / "atlas").is_dir():
        folder = folder / "atlas"
    file = folder / "atlas.json"
    if not file.is_file():
        raise AtlasError(f"{path} holds no atlas (no atlas.json); 'layerscope look' writes one")
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AtlasError(f"{file} cannot be read ({error}); look again") from error
    found = record.get("schema") if isinstance(record, dict) else None
    if found != SCHEMA:
        raise AtlasError(
            f"{file} has schema {found!r}; this layerscope reads {SCHEMA}: look again, or use the "
            "version that wrote it"
        )
    return Atlas(folder, record)
