"""Which property each unit's state tells, beside untrained copies and properties permuted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.stats import rankdata

from layerscope.analysis.controls.training_fdr import TRAINING_Q, TrainingShare, training_share
from layerscope.analysis.sequences.word_properties import WordProperty

SHUFFLES = 40
# What of the untrained units' strengths one unit of the common scale is.
SCALE_QUANTILE = 0.95
LEAST_SCALE = 0.05


@dataclass(frozen=True)
class PropertyTuning:
    """What the units of a layer tell of P properties.

    A unit's strength is the size of its correlation with the property. Properties are brought to
    one scale by what untrained units reach, and the largest is the unit's own. Ranks would not do
    for that: where a unit holds the first word, its faint decay tells the length of a sentence.

    Args:
        names: of the properties.
        correlation: float64 (U, P), within strata.
        auroc: float64 (U, P), above 0.5 where the unit is higher with the property.
        untrained: float64 (M, P), correlations of the units of all untrained copies.
        shuffled: float64 (R, U, P), with the property permuted among sentences; 0 where it
            cannot be.
        best: int64 (U,), which property is the unit's own.
        training: how many such units there are untrained.
        chance: how many there are where the properties are permuted.
    """

    names: tuple[str, ...]
    correlation: torch.Tensor = field(repr=False)
    auroc: torch.Tensor = field(repr=False)
    untrained: torch.Tensor = field(repr=False)
    shuffled: torch.Tensor = field(repr=False)
    best: torch.Tensor = field(repr=False)
    training: TrainingShare = field(repr=False)
    chance: TrainingShare = field(repr=False)

    def named(self, u: int) -> str | None:
        """The property that unit u follows; None where untrained units or chance do as well."""
        by = max(float(self.training.q[u]), float(self.chance.q[u]))
        return self.names[int(self.best[u])] if by <= TRAINING_Q else None


def correlations(states: torch.Tensor, properties: Sequence[WordProperty]) -> torch.Tensor:
    """The correlation of each unit's state with each property, within strata.

    Args:
        states: float (N, T, U).
        properties: P.

    Returns:
        float64 (U, P), point-biserial; 0 where a unit or a property does not vary.

    Example:
        >>> yes = torch.tensor([[True], [False]])
        >>> one = WordProperty("it", yes, torch.ones(2, 1).bool(), torch.zeros(2, 1).long())
        >>> correlations(torch.tensor([[[3.0, 1.0]], [[2.0, 4.0]]]), [one]).round().tolist()
        [[1.0], [-1.0]]
    """
    found = torch.zeros(states.shape[-1], len(properties), dtype=torch.float64)
    centred: dict[tuple[int, int], torch.Tensor] = {}
    for p, one in enumerate(properties):
        key = (id(one.counted), id(one.strata))
        strata = one.strata[one.counted]
        if key not in centred:
            away = less_stratum_mean(states[one.counted].double(), strata)
            size = away.norm(dim=0)
            centred[key] = away / torch.where(size > 1e-12, size, torch.inf)
        there = less_stratum_mean(one.present[one.counted].double()[:, None], strata)[:, 0]
        size = float(there.norm())
        if size > 0:
            found[:, p] = centred[key].T @ (there / size)
    return found


def less_stratum_mean(values: torch.Tensor, strata: torch.Tensor) -> torch.Tensor:
    """Values float64 (M, D) less the mean of their stratum, int64 (M,)."""
    n = int(strata.max()) + 1 if len(strata) else 0
    sums = torch.zeros(n, values.shape[1], dtype=values.dtype).index_add_(0, strata, values)
    counts = torch.bincount(strata, minlength=n).clamp(min=1)[:, None]
    return values - (sums / counts)[strata]


def aurocs(states: torch.Tensor, properties: Sequence[WordProperty]) -> torch.Tensor:
    """How well each unit's state tells each property.

    The area under the ROC curve within each stratum, weighted by its pairs.

    Args:
        states: float (N, T, U).
        properties: P.

    Returns:
        float64 (U, P); 0.5 where a property is nowhere both there and not.

    Source: van Elteren, "On the combination of independent two-sample tests of Wilcoxon", 1960, for
    the strata.

    Example:
        >>> yes = torch.tensor([[True], [False]])
        >>> one = WordProperty("it", yes, torch.ones(2, 1).bool(), torch.zeros(2, 1).long())
        >>> aurocs(torch.tensor([[[3.0, 1.0]], [[2.0, 4.0]]]), [one]).tolist()
        [[1.0], [0.0]]
    """
    U = states.shape[-1]
    found = np.full((U, len(properties)), 0.5)
    ranked: dict[tuple[int, int], list[tuple[np.ndarray, np.ndarray]]] = {}
    for p, one in enumerate(properties):
        key = (id(one.counted), id(one.strata))
        if key not in ranked:
            ranked[key] = ranks_in_strata(states, one)
        present = one.present.numpy()[one.counted.numpy()]
        won, pairs = np.zeros(U), 0
        for rows, ranks in ranked[key]:
            there = present[rows]
            n, m = int(there.sum()), int((~there).sum())
            if n and m:
                won += ranks[there].sum(0) - n * (n + 1) / 2
                pairs += n * m
        if pairs:
            found[:, p] = won / pairs
    return torch.from_numpy(found)


def ranks_in_strata(states: torch.Tensor, one: WordProperty) -> list[tuple[np.ndarray, np.ndarray]]:
    """The rows of each stratum among the counted words, and their ranks there, (n, U)."""
    values = states[one.counted].double().numpy()
    strata = one.strata[one.counted].numpy()
    return [
        (rows, np.asarray(rankdata(values[rows], axis=0)))
        for rows in (np.flatnonzero(strata == s) for s in np.unique(strata))
    ]


def property_tuning(
    states: torch.Tensor,
    copies: Sequence[torch.Tensor],
    properties: Sequence[WordProperty],
    generator: torch.Generator,
    *,
    shuffles: int = SHUFFLES,
) -> PropertyTuning:
    """Ask each unit which property its state tells, and whether training made it so.

    Args:
        states: float (N, T, U), of the trained layer.
        copies: of untrained copies of the network, the same layer on the same sentences.
        properties: P, at least one.
        generator: deals the properties out anew.
        shuffles: how often.

    Returns:
        A `PropertyTuning`. Its rate of false names is that of the rule that images have: the
        share of named units in an untrained network is about `TRAINING_Q` of what is named.
    """
    own = correlations(states, properties)
    untrained = torch.cat([correlations(copy, properties) for copy in copies] or [own[:0]])
    dealt = []
    for _ in range(shuffles):
        mixed = correlations(states, [one.shuffled(generator) for one in properties])
        mixed[:, [not one.shuffles for one in properties]] = 0.0
        dealt.append(mixed)
    shuffled = torch.stack(dealt) if dealt else own[None][:0]
    scale = torch.full((len(properties),), LEAST_SCALE, dtype=torch.float64)
    if len(untrained):
        scale = untrained.abs().quantile(SCALE_QUANTILE, 0).clamp(min=LEAST_SCALE)
    strongest, best = (own.abs() / scale).max(1)
    return PropertyTuning(
        names=tuple(one.name for one in properties),
        correlation=own,
        auroc=aurocs(states, properties),
        untrained=untrained,
        shuffled=shuffled,
        best=best,
        training=training_share(strongest, (untrained.abs() / scale).amax(1)),
        chance=training_share(strongest, (shuffled.abs() / scale).amax(2).flatten()),
    )
