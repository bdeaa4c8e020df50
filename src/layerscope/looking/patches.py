"""The places in a set's pictures that excite each unit most, kept batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch

PATCHES = 9


@dataclass(frozen=True)
class TopPlaces:
    """The strongest places of U units so far, strongest first, each from another picture.

    Args:
        values: float32 (U, k), k at most `PATCHES`.
        rows: int64 (U, k), which picture.
        places: int64 (U, k), where in the map: y * width + x; 0 for dense units.
    """

    values: torch.Tensor
    rows: torch.Tensor
    places: torch.Tensor

    @property
    def is_full(self) -> bool:
        """Whether every unit has all its places."""
        return self.values.shape[1] == PATCHES

    def merged(self, other: TopPlaces) -> TopPlaces:
        """The strongest of both. Of equal values the earlier picture comes first."""
        values = torch.cat([self.values, other.values], 1)
        rows = torch.cat([self.rows, other.rows], 1)
        places = torch.cat([self.places, other.places], 1)
        # Two stable sorts, the less important key first, make the order independent of batches.
        order = rows.argsort(dim=1, stable=True)
        order = order.gather(
            1, values.gather(1, order).argsort(dim=1, descending=True, stable=True)
        )
        order = order[:, :PATCHES]
        return TopPlaces(values.gather(1, order), rows.gather(1, order), places.gather(1, order))


def top_places(
    values: torch.Tensor,
    peaks: torch.Tensor,
    rows: torch.Tensor,
    *,
    floor: torch.Tensor | None = None,
) -> TopPlaces:
    """The strongest places of one batch.

    Args:
        values: float (B, places, U).
        peaks: float (B, U), the largest value of each map.
        rows: int64 (B,), ascending: which picture of the set each one is.
        floor: float (U,), what a peak must exceed to count at all. Only the maps of those that do
            are searched for the place; the places of the others are 0.

    Returns:
        For each unit the strongest pictures, and in each the strongest place (the first of equals).
    """
    # topk leaves the order of equals open; a stable sort gives the earliest picture
    best, order = peaks.T.contiguous().sort(dim=1, descending=True, stable=True)
    best, order = best[:, :PATCHES], order[:, :PATCHES]  # (U, k)
    risen = torch.ones_like(best, dtype=torch.bool) if floor is None else best > floor[:, None]
    unit, rank = risen.nonzero(as_tuple=True)
    places = torch.zeros_like(order)
    places[unit, rank] = values[order[unit, rank], :, unit].argmax(1)
    order = order.cpu()
    return TopPlaces(values=best.float().cpu(), rows=rows[order], places=places.cpu())
