"""Plain names for units, given only where a measure beats its control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from scipy.stats import false_discovery_control

from layerscope.analysis.controls.null_distribution import p_values

KINDS = ("colour", "edge", "corner", "texture", "part", "object")

# What a measure must reach beside beating its control: with many pictures the slightest preference
# is certain, and still nothing that a unit should be named after. Parts: the threshold of Bau et
# al., "Network Dissection", 2017, section 2.3. Objects: an AUROC of 0.75, as 2 * AUROC - 1. The
# indices of tuning: a third of what a perfectly tuned unit has.
FLOORS = {
    "colour": 0.33,
    "edge": 0.33,
    "corner": 0.33,
    "texture": 0.33,
    "part": 0.04,
    "object": 0.5,
}


@dataclass(frozen=True)
class Measured:
    """What was measured of one layer's units, in one network.

    Args:
        values: kind -> float (U,), larger is more selective; kinds that cannot be measured here
            are missing.
        words: kind -> U names that each unit would have, were it named by this kind.
    """

    values: Mapping[str, torch.Tensor]
    words: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class UnitName:
    """A unit's name and its evidence; all None where it has no simple name.

    Args:
        name: such as "edge at 45°".
        kind: one of `KINDS`.
        value: of the kind's measure.
    """

    name: str | None = None
    kind: str | None = None
    value: float | None = None


@dataclass(frozen=True)
class Naming:
    """The names of one layer's units, and every test behind them.

    Args:
        units: U names.
        p: kind -> float64 (U,), against untrained units of the same layer.
        null_95: kind -> the value that 95 % of the untrained units stay below.
        passes: kind -> bool (U,), significant, with the false-discovery rate controlled over all
            units and kinds of the network, and above the kind's floor.
    """

    units: tuple[UnitName, ...]
    p: dict[str, torch.Tensor]
    null_95: dict[str, float]
    passes: dict[str, torch.Tensor]

    def count(self, kind: str | None) -> int:
        """How many units are named by a kind; of None, how many have no simple name."""
        return sum(unit.kind == kind for unit in self.units)


def name_units(
    measured: Mapping[str, Measured],
    untrained: Sequence[Mapping[str, Measured]],
    *,
    fdr_frac: float = 0.05,
) -> dict[str, Naming]:
    """Name the units of a network by what they are selective for.

    Each measure of each unit is tested against the same measure of the units of the same layer in
    untrained copies. Of the kinds that a unit passes, it is named by the one whose value lies
    furthest beyond its control, in steps from the control's median to its 95th percentile.

    Args:
        measured: layer -> its measures in the network.
        untrained: the same for each untrained copy.
        fdr_frac: the share of false discoveries among all that are made, on average.

    Returns:
        layer -> names.

    Source: the test against untrained weights follows Adebayo et al., "Sanity Checks for Saliency
    Maps", 2018, section 3; the correction for many tests, Benjamini and Hochberg, 1995. Units of
    one layer depend on each other positively, where it holds too (Benjamini and Yekutieli, 2001).
    """
    nulls = {
        (layer, kind): torch.cat([copy[layer].values[kind] for copy in untrained])
        for layer, found in measured.items()
        for kind in found.values
    }
    p = {
        key: p_values(log_odds(measured[key[0]].values[key[1]]), log_odds(null))
        for key, null in nulls.items()
    }
    # One family: all units, all kinds, all layers.
    keys = list(p)
    every = torch.cat([p[key] for key in keys]) if keys else torch.zeros(0)
    significant = torch.from_numpy(false_discovery_control(every.numpy()) <= fdr_frac)
    parts = significant.split([len(p[key]) for key in keys])
    passes = {
        (layer, kind): part & (measured[layer].values[kind] >= FLOORS[kind])
        for (layer, kind), part in zip(keys, parts, strict=True)
    }
    return {
        layer: name_layer(
            found,
            {kind: nulls[layer, kind] for kind in found.values},
            {kind: p[layer, kind] for kind in found.values},
            {kind: passes[layer, kind] for kind in found.values},
        )
        for layer, found in measured.items()
    }


def log_odds(values: torch.Tensor) -> torch.Tensor:
    """Values from 0 to 1 on a scale without ends, on which a tail can go on: float64.

    From 0.90 to 0.99 is as far there as from 0.50 to 0.91. The order of values stays.
    """
    within = values.double().clamp(1e-4, 1 - 1e-4)
    return within.log() - (1 - within).log()


def name_layer(
    found: Measured,
    null: dict[str, torch.Tensor],
    p: dict[str, torch.Tensor],
    passes: dict[str, torch.Tensor],
) -> Naming:
    """The names of one layer's units."""
    kinds = list(found.values)
    U = len(found.values[kinds[0]]) if kinds else 0
    null_95 = {kind: float(null[kind].double().quantile(0.95)) for kind in kinds}
    beyond = torch.full((U, max(1, len(kinds))), -torch.inf, dtype=torch.float64)
    for j, kind in enumerate(kinds):
        median = float(null[kind].double().median())
        step = max(null_95[kind] - median, 1e-6)
        excess = (found.values[kind].double() - median) / step
        beyond[:, j] = torch.where(passes[kind], excess, beyond[:, j])
    units = []
    for u in range(U):
        j = int(beyond[u].argmax())
        if beyond[u, j] == -torch.inf:
            units.append(UnitName())
            continue
        kind = kinds[j]
        units.append(UnitName(found.words[kind][u], kind, float(found.values[kind][u])))
    return Naming(tuple(units), p, null_95, passes)
