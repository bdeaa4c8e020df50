"""What single sentences show word by word: marks, whether they matter, attention and gates."""

from __future__ import annotations

from msgspec import Struct

from layerscope.formats.file_references import ArrayRef
from layerscope.formats.quantities import Count, Frac


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


class RemovalRecord(Struct, frozen=True, kw_only=True):
    """Whether removing the words that a method marks matters.

    Args:
        method: "occlusion", "integrated gradients", or "attention of" a layer.
        fall: how much the named logit falls with the fifth of the words removed together that the
            method marks most strongly, on average.
        random_fall: with as many words drawn at random.
        interval: 95%, of the mean difference of the two; null of few sentences.
        holds: whether it lies above 0.
        untrained: mean rank correlation with the same method's marks on an untrained network; null
            where it is not known.
        complete_frac: of integrated gradients, share of the sentences whose values sum to the
            change of the logit within 5%; null of others.
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


class AttentionRecord(Struct, frozen=True, kw_only=True):
    """Whether the words that a layer attends to are those whose removal matters.

    Args:
        layer: its path.
        agreement: mean Spearman correlation of attention and the size of occlusion's effect.
        interval: 95%; null of few sentences.
        p: how often attention permuted among a sentence's words agrees as well.
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
