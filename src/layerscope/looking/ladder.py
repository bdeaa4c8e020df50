"""The layer ladder: what share of each layer's units is named by which kind, beside its control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from layerscope.intervals import wilson_interval
from layerscope.looking.naming import KINDS, Measured, Naming, name_units

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
class Rung:
    """One layer of the ladder: kind -> share, "unnamed" last."""

    layer: str
    n_units: int
    shares: dict[str, Share]


def ladder(
    names: Mapping[str, Naming], untrained: Sequence[Mapping[str, Naming]]
) -> tuple[Rung, ...]:
    """Sum names up by layer.

    Args:
        names: layer -> names, in the order of the forward pass.
        untrained: the same for untrained copies (`untrained_names`).

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
        rungs.append(Rung(layer, n, shares))
    return tuple(rungs)


def untrained_names(
    untrained: Sequence[Mapping[str, Measured]], *, fdr_frac: float = 0.05
) -> tuple[dict[str, Naming], ...]:
    """Name the units of each untrained copy by the same rule, against the other copies."""
    return tuple(
        name_units(copy, [*untrained[:i], *untrained[i + 1 :]], fdr_frac=fdr_frac)
        for i, copy in enumerate(untrained)
    )
