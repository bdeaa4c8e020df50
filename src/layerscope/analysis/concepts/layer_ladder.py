"""The layer ladder: what share of each layer's units responds to each kind, beside its control."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from scipy.stats import false_discovery_control, hypergeom
from scipy.stats import t as student_t

from layerscope.analysis.concepts.descriptions import KINDS, KindMeasures
from layerscope.analysis.controls.shared_spread import ALONE, SharedSpread, shared_spread

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
        excess_interval: 95% prediction interval over copies: where the excess would lie with
            another untrained copy; None with fewer than two.
        p: the chance of so large a share in one more untrained copy, by the spread of copies or by
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
    1991, section 4.7, with variances that layers and kinds share (`controls.shared_spread`);
    Benjamini and Hochberg, 1995, for many tests.
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
    counts = with_q(predicted(counts, {layer: units_of(one) for layer, one in measured.items()}))
    rungs = []
    for layer, found in measured.items():
        copies = [copy[layer] for copy in untrained if layer in copy]
        kinds = [kind for kind in KINDS if kind in found.values]
        shares = {kind: counts["shares", layer, kind] for kind in kinds}
        nothing = share_of(undescribed(found), [undescribed(copy) for copy in copies])
        shares[UNDESCRIBED] = beside_copies(nothing, units_of(found), ALONE)
        synthetic = {kind: counts["synthetic", layer, kind] for kind in kinds}
        rungs.append(Rung(layer, units_of(found), shares, synthetic))
    return tuple(rungs)


def undescribed(found: KindMeasures) -> torch.Tensor:
    """bool (U,): units of which no kind holds in pictures."""
    return ~torch.stack([found.responds(kind) for kind in found.values]).any(0)


def units_of(found: KindMeasures) -> int:
    """How many units a layer has."""
    return len(next(iter(found.values.values()))) if found.values else 0


def share_of(trained: torch.Tensor, untrained: Sequence[torch.Tensor]) -> Share:
    """A share with its control, without its p and q, which depend on all others.

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
    return Share(count, count / U, shares, mean, sd, excess, None)


def predicted(
    shares: Mapping[tuple[str, str, str], Share], n_units: Mapping[str, int]
) -> dict[tuple[str, str, str], Share]:
    """Give each share the range of one more copy, and its p.

    Args:
        shares: (counting, layer, kind) -> share.
        n_units: of each layer.
    """
    done = dict(shares)
    for counting in ("shares", "synthetic"):
        keys = [key for key in shares if key[0] == counting]
        # Copies without any such unit do not tell how far they scatter.
        telling = [
            (variance_ratio(share, n_units[key[1]]), len(share.untrained) - 1)
            for key in keys
            if (share := shares[key]).untrained_sd is not None and share.untrained_mean
        ]
        freedom = min((each for _, each in telling), default=1)
        spread = shared_spread([ratio for ratio, _ in telling], freedom)
        for key in keys:
            done[key] = beside_copies(shares[key], n_units[key[1]], spread)
    return done


def beside_copies(share: Share, n_units: int, spread: SharedSpread) -> Share:
    """A share with the range that one more copy's would lie in, and its p.

    The deviation is not less than chance alone makes it: copies of small layers often agree. And p
    is not less than Fisher's exact test gives for the layer's units among those of all copies.

    Args:
        share: without them.
        n_units: of the layer.
        spread: what other shares say of how far copies scatter.
    """
    if share.untrained_sd is None or share.excess is None:
        return share
    n, U = len(share.untrained), max(1, n_units)
    ratio, freedom = spread.moderated(variance_ratio(share, U), n - 1)
    likely = likely_share(share, U)
    wide = math.sqrt(max(ratio, 1.0) * likely * (1 - likely) / U * (1 + 1 / n))
    # One unit more or less is nothing that the spread of copies could rule out.
    reach = max(float(student_t.ppf((1 + CONFIDENCE) / 2, freedom)) * wide, 1 / U)
    by_spread = float(student_t.sf(share.excess / wide, freedom))
    seen = share.count + round(sum(share.untrained) * U)
    by_chance = float(hypergeom.sf(share.count - 1, (n + 1) * U, seen, U))
    return replace(
        share,
        excess_interval=(share.excess - reach, share.excess + reach),
        p=max(by_spread, by_chance),
    )


def likely_share(share: Share, n_units: int) -> float:
    """The untrained share, never quite 0 or 1: half a unit more of one unit more."""
    seen = len(share.untrained) * n_units
    return ((share.untrained_mean or 0.0) * seen + 0.5) / (seen + 1)


def variance_ratio(share: Share, n_units: int) -> float:
    """The variance over copies, as a multiple of what the number of units alone makes it."""
    likely = likely_share(share, max(1, n_units))
    return (share.untrained_sd or 0.0) ** 2 / (likely * (1 - likely) / max(1, n_units))


def with_q(shares: dict[tuple[str, str, str], Share]) -> dict[tuple[str, str, str], Share]:
    """Give each share its q, over all layers and kinds of one way of counting."""
    done = dict(shares)
    for counting in ("shares", "synthetic"):
        p = {k: s.p for k, s in shares.items() if k[0] == counting and s.p is not None}
        if p:
            found = false_discovery_control(list(p.values())).tolist()
            done |= {key: replace(shares[key], q=q) for key, q in zip(p, found, strict=True)}
    return done
