"""What is measured of a network that reads words, as records."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from layerscope.analysis.sequences.gate_use import gate_use
from layerscope.analysis.sequences.gradient_reach import gradient_reach
from layerscope.analysis.sequences.nearest_words import nearest_words
from layerscope.analysis.sequences.property_tuning import (
    SCALE_QUANTILE,
    PropertyTuning,
    property_tuning,
)
from layerscope.analysis.sequences.state_ablation import Losses, StateAblation, ablate_states
from layerscope.analysis.sequences.state_path import state_path
from layerscope.analysis.sequences.strongest_words import MarkedWord, strongest_words
from layerscope.analysis.sequences.word_properties import word_properties
from layerscope.analysis.sequences.word_states import (
    StateLayer,
    WordStates,
    state_layers,
    states_of,
)
from layerscope.analysis.structure.linear_probe import probe
from layerscope.formats.rows.text_records import (
    GateRecord,
    MarkedWordRecord,
    NeighbourRecord,
    PropertyRecord,
    StateEffectRecord,
    StateLayerRecord,
    StateProbeRecord,
    StateUnitRecord,
)
from layerscope.models.sequences.build_rows import build_rows
from layerscope.models.sequences.counted_vectors import give_first_vectors
from layerscope.models.sequences.rows_spec import RowsSpec
from layerscope.models.sequences.text_rnn import PADDING
from layerscope.seed import make_generator

MEASURED = 400  # sentences
COPIES = 20  # untrained
GRADIENT_COPIES = 5
PROBE_COPIES = 3
ABLATED = 200  # sentences
STRONGEST = 5
NEIGHBOURS_OF = 60  # words


@dataclass(frozen=True)
class Sentences:
    """The sentences that a network is measured on.

    Args:
        ids: int64 (N, T), padded with 0.
        lengths: int64 (N,).
        targets: int64 (N,) labels, or (N, T) the words that follow.
        class_names: none for the next word.
        vocabulary: words by id.
        vectors: what the network's embedding began with, float (V, E); None where it was drawn.
    """

    ids: torch.Tensor = field(repr=False)
    lengths: torch.Tensor = field(repr=False)
    targets: torch.Tensor = field(repr=False)
    class_names: tuple[str, ...]
    vocabulary: tuple[str, ...]
    vectors: torch.Tensor | None = field(default=None, repr=False)

    def words(self) -> list[list[str]]:
        """Each sentence's words, as the network knows them."""
        rows = zip(self.ids.tolist(), self.lengths.tolist(), strict=True)
        return [[self.vocabulary[i] for i in row[:n]] for row, n in rows]

    def first(self, n: int) -> Sentences:
        """The first of them."""
        return replace(self, ids=self.ids[:n], lengths=self.lengths[:n], targets=self.targets[:n])

    def untrained(self, spec: RowsSpec, generator: torch.Generator) -> nn.Module:
        """A network as it is before its training on such sentences."""
        model = build_rows(spec, generator).eval()
        give_first_vectors(model, spec, self.vectors)
        return model


def losses_of_task(sentences: Sentences) -> Losses:
    """The log loss of each sentence; of the next word, its mean over words."""
    if sentences.class_names:
        return lambda logits, labels: torch.nn.functional.cross_entropy(
            logits, labels, reduction="none"
        )

    def of_words(logits: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        nats = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), words.flatten(), ignore_index=PADDING, reduction="none"
        ).view(words.shape)
        return nats.sum(1) / (words != PADDING).sum(1).clamp(min=1)

    return of_words


def layer_records(
    model: nn.Module,
    spec: RowsSpec,
    sentences: Sentences,
    seed: int,
    progress: Callable[[str, float], None],
) -> tuple[StateLayerRecord, ...]:
    """Every layer's units, probes, dimension, path and gradients, beside untrained copies.

    Copies are drawn as the network itself was before its training: with torch's own first weights a
    forget gate would stand elsewhere, and units would differ by that alone.
    """
    generator = make_generator(seed, "untrained sentences")
    copies = [sentences.untrained(spec, generator) for _ in range(COPIES)]
    progress("reading sentences", 0.0)
    own = states_of(model, sentences.ids, sentences.lengths)
    fresh: dict[str, list[WordStates]] = {name: [] for name in own}
    for k, copy in enumerate(copies):
        for name, states in states_of(copy, sentences.ids, sentences.lengths).items():
            fresh[name].append(states)
        progress("untrained copies", 0.1 + 0.3 * k / COPIES)
    labels = sentences.targets if sentences.class_names else None
    records = []
    for k, layer in enumerate(state_layers(model)):
        progress(f"{layer.name}", 0.4 + 0.5 * k / len(own))
        records.append(
            layer_record(
                model, copies, layer, own[layer.name], fresh[layer.name], sentences, labels, seed
            )
        )
    return tuple(records)


def layer_record(
    model: nn.Module,
    copies: Sequence[nn.Module],
    layer: StateLayer,
    own: WordStates,
    fresh: Sequence[WordStates],
    sentences: Sentences,
    labels: torch.Tensor | None,
    seed: int,
) -> StateLayerRecord:
    """One layer of `layer_records`."""
    words = sentences.words()
    properties = word_properties(words, labels=labels, class_names=sentences.class_names)
    tuning = None
    if properties:
        tuning = property_tuning(
            own.states,
            [one.states for one in fresh],
            properties,
            make_generator(seed, f"properties/{layer.name}"),
        )
    some = sentences.first(ABLATED)
    ablation = ablate_states(
        model, layer, some.ids, some.lengths, some.targets, losses_of_task(some), seed=seed
    )
    path, fresh_paths = state_path(own, labels), [state_path(one, labels) for one in fresh]
    fresh_aurocs = [one.label_auroc for one in fresh_paths if one.label_auroc is not None]
    reach = gradient_reach(
        model, layer, sentences.ids, sentences.lengths, make_generator(seed, "gradients")
    )
    untrained_reach = torch.stack(
        [
            gradient_reach(
                copy, layer, sentences.ids, sentences.lengths, make_generator(seed, "gradients")
            ).median
            for copy in copies[:GRADIENT_COPIES]
        ]
    ).mean(0)
    high, low = strongest_words(own, n=STRONGEST), strongest_words(own, n=STRONGEST, lowest=True)
    return StateLayerRecord(
        name=layer.name,
        kind=layer.kind,
        units=tuple(
            unit_record(u, tuning, ablation, high[u], low[u]) for u in range(layer.n_units)
        ),
        probes=probes_of(own, fresh[:PROBE_COPIES], sentences, labels),
        dimension=path.dimension,
        untrained_dimension=tuple(one.dimension for one in fresh_paths),
        variance_frac=tuple(path.share.tolist()),
        mean=tuple(path.mean.tolist()),
        axes=tuple(tuple(axis) for axis in path.axes.tolist()),
        label_auroc=path.label_auroc,
        untrained_label_auroc=sum(fresh_aurocs) / len(fresh_aurocs) if fresh_aurocs else None,
        gradient=finite(reach.median),
        untrained_gradient=finite(untrained_reach),
        half_life=reach.half_life if math.isfinite(reach.half_life) else None,
        gates=gate_records(own, fresh),
    )


def gate_records(own: WordStates, fresh: Sequence[WordStates]) -> tuple[GateRecord, ...]:
    """How far each gate stands open, beside untrained copies."""
    copies = [gate_use(one) for one in fresh]
    return tuple(
        GateRecord(
            name=use.name,
            mean=tuple(use.mean.tolist()),
            open_frac=tuple(use.open_frac.tolist()),
            shut_frac=tuple(use.shut_frac.tolist()),
            untrained_mean=tuple(float(copy[k].mean.mean()) for copy in copies),
            untrained_open_frac=tuple(float(copy[k].open_frac.mean()) for copy in copies),
            untrained_shut_frac=tuple(float(copy[k].shut_frac.mean()) for copy in copies),
        )
        for k, use in enumerate(gate_use(own))
    )


def finite(values: torch.Tensor) -> tuple[float, ...]:
    """The values up to the first that is no number."""
    there = torch.isfinite(values)
    return tuple(values[: int(there.cumprod(0).sum())].tolist())


def unit_record(
    u: int,
    tuning: PropertyTuning | None,
    ablation: StateAblation,
    high: Sequence[MarkedWord],
    low: Sequence[MarkedWord],
) -> StateUnitRecord:
    """One unit's evidence."""
    best = None
    if tuning:
        p = int(tuning.best[u])
        dealt = tuning.shuffled[:, :, p].abs().flatten()
        best = PropertyRecord(
            name=tuning.names[p],
            correlation=float(tuning.correlation[u, p]),
            auroc=float(tuning.auroc[u, p]),
            untrained=float(tuning.untrained[:, p].abs().quantile(SCALE_QUANTILE)),
            dealt=float(dealt.quantile(SCALE_QUANTILE)) if bool(dealt.any()) else None,
        )
    low_end, high_end = ablation.change.interval[u].tolist()
    return StateUnitRecord(
        follows=tuning.named(u) if tuning else None,
        best=best,
        training_q=known(tuning.training.q[u]) if tuning else None,
        chance_q=known(tuning.chance.q[u]) if tuning else None,
        effect=StateEffectRecord(
            loss=float(ablation.change.mean[u]),
            interval=(low_end, high_end),
            q=min(1.0, float(ablation.change.q[u])),
            random_p=float(ablation.p[u]),
            needed=ablation.needed(u),
        ),
        strongest=tuple(marked(one) for one in high),
        weakest=tuple(marked(one) for one in low),
    )


def known(value: torch.Tensor) -> float | None:
    """A number, or None for one that is not known."""
    number = float(value)
    return number if number == number else None


def marked(one: MarkedWord) -> MarkedWordRecord:
    """A word as it is recorded."""
    return MarkedWordRecord(text=one.sentence, word=one.word, value=one.value)


def probes_of(
    own: WordStates,
    fresh: Sequence[WordStates],
    sentences: Sentences,
    labels: torch.Tensor | None,
) -> tuple[StateProbeRecord, ...]:
    """Linear probes on the last states: the label, the length, the presence of a negation."""
    words = sentences.words()
    asked: dict[str, torch.Tensor] = {}
    if labels is not None:
        asked["the label"] = labels
    asked["longer than half"] = (sentences.lengths > sentences.lengths.median()).long()
    for one in word_properties(words):
        if one.name == "a negation before":
            ends = sentences.lengths - 1
            asked["a negation"] = one.present[torch.arange(len(words)), ends].long()
    half = len(words) // 2
    found = []
    for name, truth in asked.items():
        if len(truth[:half].unique()) < 2:
            continue
        classes = int(truth.max()) + 1

        def probed(states: WordStates, truth: torch.Tensor = truth, classes: int = classes):
            last = states.last()
            return probe(last[:half], truth[:half], last[half:], truth[half:], n_classes=classes)

        ours = probed(own)
        theirs = [probed(one).accuracy for one in fresh]
        found.append(
            StateProbeRecord(
                name=name,
                accuracy=ours.accuracy,
                interval=ours.interval,
                chance=ours.chance,
                untrained=(min(theirs), max(theirs)) if theirs else None,
            )
        )
    return tuple(found)


def neighbour_records(model: nn.Module, sentences: Sentences) -> tuple[NeighbourRecord, ...]:
    """The nearest words of the commonest ones, marks left out."""
    vectors = model.get_parameter("embedding.weight").detach()
    counts = torch.bincount(sentences.ids.flatten(), minlength=len(vectors))
    letters = torch.tensor([word.isalpha() for word in sentences.vocabulary])
    # Rare words have hardly moved from where they were drawn.
    common = (counts >= 2) & letters
    among = common.nonzero()[:, 0]
    if len(among) < 3:
        return ()
    ids = (counts * letters).argsort(descending=True, stable=True)[:NEIGHBOURS_OF]
    ids = ids[common[ids]]
    found = nearest_words(vectors, ids, among=among)
    return tuple(
        NeighbourRecord(
            word=sentences.vocabulary[i],
            nearest=tuple((sentences.vocabulary[one.id], one.cosine) for one in near),
        )
        for i, near in zip(ids.tolist(), found, strict=True)
    )
