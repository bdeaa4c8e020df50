"""The layer ladder: what share of each layer's units is named by which kind, beside its control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from layerscope.analysis.concepts.unit_names import FLOORS, KINDS, Measured, Naming, name_units
from layerscope.intervals import wilson_interval

UNNAMED = "unnamed"


@dataclass(frozen=True)
class Share:
    """The units of a layer that are named by one kind.

    Args:
        count: how many.
        share: of the layer's units.
        interval: 95 %, Wilson.
        untrained: the share in an untrained network, the mean over its copies.
    """

    count: int
    share: float
    interval: tuple[float, float]
    untrained: float


@dataclass(frozen=True)
class Selective:
    """The units of a layer that reach a kind's floor, whether or not training made them do so.

    Args:
        share: of the layer's units.
        interval: 95 %, Wilson.
        untrained: the same share in each untrained copy.
    """

    share: float
    interval: tuple[float, float]
    untrained: tuple[float, ...]


@dataclass(frozen=True)
class Rung:
    """One layer of the ladder.

    Args:
        layer: its name.
        n_units: in it.
        shares: kind -> the units named so, "unnamed" last.
        selective: kind -> the units above its floor.
    """

    layer: str
    n_units: int
    shares: dict[str, Share]
    selective: dict[str, Selective]


def ladder(
    names: Mapping[str, Naming],
    untrained: Sequence[Mapping[str, Naming]],
    measured: Mapping[str, Measured],
    nulls: Sequence[Mapping[str, Measured]],
) -> tuple[Rung, ...]:
    """Sum names up by layer.

    Args:
        names: layer -> names, in the order of the forward pass.
        untrained: the same for untrained copies (`untrained_names`).
        measured: layer -> what the names were given by.
        nulls: the same for the untrained copies.

    Returns:
        A rung for each layer. Kinds that were measured nowhere are left out.
    """
    kinds = [kind for kind in KINDS if any(kind in naming.p for naming in names.values())]
    rungs = []
    for layer, naming in names.items():
        n = len(naming.units)
        shares = {}
        for kind in (*kinds, UNNAMED):
            key = None if kind == UNNAMED else kind
            count = naming.count(key)
            controls = [copy[layer].count(key) / n for copy in untrained]
            shares[kind] = Share(
                count, count / n, wilson_interval(count, n), sum(controls) / max(1, len(controls))
            )
        selective = {
            kind: selective_units(kind, measured[layer], [copy[layer] for copy in nulls])
            for kind in kinds
            if kind in measured[layer].values
        }
        rungs.append(Rung(layer, n, shares, selective))
    return tuple(rungs)


def selective_units(kind: str, found: Measured, untrained: Sequence[Measured]) -> Selective:
    """How many units of a layer reach a kind's floor, trained and untrained."""
    reached = [int((one.values[kind] >= FLOORS[kind]).sum()) for one in (found, *untrained)]
    n = len(found.values[kind])
    share, *controls = (count / n for count in reached)
    return Selective(share, wilson_interval(reached[0], n), tuple(controls))


def untrained_names(
    untrained: Sequence[Mapping[str, Measured]], *, fdr_frac: float = 0.05
) -> tuple[dict[str, Naming], ...]:
    """Name the units of each untrained copy by the same rule, against the other copies."""
    return tuple(
        name_units(copy, [*untrained[:i], *untrained[i + 1 :]], fdr_frac=fdr_frac)
        for i, copy in enumerate(untrained)
    )
