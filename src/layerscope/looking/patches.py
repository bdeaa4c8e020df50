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


def top_places(values: torch.Tensor, rows: torch.Tensor) -> TopPlaces:
    """The strongest places of one batch.

    Args:
        values: float (B, U, places).
        rows: int64 (B,), ascending: which picture of the set each one is.

    Returns:
        For each unit the strongest pictures, and in each the strongest place (the first of equals).
    """
    peaks = values.amax(2)  # (B, U)
    k = min(PATCHES, len(rows))
    # topk leaves the order of equals open; a stable sort gives the earliest picture
    order = peaks.argsort(dim=0, descending=True, stable=True)[:k].T  # (U, k)
    units = torch.arange(values.shape[1], device=values.device)[:, None]
    maps = values[order, units]  # (U, k, places)
    return TopPlaces(
        values=peaks.T.gather(1, order).float().cpu(),
        rows=rows[order.cpu()],
        places=maps.argmax(2).cpu(),
    )
