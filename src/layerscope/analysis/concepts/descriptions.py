"""What units respond to, in words: every kind that a unit reaches, and whether pictures agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from layerscope.analysis.controls.training_fdr import TrainingShare, training_share
from layerscope.analysis.pictures.picture_check import PictureCheck

KINDS = ("brightness", "colour", "edge", "spot", "corner", "texture", "part", "class")

# What a measure must reach for its kind to be listed. Indices of tuning: what ideal detectors
# reach, among them the diagonal 3 x 3 line (0.19) and Sobel's filters (0.27 to 0.40), spots (0.21),
# curves built from Gabors (0.36) and pooled texture energy (0.8); tests/analysis/tuning shows them.
# Parts: the threshold of Bau et al., "Network Dissection", 2017, section 2.3. Classes: an AUROC of
# 0.75, as 2 * AUROC - 1.
FLOORS = {
    "brightness": 0.33,
    "colour": 0.33,
    "edge": 0.18,
    "spot": 0.2,
    "corner": 0.2,
    "texture": 0.5,
    "part": 0.04,
    "class": 0.5,
}

VERDICTS = ("training", "probably", "untrained alike", None)


@dataclass(frozen=True)
class KindMeasures:
    """What was measured of one layer's units, in one network.

    Args:
        values: kind -> float (U,), larger is more selective; kinds that cannot be measured here
            are missing.
        words: kind -> U phrases: what the unit would be called by this kind.
        holds: kind -> bool (U,), whether the thing is there where pictures drive the unit most.
        auroc: kind -> float (U,), how clearly; NaN for a unit that hardly ever fires.
        intervals: kind -> (low, high), float (U,) each; kinds without one are missing.
        checks: kind -> the figures behind `holds`; empty for what is kept of untrained copies.
    """

    values: Mapping[str, torch.Tensor]
    words: Mapping[str, Sequence[str]]
    holds: Mapping[str, torch.Tensor]
    auroc: Mapping[str, torch.Tensor]
    intervals: Mapping[str, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    checks: Mapping[str, PictureCheck] = field(default_factory=dict)

    def reaches(self, kind: str) -> torch.Tensor:
        """bool (U,): selective enough for the kind, whatever pictures say."""
        return self.values[kind] >= FLOORS[kind]

    def responds(self, kind: str) -> torch.Tensor:
        """bool (U,): selective enough, and there where pictures drive the unit most."""
        return self.reaches(kind) & self.holds[kind]

    def score(self, kind: str) -> torch.Tensor:
        """float (U,): the measure times how clearly pictures show it, 0 at chance and below.

        What trained and untrained units are compared by: no gate, so that the share of units that
        training left as they were can be estimated from the lower half.
        """
        return self.values[kind] * (2 * self.auroc[kind] - 1).nan_to_num(0.0).clamp(min=0)


@dataclass(frozen=True)
class Description:
    """One kind that one unit responds to.

    Args:
        kind: one of `KINDS`.
        words: such as "edge at 45°", "ear", "cat", "not cat" (of more than two classes).
        strength: of the kind's measure, 0 to 1.
        interval: 95% of the strength over phases, offsets and draws; None where there is none.
        holds: whether it is there where pictures drive the unit most; else it was seen in synthetic
            stimuli only.
        auroc: how well it tells the unit's strongest places from the others; None where the unit
            has too few.
        rival: what else could be there, and comes closest; None likewise.
        rival_auroc: its figure.
        base_rate: share of untrained units that do as much; None without a control.
        q: of units of the layer that do as much, the share that would be there untrained; None for
            layers of under 20 units.
        training: "training", "probably", "untrained alike", or None: not known.
    """

    kind: str
    words: str
    strength: float
    interval: tuple[float, float] | None
    holds: bool
    auroc: float | None
    rival: str | None
    rival_auroc: float | None
    base_rate: float | None
    q: float | None
    training: str | None


def describe_units(
    found: KindMeasures, untrained: Sequence[KindMeasures]
) -> list[tuple[Description, ...]]:
    """Describe each unit of a layer by every kind that it reaches, the best supported one first.

    That a unit responds to something is one statement, that training made it do so another: an
    untrained unit may truly respond to edges. The second is a number beside the first, not a gate.

    Args:
        found: the layer's measures in the network.
        untrained: the same of the same layer in untrained copies; may be empty.

    Returns:
        For each unit its descriptions: those that hold in pictures first, among them those that
        training explains, then by strength, as a share of the way from the kind's floor to 1. A
        part comes before a class: it says where the unit looks, and whiskers are what tells a cat.
    """
    shares = {kind: share_of_kind(kind, found.score(kind), untrained) for kind in found.values}
    described = []
    U = len(next(iter(found.values.values()))) if found.values else 0
    for u in range(U):
        kinds = [kind for kind in KINDS if kind in found.values and bool(found.reaches(kind)[u])]
        listed = [describe(found, kind, u, shares[kind]) for kind in kinds]
        listed.sort(key=lambda one: (not one.holds, VERDICTS.index(one.training), -over_floor(one)))
        described.append(parts_first(listed))
    return described


def parts_first(listed: Sequence[Description]) -> tuple[Description, ...]:
    """The same with a class moved behind the part, where both are supported alike.

    Their strengths are no common measure: of an overlap, 0.1 is much; of an AUROC it is nothing.
    """
    found = list(listed)
    kinds = [one.kind for one in found]
    if "part" in kinds and "class" in kinds:
        part, of_class = kinds.index("part"), kinds.index("class")
        one, other = found[part], found[of_class]
        if of_class < part and (one.holds, one.training) == (other.holds, other.training):
            found.insert(part, found.pop(of_class))
    return tuple(found)


def over_floor(one: Description) -> float:
    """How far a strength lies above its kind's floor, as a share of the way to 1."""
    return (one.strength - FLOORS[one.kind]) / (1 - FLOORS[one.kind])


def share_of_kind(
    kind: str, scores: torch.Tensor, untrained: Sequence[KindMeasures]
) -> TrainingShare:
    """How many of the units like each one untrained copies have, by one of the kinds of a layer.

    Args:
        kind: one of `KINDS`.
        scores: float (U,), the units' own (`KindMeasures.score`).
        untrained: the same layer in untrained copies; of directions their numbers differ.
    """
    copies = [copy.score(kind) for copy in untrained if kind in copy.values]
    return training_share(scores, copies, standard_errors=1)


def describe(found: KindMeasures, kind: str, u: int, share: TrainingShare) -> Description:
    """One unit's description by one kind."""
    low_high = found.intervals.get(kind)
    check = found.checks.get(kind)
    auroc = float(check.auroc[u]) if check is not None else float("nan")
    seen = check is not None and auroc == auroc
    rival, rival_auroc = check.best_rival(u) if seen and check and check.rivals else (None, None)
    q, base_rate = float(share.q[u]), float(share.base_rate[u])
    return Description(
        kind=kind,
        words=found.words[kind][u],
        strength=float(found.values[kind][u]),
        interval=(float(low_high[0][u]), float(low_high[1][u])) if low_high else None,
        holds=bool(found.holds[kind][u]),
        auroc=auroc if seen else None,
        rival=rival,
        rival_auroc=rival_auroc,
        base_rate=base_rate if base_rate == base_rate else None,
        q=q if q == q else None,
        training=share.verdict(u) if bool(found.holds[kind][u]) else None,
    )
