"""The layer ladder: what share of each layer's units responds to each kind, beside its control."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from scipy.stats import binom, false_discovery_control
from scipy.stats import t as student_t

from layerscope.analysis.concepts.descriptions import KINDS, KindMeasures

UNDESCRIBED = "undescribed"
SIGNIFICANT_Q = 0.05
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Share:
    """The units of a layer that respond to one kind, trained and untrained.

    Args:
        count: how many of the trained layer's units.
        share: of its units.
        untrained: the same share in each untrained copy.
        untrained_mean, untrained_sd: over the copies; None without them.
        excess: the trained share less the untrained mean; None without copies.
        excess_interval: 95 % prediction interval over copies: where the excess would lie with
            another untrained copy; None with fewer than two.
        p: the chance of so large a share in one more untrained copy, by the copies' spread or by
            the number of units alone, whichever is larger; None likewise.
        q: the same as a false-discovery rate over all layers and kinds; None likewise.
    """

    count: int
    share: float
    untrained: tuple[float, ...]
    untrained_mean: float | None
    untrained_sd: float | None
    excess: float | None
    excess_interval: tuple[float, float] | None
    p: float | None = None
    q: float | None = None

    @property
    def significant(self) -> bool:
        """Whether more units respond so than in an untrained network."""
        return self.q is not None and self.q <= SIGNIFICANT_Q


@dataclass(frozen=True)
class Rung:
    """One layer of the ladder.

    Args:
        layer: its name.
        n_units: in it.
        shares: kind -> the units that respond to it and for which it holds in pictures;
            "undescribed" last: no kind holds.
        synthetic: kind -> the units that respond to it in synthetic stimuli, or by the kind's own
            measure, whether or not it holds in pictures.
    """

    layer: str
    n_units: int
    shares: dict[str, Share]
    synthetic: dict[str, Share]


def ladder(
    measured: Mapping[str, KindMeasures], untrained: Sequence[Mapping[str, KindMeasures]]
) -> tuple[Rung, ...]:
    """Sum descriptions up by layer.

    Args:
        measured: layer -> its measures, in the order of the forward pass.
        untrained: the same for untrained copies.

    Returns:
        A rung for each layer. The false-discovery rate is controlled over layers x kinds.

    Source: prediction interval for one more observation, Hahn and Meeker, "Statistical Intervals",
    1991, section 4.7; Benjamini and Hochberg, 1995, for many tests.
    """
    counts: dict[tuple[str, str, str], Share] = {}
    for layer, found in measured.items():
        copies = [copy[layer] for copy in untrained if layer in copy]
        for kind in (kind for kind in KINDS if kind in found.values):
            counts["shares", layer, kind] = share_of(
                found.responds(kind), [copy.responds(kind) for copy in copies]
            )
            counts["synthetic", layer, kind] = share_of(
                found.reaches(kind), [copy.reaches(kind) for copy in copies]
            )
    counts = with_q(counts)
    rungs = []
    for layer, found in measured.items():
        copies = [copy[layer] for copy in untrained if layer in copy]
        kinds = [kind for kind in KINDS if kind in found.values]
        shares = {kind: counts["shares", layer, kind] for kind in kinds}
        shares[UNDESCRIBED] = share_of(undescribed(found), [undescribed(copy) for copy in copies])
        synthetic = {kind: counts["synthetic", layer, kind] for kind in kinds}
        n_units = len(next(iter(found.values.values()))) if found.values else 0
        rungs.append(Rung(layer, n_units, shares, synthetic))
    return tuple(rungs)


def undescribed(found: KindMeasures) -> torch.Tensor:
    """bool (U,): units of which no kind holds in pictures."""
    return ~torch.stack([found.responds(kind) for kind in found.values]).any(0)


def share_of(trained: torch.Tensor, untrained: Sequence[torch.Tensor]) -> Share:
    """A share with its control, without its q, which depends on all others.

    Args:
        trained: bool (U,).
        untrained: the same for each copy.
    """
    U = max(1, len(trained))
    count = int(trained.sum())
    shares = tuple(int(copy.sum()) / max(1, len(copy)) for copy in untrained)
    n = len(shares)
    if not n:
        return Share(count, count / U, (), None, None, None, None)
    mean = sum(shares) / n
    excess = count / U - mean
    if n == 1:
        return Share(count, count / U, shares, mean, None, excess, None)
    sd = math.sqrt(sum((s - mean) ** 2 for s in shares) / (n - 1))
    wide = prediction_sd(shares, U)
    # One unit more or less is nothing that the spread of copies could rule out.
    reach = max(float(student_t.ppf((1 + CONFIDENCE) / 2, n - 1)) * wide, 1 / U)
    likely = (mean * n * U + 0.5) / (n * U + 1)
    p = max(float(student_t.sf(excess / wide, n - 1)), float(binom.sf(count - 1, U, likely)))
    return Share(count, count / U, shares, mean, sd, excess, (excess - reach, excess + reach), p)


def prediction_sd(shares: Sequence[float], n_units: int) -> float:
    """The deviation of a share from the mean of its copies, were it one more copy.

    Not less than chance alone makes it: copies of small layers often agree in having no such unit.
    """
    n = len(shares)
    mean = sum(shares) / n
    variance = sum((s - mean) ** 2 for s in shares) / (n - 1)
    likely = (mean * n * n_units + 0.5) / (n * n_units + 1)
    by_chance = likely * (1 - likely) / n_units
    return math.sqrt(max(variance, by_chance) * (1 + 1 / n))


def with_q(shares: dict[tuple[str, str, str], Share]) -> dict[tuple[str, str, str], Share]:
    """Give each share its q, over all layers and kinds of one way of counting."""
    done = dict(shares)
    for counting in ("shares", "synthetic"):
        p = {k: s.p for k, s in shares.items() if k[0] == counting and s.p is not None}
        if p:
            found = false_discovery_control(list(p.values())).tolist()
            done |= {key: replace(shares[key], q=q) for key, q in zip(p, found, strict=True)}
    return done
