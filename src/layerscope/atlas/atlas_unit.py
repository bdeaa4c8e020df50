"""A unit of an atlas, with its pictures: what `atlas["features.3"].unit(17)` gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from layerscope import html_repr
from layerscope.atlas.sprite_tiles import rows_of, tiles
from layerscope.formats.file_references import Sprite
from layerscope.formats.unit_record import DescriptionRecord, UnitRecord
from layerscope.notebook_widget import address_of, report_beside, show_page
from layerscope.plot_axes import axes_for, entitle, show_picture

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

PATCHES = 9  # tiles that a sheet keeps for each unit
TRAINING = {
    "training": "training made it so",
    "probably": "training probably made it so",
    "untrained alike": "untrained units do as much",
}


class AtlasUnit(UnitRecord, frozen=True, kw_only=True):
    """A unit, and where its pictures lie.

    Beside what `UnitRecord` has (`name`, `descriptions`, `tuning`, `concepts`, `ablation`,
    `patches`, …): `layer` and `title` of the layer, and the pictures.

    Args:
        folder: the atlas's.
        layer: name of its layer.
        title: of the layer.
        patch_sprite: the sheet with its strongest places.
        featurevis_sprite: the sheet with the image optimised for it.
        filter_sprite: the sheet with its weights, where they act on the picture itself.
    """

    folder: Path
    layer: str
    title: str
    patch_sprite: Sprite | None
    featurevis_sprite: Sprite | None
    filter_sprite: Sprite | None

    @property
    def patch_pixels(self) -> list[np.ndarray]:
        """The places of `patches`, the strongest first: uint8 (h, w), or (h, w, 3) in colour."""
        if self.patch_sprite is None or not self.patches:
            return []
        first = self.index * PATCHES
        return tiles(self.folder, self.patch_sprite, range(first, first + len(self.patches)))

    @property
    def optimised_image(self) -> np.ndarray | None:
        """The image optimised for it (feature visualisation), uint8 (h, w) or (h, w, 3)."""
        return self._tile(self.featurevis_sprite)

    @property
    def filter_pixels(self) -> np.ndarray | None:
        """Its weights as a picture, where they act on the picture itself."""
        return self._tile(self.filter_sprite)

    def _tile(self, sprite: Sprite | None) -> np.ndarray | None:
        if sprite is None or self.index >= sprite.count:
            return None
        return tiles(self.folder, sprite, [self.index])[0]

    @property
    def words(self) -> str:
        """What it responds to, in one line."""
        said = [in_words(one) for one in self.descriptions if one.holds is not False][:2]
        return "; ".join(said) or self.role or "not described"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw its pictures: the image optimised for it, if any, then its strongest places.

        Args:
            ax: axes of matplotlib to draw into; None makes a figure.

        Returns:
            The axes.
        """
        image = self.optimised_image
        row = [*([] if image is None else [image]), *self.patch_pixels]
        first = "" if image is None else "optimised image, then "
        ax = axes_for(ax, width_in=0.6 * max(len(row), 6), height_in=1.2)
        show_picture(ax, rows_of([row]) if row else None)
        title = f"{self.title}, unit {self.index}: {self.words}\n({first}strongest places)"
        entitle(ax, title)
        return ax

    def __repr__(self) -> str:
        return f"<unit {self.index} of {self.layer} ({self.title}): {self.words}>"

    def _ipython_display_(self) -> None:
        """For a notebook with anywidget: the report, opened at this unit."""
        show_page(
            report_beside(self.folder),
            self._repr_html_(),
            repr(self),
            address=address_of(self.layer, self.index),
            title=f"{self.title}, unit {self.index}, in the report",
        )

    def _repr_html_(self) -> str:
        """For a notebook: its pictures, and every description with its figures."""
        image = self.optimised_image
        shown = [] if image is None else [html_repr.picture(image, label="optimised image")]
        shown += [
            html_repr.picture(pixels, label=f"{patch.id}: {patch.value:.3g}")
            for pixels, patch in zip(self.patch_pixels, self.patches, strict=True)
        ]
        rows = [
            (
                one.words,
                f"{one.strength:.2f}",
                "" if one.auroc is None else f"{one.auroc:.2f}",
                "" if one.q is None else f"{one.q:.2f}",
            )
            for one in self.descriptions
        ]
        table = html_repr.table(("responds to", "strength", "in pictures", "q"), rows)
        zero = f"zero in {100 * self.zero_frac:.0f}% of places"
        note = f"mean {self.mean:.3g}, largest {self.max:.3g}, {zero}"
        return html_repr.section(
            f"{self.title}, unit {self.index}: {self.words}",
            html_repr.strip(shown),
            table if rows else "",
            note=note,
        )


def in_words(one: DescriptionRecord) -> str:
    """A description with what training has to do with it."""
    beside = TRAINING.get(one.training or "")
    return f"{one.words} ({beside})" if beside else one.words
