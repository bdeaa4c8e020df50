"""Which axes of a layer's own output count pictures, units and places."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Layout:
    """The meaning of each axis of a layer's own output.

    Args:
        batch: the axis of the pictures.
        units: the axes of the units: two of them where heads lie beside their features; () where
            the only unit has no axis.
        places: the axes of the places: rows before columns where `is_map`.
        is_map: whether the places are the rows and columns of a map.
        folded: how pictures share their axis with others (windows, heads): "outer", one picture's
            behind another's, or "inner", the pictures of each in turn; None where they are alone.
            All other axes are then counted as if a second axis were behind that of the pictures.
    """

    batch: int
    units: tuple[int, ...]
    places: tuple[int, ...]
    is_map: bool
    folded: str | None = None

    @property
    def unit_axis(self) -> int | None:
        """The axis of the network's own output that counts the units; None where there are several
        or one is folded away."""
        return self.units[0] if len(self.units) == 1 and self.folded is None else None

    @property
    def is_own(self) -> bool:
        """Whether the network's own output is (B, U, H, W), (B, T, U) or (B, U) already."""
        order = (*self.units, *self.places) if self.is_map else (*self.places, *self.units)
        return (
            self.folded is None
            and len(self.units) == 1
            and (self.is_map or len(self.places) < 2)
            and (self.batch, *order) == tuple(range(1 + len(order)))
        )

    def read(self, value: torch.Tensor, rows: int) -> torch.Tensor:
        """Maps (B, U, H, W), tokens (B, T, U) or units (B, U) of a layer's own output.

        Args:
            value: as the network puts it out.
            rows: B, how many pictures it is of.
        """
        if self.is_own:
            return value
        apart = self.unfolded(value, rows)
        if self.is_map:
            ordered = apart.permute(self.batch_axis, *self.units, *self.places)
            ends = ordered.shape[1 + len(self.units) :]
            return ordered.reshape(rows, -1, *ends)
        ordered = apart.permute(self.batch_axis, *self.places, *self.units)
        n_units = math.prod(ordered.shape[1 + len(self.places) :])
        return ordered.reshape(rows, *([-1] if self.places else []), n_units)

    def write(self, canonical: torch.Tensor, own_shape: tuple[int, ...], rows: int) -> torch.Tensor:
        """The inverse of `read`.

        Args:
            canonical: what `read` gave, or another tensor of that shape.
            own_shape: of the layer's own output for so many pictures.
            rows: B.
        """
        if self.is_own:
            return canonical
        sizes = list(own_shape)
        if self.folded is not None:
            each = sizes[self.batch] // rows
            sizes[self.batch : self.batch + 1] = (
                [rows, each] if self.folded == "outer" else [each, rows]
            )
        order = (*self.units, *self.places) if self.is_map else (*self.places, *self.units)
        order = (self.batch_axis, *order)
        ordered = canonical.reshape([sizes[axis] for axis in order])
        back = ordered.permute([order.index(axis) for axis in range(len(order))])
        return back.reshape(own_shape)

    @property
    def batch_axis(self) -> int:
        """The axis of the pictures once they are unfolded."""
        return self.batch + (self.folded == "inner")

    def unfolded(self, value: torch.Tensor, rows: int) -> torch.Tensor:
        """The same with the pictures on an axis of their own."""
        if self.folded is None:
            return value
        sizes = (rows, -1) if self.folded == "outer" else (-1, rows)
        return value.unflatten(self.batch, sizes)  # pyright: ignore[reportUnknownVariableType] - torch's
