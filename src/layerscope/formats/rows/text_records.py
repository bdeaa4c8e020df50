"""What the states of a network of words hold: of each unit, of each layer, of the embedding."""

from __future__ import annotations

from msgspec import Struct

from layerscope.formats.quantities import Count, Frac, Interval, NonNegative


class MarkedWordRecord(Struct, frozen=True, kw_only=True):
    """One word of one sentence.

    Args:
        text: row of the atlas's `texts`.
        word: its place there, from 0.
        value: the unit's state after it.
    """

    text: Count
    word: Count
    value: float


class PropertyRecord(Struct, frozen=True, kw_only=True):
    """How a unit's state goes with a property of words or sentences.

    Args:
        name: of the property.
        correlation: within strata.
        auroc: likewise; above 0.5 the unit is higher with the property.
        untrained: what 95% of untrained units' correlations stay below, by size.
        dealt: the same of the trained layer's, with the property permuted among sentences; null
            where it cannot be.
    """

    name: str
    correlation: float
    auroc: Frac
    untrained: NonNegative
    dealt: NonNegative | None


class StateEffectRecord(Struct, frozen=True, kw_only=True):
    """What is lost with a unit's state held at its mean, at every word.

    Args:
        loss: change of the mean loss.
        interval: 95%, paired by sentence.
        q: false-discovery rate over the layer's units.
        random_p: how often random directions of as much activity lose at least as much.
        needed: whether both are small.
    """

    loss: float
    interval: tuple[float, float]
    q: Frac
    random_p: Frac
    needed: bool


class StateUnitRecord(Struct, frozen=True, kw_only=True):
    """A unit of a layer with states.

    Args:
        follows: the property that it is named by; null where untrained units or chance do as well.
        best: its strongest property.
        training_q: expected share of units that follow a property as closely untrained; null where
            the layer is too small to say.
        chance_q: the same with properties permuted.
        effect: of its ablation.
        strongest: sentences at which it is highest.
        weakest: at which it is lowest.
    """

    follows: str | None
    best: PropertyRecord | None
    training_q: Frac | None
    chance_q: Frac | None
    effect: StateEffectRecord | None
    strongest: tuple[MarkedWordRecord, ...]
    weakest: tuple[MarkedWordRecord, ...]


class StateProbeRecord(Struct, frozen=True, kw_only=True):
    """A linear probe on a layer's states behind the last word.

    Args:
        name: what it tells.
        accuracy: on sentences that it was not fitted on.
        interval: 95%.
        chance: of the commonest answer.
        untrained: of untrained copies, lowest and highest; null without any.
    """

    name: str
    accuracy: Frac
    interval: Interval
    chance: Frac
    untrained: Interval | None


class GateRecord(Struct, frozen=True, kw_only=True):
    """How far a gate of a recurrent layer stands open.

    Args:
        name: "input", "forget" or "output" of an LSTM, "reset" or "update" of a GRU.
        mean: U, over the words of the measured sentences.
        open_frac: U, share of the words at which it lies above 0.9.
        shut_frac: U, share at which it lies below 0.1.
        untrained_mean: of untrained copies, the mean over units of each.
        untrained_open_frac: likewise.
        untrained_shut_frac: likewise.
    """

    name: str
    mean: tuple[Frac, ...]
    open_frac: tuple[Frac, ...]
    shut_frac: tuple[Frac, ...]
    untrained_mean: tuple[Frac, ...]
    untrained_open_frac: tuple[Frac, ...]
    untrained_shut_frac: tuple[Frac, ...]


class StateLayerRecord(Struct, frozen=True, kw_only=True):
    """A layer that holds a state for every word or step.

    Args:
        name: its path.
        kind: "lstm", "gru", "rnn" or "encoder".
        units: U of them.
        probes: on its states.
        dimension: participation ratio of its states.
        untrained_dimension: of untrained copies.
        variance_frac: held by the first two principal components.
        mean: U.
        axes: 2 x U, the components.
        label_auroc: how well the last state's place along the first one tells two classes apart.
        untrained_label_auroc: mean of untrained copies.
        gradient: share of the last word's gradient norm at d words before it, from d = 0.
        untrained_gradient: mean of untrained copies.
        half_life: words, at which the gradient falls to half; null where it does not fall.
        gates: of a recurrent layer; none of others, nor in atlases before they were measured.
    """

    name: str
    kind: str
    units: tuple[StateUnitRecord, ...]
    probes: tuple[StateProbeRecord, ...]
    dimension: NonNegative
    untrained_dimension: tuple[NonNegative, ...]
    variance_frac: tuple[float, ...]
    mean: tuple[float, ...]
    axes: tuple[tuple[float, ...], ...]
    label_auroc: Frac | None
    untrained_label_auroc: Frac | None
    gradient: tuple[NonNegative, ...]
    untrained_gradient: tuple[NonNegative, ...]
    half_life: NonNegative | None
    gates: tuple[GateRecord, ...] = ()


class NeighbourRecord(Struct, frozen=True, kw_only=True):
    """A word and those whose vectors lie nearest.

    Args:
        word: which.
        nearest: of each, the word and the cosine.
    """

    word: str
    nearest: tuple[tuple[str, float], ...]
