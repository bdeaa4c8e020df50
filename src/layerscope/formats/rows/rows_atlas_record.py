"""What was measured of a network of words or numbers, as `rows.json` of an atlas folder holds it.

A document of its own beside `atlas.json`: a sentence has words where a picture has maps, and
neither's record would be true of the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct

from layerscope.errors import AtlasError
from layerscope.formats.documents import read_document
from layerscope.formats.file_references import ArrayRef
from layerscope.formats.quantities import Count, Frac, Interval, NonNegative
from layerscope.formats.rows_record import RowsFigure, RowsNetworkRecord

ROWS_ATLAS = "rows.json"
ROWS_ATLAS_SCHEMA = 1
REMEDY = "look again"


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
        untrained: what 95 % of untrained units' correlations stay below, by size.
        dealt: the same of the trained layer's, with the property dealt out to other sentences; null
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
        interval: 95 %, paired by sentence.
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
        chance_q: the same with properties dealt out anew.
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
        interval: 95 %.
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


class GateValuesRecord(Struct, frozen=True, kw_only=True):
    """A gate, or the cell state, word by word.

    Args:
        layer: its path.
        gate: a gate, "candidate" (the new content), or "cell".
        values: float (n, T, U), of the first shown sentences.
    """

    layer: str
    gate: str
    values: ArrayRef


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


class SentenceRecord(Struct, frozen=True, kw_only=True):
    """A test sentence, as the network read it.

    Args:
        text: row of the atlas's `texts`.
        ids: of its words in the vocabulary.
        label: its class; null for the next word.
        logits: the network's; the page holds its own against them.
        predicted: the class, or the next word, that they name.
        occlusion: of each word, how much the named logit falls when an unknown word stands there.
        integrated: integrated gradients of each word.
        gap: their sum less the change of the logit, over its size.
    """

    text: Count
    ids: tuple[Count, ...]
    label: Count | None
    logits: tuple[float, ...]
    predicted: Count
    occlusion: tuple[float, ...]
    integrated: tuple[float, ...]
    gap: float


class AttentionRecord(Struct, frozen=True, kw_only=True):
    """Whether the words that a layer attends to are those whose removal matters.

    Args:
        layer: its path.
        agreement: mean Spearman correlation of attention and the size of occlusion's effect.
        interval: 95 %; null of few sentences.
        p: how often attention dealt out anew among a sentence's words agrees as well.
        untrained: the agreement in an untrained copy.
        n: sentences.
        maps: float (n, heads, T, T), of the first sentences; null where none are kept.
    """

    layer: str
    agreement: float
    interval: tuple[float, float] | None
    p: Frac
    untrained: float | None
    n: Count
    maps: ArrayRef | None


class RemovalRecord(Struct, frozen=True, kw_only=True):
    """Whether removing the words that a method marks matters.

    Args:
        method: "occlusion", "integrated gradients", or "attention of" a layer.
        fall: how much the named logit falls with the fifth of the words removed together that the
            method marks most strongly, on average.
        random_fall: with as many words drawn at random.
        interval: 95 %, of the mean difference of the two; null of few sentences.
        holds: whether it lies above 0.
        untrained: mean rank correlation with the same method's marks on an untrained network; null
            where it is not known.
        complete_frac: of integrated gradients, share of the sentences whose values sum to the
            change of the logit within 5 %; null of others.
        n: sentences.
    """

    method: str
    fall: float
    random_fall: float
    interval: tuple[float, float] | None
    holds: bool
    untrained: float | None
    complete_frac: Frac | None
    n: Count


class NeighbourRecord(Struct, frozen=True, kw_only=True):
    """A word and those whose vectors lie nearest.

    Args:
        word: which.
        nearest: of each, the word and the cosine.
    """

    word: str
    nearest: tuple[tuple[str, float], ...]


class ColumnRecord(Struct, frozen=True, kw_only=True):
    """A column of a table.

    Args:
        name: of the column.
        inputs: the network's inputs that hold it.
        categories: of the values; none for a number.
        mean: of a number in the training rows; what an input is less.
        std: what an input is over.
        importance: how much the loss rises when the column is dealt out anew.
        interval: 95 %, over rows.
        values: at which the dependence is taken, in the column's own unit; places of the
            categories for those.
        dependence: the mean prediction there; the target's own unit, or the second class's
            probability.
        individual: of some rows, the predictions there.
    """

    name: str
    inputs: tuple[Count, ...]
    categories: tuple[str, ...]
    mean: float
    std: NonNegative
    importance: float
    interval: tuple[float, float]
    values: tuple[float, ...]
    dependence: tuple[float, ...]
    individual: tuple[tuple[float, ...], ...]


class FeatureUnitRecord(Struct, frozen=True, kw_only=True):
    """A unit of a table's or a series' network.

    Args:
        follows: the input that it follows more than untrained units do; null without one.
        best: the input that it follows most.
        correlation: with that.
        training_q: expected share of units that follow one as closely untrained; null where the
            layer is too small to say.
        at: values of that input, scaled.
        mean: the unit's activation there.
    """

    follows: str | None
    best: str
    correlation: float
    training_q: Frac | None
    at: tuple[float, ...]
    mean: tuple[float, ...]


class FeatureLayerRecord(Struct, frozen=True, kw_only=True):
    """A layer of a table's network.

    Args:
        name: its path.
        units: of it.
    """

    name: str
    units: tuple[FeatureUnitRecord, ...]


class TableRowRecord(Struct, frozen=True, kw_only=True):
    """A test row.

    Args:
        inputs: as the network takes them.
        outputs: what it gives; the page holds its own against them.
        target: a class, or a number, scaled.
    """

    inputs: tuple[float, ...]
    outputs: tuple[float, ...]
    target: float


class ForecastRecord(Struct, frozen=True, kw_only=True):
    """Forecasts of a series' test days.

    Args:
        low: what is added to a forecast for the lower end of its interval, in the unit of the
            series.
        high: for the upper end.
        wanted: share of days that shall lie inside.
        covered: share of test days that do.
        interval: 95 %, of that share.
        dates: of the days shown.
        values: what came.
        forecasts: what was foretold.
        windows: of the last days, T x F as the network takes them.
        outputs: of these windows, scaled.
    """

    low: float
    high: float
    wanted: Frac
    covered: Frac
    interval: Interval
    dates: tuple[str, ...]
    values: tuple[float, ...]
    forecasts: tuple[float, ...]
    windows: tuple[tuple[tuple[float, ...], ...], ...]
    outputs: tuple[float, ...]


class RowsAtlasRecord(Struct, frozen=True, kw_only=True):
    """What was measured of a network of words or numbers.

    Args:
        schema: the version of this format.
        kind: "text", "next-word", "table" or "series".
        name: of the set.
        created: ISO 8601.
        seed: of what was drawn.
        n: test rows that were measured.
        untrained: copies that stood beside.
        network: its description.
        parameters: of it.
        weights: parameter -> values.
        figures: of the test rows, with simpler models beside.
        target: name of what is told; "" for the next word.
        target_mean: of a number, in the training rows.
        target_std: likewise.
        vocabulary: words by id; none for numbers.
        input_names: F names of inputs; none for words.
        texts: the sentences that are referred to, each its words.
        sentences: shown word by word.
        layers: with states.
        removed: each method's check; none of the next word.
        gate_values: of recurrent layers.
        attention: of a transformer's layers.
        neighbours: of words in the embedding.
        columns: of a table.
        feature_layers: of a table's network.
        rows: of a table, to be moved.
        forecast: of a series.
        notes: what is to be known of the figures, one sentence each.
    """

    schema: Literal[1]
    kind: str
    name: str
    created: str
    seed: int
    n: Count
    untrained: Count
    network: RowsNetworkRecord
    parameters: Count
    weights: dict[str, ArrayRef]
    figures: tuple[RowsFigure, ...]
    target: str
    target_mean: float = 0.0
    target_std: float = 1.0
    vocabulary: tuple[str, ...] = ()
    input_names: tuple[str, ...] = ()
    texts: tuple[tuple[str, ...], ...] = ()
    sentences: tuple[SentenceRecord, ...] = ()
    layers: tuple[StateLayerRecord, ...] = ()
    removed: tuple[RemovalRecord, ...] = ()
    gate_values: tuple[GateValuesRecord, ...] = ()
    attention: tuple[AttentionRecord, ...] = ()
    neighbours: tuple[NeighbourRecord, ...] = ()
    columns: tuple[ColumnRecord, ...] = ()
    feature_layers: tuple[FeatureLayerRecord, ...] = ()
    rows: tuple[TableRowRecord, ...] = ()
    forecast: ForecastRecord | None = None
    notes: tuple[str, ...] = ()


def read_rows_atlas(folder: Path) -> RowsAtlasRecord:
    """The record of an atlas of words or numbers.

    Raises:
        AtlasError: it is missing, broken or of another version.
    """
    return read_document(
        folder / ROWS_ATLAS, RowsAtlasRecord, error=AtlasError, remedy=REMEDY
    ).record
