"""How alike layers are: with each other, with untrained ones, with a thumbnail of the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from msgspec import Struct

from layerscope.analysis.observe import Observed
from layerscope.analysis.structure.cka import cka_matrix, linear_cka
from layerscope.formats.atlas_record import CkaRecord
from layerscope.formats.unit_record import ControlRange
from layerscope.pipeline.recording.control_ranges import least_to_most


class LayerLikeness(Struct, frozen=True, kw_only=True):
    """How alike the layers of one network are.

    Args:
        layers: names, in the order of rows and columns.
        matrix: linear CKA between each two.
    """

    layers: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]


class CopyLikeness(Struct, frozen=True, kw_only=True):
    """How alike a layer of an untrained copy is to other things.

    Args:
        trained: linear CKA with the same layer, trained.
        trained_at_places: the same over single places.
        thumbnail: with a thumbnail of the picture.
    """

    trained: float
    trained_at_places: float
    thumbnail: float


def likeness_of(found: Mapping[str, Observed]) -> LayerLikeness:
    """How alike the layers of one network are."""
    layers, matrix = cka_matrix({name: seen.features.pooled for name, seen in found.items()})
    return LayerLikeness(layers=tuple(layers), matrix=tuple(map(tuple, matrix.tolist())))


def copy_likeness(
    trained: Mapping[str, Observed], copy: Mapping[str, Observed], thumbnails: torch.Tensor
) -> dict[str, CopyLikeness]:
    """How alike each layer of an untrained copy is to the trained one.

    Args:
        trained, copy: layer -> what was observed of it, of the same pictures at the same places.
        thumbnails: float (N, D), of these pictures.
    """
    return {
        name: CopyLikeness(
            trained=linear_cka(trained[name].features.pooled, seen.features.pooled),
            trained_at_places=linear_cka(at_places(trained[name]), at_places(seen)),
            thumbnail=linear_cka(thumbnails, seen.features.pooled),
        )
        for name, seen in copy.items()
    }


def at_places(seen: Observed) -> torch.Tensor:
    """All units at all kept places, float (N * P, U)."""
    return seen.features.at_places.flatten(0, 1)


def cka_record(
    found: Mapping[str, Observed],
    thumbnails: torch.Tensor,
    place_thumbnails: Mapping[str, torch.Tensor],
    copies: Sequence[Mapping[str, CopyLikeness]],
    untrained: LayerLikeness | None,
) -> CkaRecord | None:
    """How alike the layers are: trained, untrained, each with itself untrained, and the floor.

    Args:
        found: layer -> what was observed of it.
        thumbnails: float (N, D), of the pictures.
        place_thumbnails: layer -> float (N * P, D), of what its units see at the kept places.
        copies: of each untrained copy.
        untrained: between the layers of the first of them.
    """
    if untrained is None or not copies:
        return None
    own = likeness_of(found)
    place = [untrained.layers.index(name) for name in own.layers]

    def over_copies(figure: str) -> tuple[ControlRange, ...]:
        ranges = (
            least_to_most([getattr(copy[name], figure) for copy in copies if name in copy])
            for name in own.layers
        )
        return tuple(found for found in ranges if found is not None)

    with_untrained = over_copies("trained")
    return CkaRecord(
        layers=own.layers,
        trained=own.matrix,
        untrained=tuple(tuple(untrained.matrix[i][j] for j in place) for i in place),
        with_untrained=tuple(one.mean for one in with_untrained),
        with_untrained_range=with_untrained,
        with_thumbnail=tuple(
            linear_cka(thumbnails, found[name].features.pooled) for name in own.layers
        ),
        thumbnail_untrained=over_copies("thumbnail"),
        at_places=over_copies("trained_at_places"),
        thumbnail_at_places=tuple(
            linear_cka(place_thumbnails[name], at_places(found[name])) for name in own.layers
        ),
    )
