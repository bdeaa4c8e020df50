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


def top_places(values: torch.Tensor, peaks: torch.Tensor, rows: torch.Tensor) -> TopPlaces:
    """The strongest places of one batch.

    Args:
        values: float (B, places, U).
        peaks: float (B, U), the largest value of each map.
        rows: int64 (B,), ascending: which picture of the set each one is.

    Returns:
        For each unit the strongest pictures, and in each the strongest place (the first of equals).
    """
    # topk leaves the order of equals open; a stable sort gives the earliest picture
    best, order = peaks.T.contiguous().sort(dim=1, descending=True, stable=True)
    best, order = best[:, :PATCHES], order[:, :PATCHES]  # (U, k)
    units = torch.arange(len(order), device=order.device)[:, None]
    places = values[order, :, units].argmax(2)  # (U, k)
    order = order.cpu()
    return TopPlaces(values=best.float().cpu(), rows=rows[order], places=places.cpu())


class TopPlacesAccumulator:
    """Keeps a layer's strongest places batch by batch: the same as `TopPlaces.merged`, sooner.

    A peak that does not beat its unit's ninth so far is passed over. The few that do are buffered,
    and merged when there are many.
    """

    def __init__(self) -> None:
        self.top: TopPlaces | None = None
        self.floor: torch.Tensor | None = None
        self.buffer: list[tuple[torch.Tensor, ...]] = []

    def add(
        self,
        values: torch.Tensor,
        peaks: torch.Tensor,
        rows: torch.Tensor,
        *,
        spared: torch.Tensor | None = None,
    ) -> None:
        """Add a batch; see `top_places`. Rows ascend from batch to batch, too.

        Args:
            values: float (B, places, U).
            peaks: float (B, U).
            rows: int64 (B,).
            spared: bool (U,), units whose places are known from elsewhere from now on.
        """
        if spared is not None and spared.all():
            return
        if self.floor is None:
            part = top_places(values, peaks, rows)
            self.keep(self.top.merged(part) if self.top else part, peaks.device)
            return
        floor = self.floor
        if spared is not None:
            floor = floor.masked_fill(spared, torch.inf)
        picture, unit = (peaks > floor).nonzero(as_tuple=True)
        if not len(picture):
            return
        places = values[picture, :, unit].argmax(1)
        found = (unit, peaks[picture, unit].float(), rows[picture.cpu()], places)
        self.buffer.append(tuple(part.cpu() for part in found))
        if sum(len(part[0]) for part in self.buffer) > 2 * len(self.floor):
            self.flush(peaks.device)

    def keep(self, top: TopPlaces, device: torch.device) -> None:
        """Take over what is strongest now."""
        self.top = top
        self.floor = top.values[:, -1].to(device) if top.is_full else None

    def flush(self, device: torch.device) -> None:
        """Merge what is buffered."""
        assert self.top is not None
        unit, values, rows, places = (torch.cat(part) for part in zip(*self.buffer, strict=True))
        self.buffer = []
        order = unit.argsort(stable=True)
        n = torch.bincount(unit, minlength=len(self.top.values))
        # Where each stands among its unit's own.
        rank = torch.arange(len(order)) - (n.cumsum(0) - n)[unit[order]]
        where = (unit[order], rank)
        shape = (len(n), int(n.max()))
        part = TopPlaces(
            values=values.new_full(shape, -torch.inf).index_put_(where, values[order]),
            rows=rows.new_zeros(shape).index_put_(where, rows[order]),
            places=places.new_zeros(shape).index_put_(where, places[order]),
        )
        self.keep(self.top.merged(part), device)

    def places(self, elsewhere: TopPlaces | None = None) -> TopPlaces:
        """The strongest of all that was added, of at least one batch.

        Args:
            elsewhere: those of the layer that made units spared.
        """
        if self.buffer:
            self.flush(torch.device("cpu"))
        if elsewhere is None or not elsewhere.is_full:
            assert self.top is not None
            return self.top
        above = elsewhere.values[:, -1:] > 0
        # With all units spared since an early batch, fewer than nine pictures were kept here.
        if self.top is None or above.all():
            return elsewhere
        return TopPlaces(
            torch.where(above, elsewhere.values, self.top.values),
            torch.where(above, elsewhere.rows, self.top.rows),
            torch.where(above, elsewhere.places, self.top.places),
        )
