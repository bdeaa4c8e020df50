"""A layer of an atlas, with units, pictures and maps: what `atlas["features.3"]` gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import structs

from layerscope import html_repr
from layerscope.atlas.atlas_unit import AtlasUnit
from layerscope.atlas.sprite_tiles import rows_of
from layerscope.errors import AtlasError
from layerscope.formats.layer_record import LayerRecord
from layerscope.formats.unit_record import unit_of
from layerscope.notebook_widget import address_of, report_beside, show_page
from layerscope.plot_axes import axes_for, entitle, label, show_picture

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

SHOWN_UNITS = 12
# (layer, pictures) -> the layer's output for them, as `AtlasLayer.maps` gives it.
Maps: TypeAlias = "Callable[[str, Any], np.ndarray]"


class AtlasLayer(LayerRecord, frozen=True, kw_only=True):
    """A layer: what `LayerRecord` has (`name`, `title`, `shape`, `evidence`, `units`, …), and:

    Args:
        folder: the atlas's.
        units: each unit, with its pictures.
        network: runs the network; None in an atlas that was opened without one.
    """

    folder: Path
    units: tuple[AtlasUnit, ...]
    network: Maps | None

    def unit(self, index: int) -> AtlasUnit:
        """One unit.

        Raises:
            AtlasError: the layer has no such unit.
        """
        hint = f"; its units are measured in {self.units_in!r}" if self.units_in else ""
        return unit_of(self.units, index, layer=self.name, hint=hint)

    def __iter__(self) -> Iterator[AtlasUnit]:
        return iter(self.units)

    def __len__(self) -> int:
        return len(self.units)

    def __bool__(self) -> bool:
        return True  # also a layer without units of its own

    def maps(self, pictures: Any) -> np.ndarray:
        """What the layer puts out for a picture, or for several.

        Args:
            pictures: a file, a Pillow picture, an array (H, W) or (H, W, 3), a tensor (C, H, W);
                or several of them. They are resized and normalised as the network takes them.

        Returns:
            float32, maps (U, H, W), tokens (T, U) or units (U,) for one picture; with an axis N
            before for several.

        Raises:
            AtlasError: the atlas was opened without its network.
            DataError: a picture cannot be read.
        """
        if self.network is None:
            raise AtlasError(
                "this atlas was opened without its network, which maps need; take the atlas that "
                "look gives, or name the run: load_atlas(path, run=…)"
            )
        return self.network(self.name, pictures)

    def plot(self, ax: Axes | None = None, *, units: range | list[int] | None = None) -> Axes:
        """Draw a row of pictures for each unit: the optimised image, then its strongest places.

        Args:
            ax: axes of matplotlib to draw into; None makes a figure.
            units: which; None takes the first twelve that have pictures.

        Returns:
            The axes.

        Raises:
            AtlasError: the layer has no such unit.
        """
        chosen = self._pictured() if units is None else [self.unit(u) for u in units]
        rows = [[unit.optimised_image, *unit.patch_pixels] for unit in chosen]
        if not any(row[0] is not None for row in rows):
            rows = [row[1:] for row in rows]
        sheet = rows_of(rows) if any(rows) else None
        ax = show_picture(axes_for(ax, width_in=6, height_in=0.6 * max(len(rows), 2)), sheet)
        if sheet is not None:
            step = sheet.shape[0] / len(rows)
            for i, unit in enumerate(chosen):
                label(ax, -6, (i + 0.5) * step, str(unit.index))
        entitle(ax, f"{self.title} ({self.name})")
        return ax

    def _pictured(self) -> list[AtlasUnit]:
        return [unit for unit in self.units if unit.patches][:SHOWN_UNITS]

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.shape))
        units = f", {len(self.units)} units" if self.units else ""
        return f"<layer {self.name} ({self.title}): {shape}{units}>"

    def _ipython_display_(self) -> None:
        """For a notebook with anywidget: the report, opened at this layer."""
        show_page(
            report_beside(self.folder),
            self._repr_html_(),
            repr(self),
            address=address_of(self.name),
            title=f"{self.title} in the report",
        )

    def _repr_html_(self) -> str:
        """For a notebook: what the layer is, and its first units with their pictures."""
        shape = " x ".join(map(str, self.shape))
        facts = f"{shape}; {self.parameters:,} parameters, {self.multiply_adds:,} multiply-adds"
        if self.units_in:
            facts += f"; its units are seen in {self.units_in}"
        rows: list[tuple[object, ...]] = []
        for unit in self._pictured():
            image = unit.optimised_image
            shown = [] if image is None else [image]
            strip = html_repr.strip(
                html_repr.picture(pixels, label=f"unit {unit.index}", height_px=40)
                for pixels in (*shown, *unit.patch_pixels)
            )
            rows.append((unit.index, unit.words, strip))
        table = html_repr.table(("unit", "responds to", "strongest places"), rows) if rows else ""
        rest = len(self.units) - len(rows)
        note = f"{facts}; and {rest} more units" if rows and rest else facts
        return html_repr.section(f"{self.title} ({self.name})", table, note=note)


def layer_with_pictures(folder: Path, record: LayerRecord, network: Maps | None) -> AtlasLayer:
    """A layer's record, with where its pictures lie.

    Args:
        folder: the atlas's.
        record: of the layer.
        network: runs the network; None where it is not at hand.
    """
    units = tuple(
        AtlasUnit(
            **structs.asdict(unit),
            folder=folder,
            layer=record.name,
            title=record.title,
            patch_sprite=record.patch_sprite,
            featurevis_sprite=record.featurevis_sprite,
            filter_sprite=record.filter_sprite,
        )
        for unit in record.units
    )
    fields: dict[str, Any] = {**structs.asdict(record), "units": units}
    return AtlasLayer(**fields, folder=folder, network=network)
