"""The atlas folder: writing an atlas, and reading one back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from layerscope.atlas.atlas_html import atlas_html
from layerscope.atlas.atlas_layer import AtlasLayer, Maps, layer_with_pictures
from layerscope.errors import AtlasError, check_known
from layerscope.files import write_json
from layerscope.formats.atlas_record import AtlasRecord
from layerscope.formats.documents import Document, plain, read_document
from layerscope.formats.older.older_atlases import upgrade_atlas
from layerscope.notebook_widget import report_beside, show_page

FILE = "atlas.json"


@dataclass(frozen=True, repr=False)
class Atlas:
    """Everything measured about one network.

    `for layer in atlas` gives its layers; `atlas["features.1"]` or `atlas["ReLU 1"]` one of them.

    Args:
        path: its folder.
        record: what was measured, field by field as docs/atlas.md lists it.
        network: runs the network, for `AtlasLayer.maps`; None where it is not at hand.

    Example:
        >>> atlas["features.1"].unit(17).patches[0].value           # doctest: +SKIP
        3.42
    """

    path: Path
    record: AtlasRecord
    network: Maps | None = field(default=None, compare=False)

    @property
    def layers(self) -> list[str]:
        """The names of all layers, in the order of the forward pass."""
        return [layer.name for layer in self.record.layers]

    def __getitem__(self, name: str) -> AtlasLayer:
        by_title = {layer.title.lower(): layer.name for layer in self.record.layers}
        name = name if name in self.layers else by_title.get(name.lower(), name)
        check_known(name, [*self.layers, *(layer.title for layer in self.record.layers)])
        record = self.record.layers[self.layers.index(name)]
        return layer_with_pictures(self.path, record, self.network)

    def __iter__(self) -> Iterator[AtlasLayer]:
        return (self[name] for name in self.layers)

    def __len__(self) -> int:
        return len(self.record.layers)

    @property
    def report(self) -> Path | None:
        """The page about it, beside its folder; None where none was written."""
        return report_beside(self.path)

    def __repr__(self) -> str:
        data = self.record.data
        return (
            f"<Atlas of {self.record.model.name} on {data.name}: {len(self)} layers, "
            f"{data.n:,} pictures; {self.path}>"
        )

    def _ipython_display_(self) -> None:
        """For a notebook with anywidget: the report."""
        show_page(
            self.report,
            self._repr_html_(),
            repr(self),
            title=f"the report of {self.record.model.name}",
        )

    def _repr_html_(self) -> str:
        """For a notebook: what the layers have learned, and where the report is."""
        return atlas_html(self.record, self.report)


def load_atlas(path: Path | str) -> Atlas:
    """Open an atlas folder, or the one inside a run folder, without the network that it is of.

    Raises:
        AtlasError: there is none, or it is broken or of another version.
    """
    folder = find_atlas(Path(path))
    return Atlas(folder, read_atlas(folder).record)


def find_atlas(path: Path) -> Path:
    """The atlas folder that a user means: the folder itself, or the one inside a run folder.

    Raises:
        AtlasError: there is none.
    """
    for folder in (path, path / "atlas"):
        if (folder / FILE).is_file():
            return folder
    raise AtlasError(f"{path} holds no atlas (no {FILE}); 'layerscope look' writes one")


def read_atlas(folder: Path) -> Document[AtlasRecord]:
    """Read an atlas with what a newer version may have written beside what this one knows.

    Raises:
        AtlasError: it is broken or of another version.
    """
    return read_document(
        folder / FILE, AtlasRecord, error=AtlasError, remedy="look again", upgrade=upgrade_atlas
    )


def write_atlas(folder: Path, record: AtlasRecord) -> None:
    """Write what was measured, numbers with six significant digits.

    The samples' logits are as they are: the page's arithmetic is compared with them.
    """
    value = plain(record)
    write_json(folder / FILE, {**rounded(value), "samples": value["samples"]})


def rounded(value: Any) -> Any:
    """The same values with six significant digits: more are noise, and make the file larger."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return {name: rounded(item) for name, item in named.items()}
    if isinstance(value, list):
        return [rounded(item) for item in cast("list[Any]", value)]
    return value
