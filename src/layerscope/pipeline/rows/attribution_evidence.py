"""What each word does for what a network says, by several methods, and whether they hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from layerscope.analysis.attribution.attention_maps import (
    attention_maps,
    attention_received,
    check_attention,
)
from layerscope.analysis.attribution.removal_check import removal_check
from layerscope.analysis.attribution.word_attribution import (
    IntegratedGradients,
    integrated_gradients,
    occlusion,
)
from layerscope.analysis.sequences.word_states import states_of
from layerscope.formats.file_references import ArrayRef
from layerscope.formats.rows.attribution_records import (
    AttentionRecord,
    GateValuesRecord,
    RemovalRecord,
    SentenceRecord,
)
from layerscope.models.sequences.rows_spec import RowsSpec
from layerscope.models.sequences.text_rnn import UNKNOWN
from layerscope.pipeline.rows.text_evidence import Sentences
from layerscope.seed import make_generator

SHOWN = 12  # sentences, word by word
CHECKED = 100
KEPT = 4  # sentences whose gates and attention are kept, value by value
CHECK_STEPS = 24  # of integrated gradients, for the check alone
ARRAYS = "arrays/rows.safetensors"
Arrays = dict[str, torch.Tensor]


def named_score(logits: torch.Tensor, lengths: torch.Tensor, named: torch.Tensor) -> torch.Tensor:
    """The logit of what was named: of a class, or of the next word behind the last."""
    if logits.ndim == 3:
        logits = logits[torch.arange(len(logits)), lengths - 1]
    return logits.gather(1, named[:, None])[:, 0]


def sentence_records(model: nn.Module, sentences: Sentences) -> tuple[SentenceRecord, ...]:
    """The first sentences with each word's attributions."""
    some = sentences.first(SHOWN)
    found = []
    for n in range(len(some.ids)):
        length = int(some.lengths[n])
        ids, lengths = some.ids[n : n + 1, :length], some.lengths[n : n + 1]
        with torch.no_grad():
            logits = model(ids, lengths)
        last = logits[:, -1] if logits.ndim == 3 else logits
        named = last.argmax(1)

        def score(given: torch.Tensor, length: int = length, named: torch.Tensor = named):
            n = len(given)
            return named_score(given, torch.full((n,), length), named.expand(n))

        hidden = occlusion(model, ids, lengths, score, unknown=UNKNOWN)
        gradients = integrated_gradients(model, ids, lengths, score, unknown=UNKNOWN)
        found.append(
            SentenceRecord(
                text=n,
                ids=tuple(ids[0].tolist()),
                label=int(some.targets[n]) if some.class_names else None,
                logits=tuple(last[0].tolist()) if some.class_names else (),
                predicted=int(named[0]),
                occlusion=tuple(hidden[0].tolist()),
                integrated=tuple(gradients.values[0].tolist()),
                gap=float(gradients.gap[0]),
            )
        )
    return tuple(found)


@dataclass(frozen=True)
class Attributed:
    """What each method says of the words of some sentences, for the classes that are named.

    Args:
        occlusion: float64 (N, T).
        integrated: of the same.
        attention: layer -> float (N, T), what each word receives; none without attention.
        maps: layer -> float (N, heads, T, T).
    """

    occlusion: torch.Tensor = field(repr=False)
    integrated: IntegratedGradients
    attention: dict[str, torch.Tensor] = field(repr=False)
    maps: dict[str, torch.Tensor] = field(repr=False)


def attributed(
    model: nn.Module, some: Sentences, named: torch.Tensor, *, attends: bool
) -> Attributed:
    """Every method on some sentences."""
    within = torch.arange(some.ids.shape[1])[None, :] < some.lengths[:, None]
    hidden = torch.zeros(some.ids.shape, dtype=torch.float64)
    integrated, gap = torch.zeros_like(hidden), torch.zeros(len(hidden), dtype=torch.float64)
    for k in named.unique().tolist():
        rows = (named == k).nonzero()[:, 0]

        def score(logits: torch.Tensor, k: int = k) -> torch.Tensor:
            return logits[:, k]

        given = (model, some.ids[rows], some.lengths[rows], score)
        hidden[rows] = occlusion(*given, unknown=UNKNOWN)
        found = integrated_gradients(*given, unknown=UNKNOWN, steps=CHECK_STEPS)
        integrated[rows], gap[rows] = found.values, found.gap
    maps = attention_maps(model, some.ids, some.lengths) if attends else {}
    received = {name: attention_received(one, within) for name, one in maps.items()}
    return Attributed(hidden, IntegratedGradients(integrated, gap), received, maps)


def attribution_fields(
    model: nn.Module,
    spec: RowsSpec,
    sentences: Sentences,
    seed: int,
    progress: Callable[[str, float], None],
) -> tuple[dict[str, tuple[RemovalRecord, ...] | tuple[AttentionRecord, ...]], Arrays]:
    """Fields of the atlas: each method's check, attention beside it, and the maps that are kept.

    Of classes of sentences alone: a next word has no one logit for the whole sentence.
    """
    progress("words removed", 0.92)
    some = sentences.first(CHECKED)
    within = torch.arange(some.ids.shape[1])[None, :] < some.lengths[:, None]
    attends = spec.name == "text-transformer"
    with torch.no_grad():
        named = model(some.ids, some.lengths).argmax(1)
    generator = make_generator(seed, "attention")
    fresh = sentences.untrained(spec, generator)
    own, other = (attributed(net, some, named, attends=attends) for net in (model, fresh))
    marks = {
        "occlusion": (own.occlusion, other.occlusion),
        "integrated gradients": (own.integrated.values, other.integrated.values),
    } | {
        f"attention of {name}": (own.attention[name], other.attention[name])
        for name in own.attention
    }
    complete = float(own.integrated.complete.double().mean())
    removed = []
    for method, (ours, theirs) in marks.items():
        check = removal_check(
            model, some.ids, some.lengths, named, ours, make_generator(seed, f"removed/{method}"),
            unknown=UNKNOWN, untrained=theirs,
        )  # fmt: skip
        removed.append(
            RemovalRecord(
                method=method,
                fall=check.fall,
                random_fall=check.random_fall,
                interval=check.interval,
                holds=check.holds,
                untrained=check.untrained,
                complete_frac=complete if method == "integrated gradients" else None,
                n=check.n,
            )
        )
    attention, arrays = [], {}
    for name, received in own.attention.items():
        check = check_attention(received, own.occlusion, within, generator)
        beside = check_attention(other.attention[name], own.occlusion, within, generator, draws=1)
        arrays[f"attention/{name}"] = own.maps[name][:KEPT].contiguous()
        attention.append(
            AttentionRecord(
                layer=name,
                agreement=check.agreement if check.n else 0.0,
                interval=check.interval,
                p=check.p,
                untrained=beside.agreement if beside.n else None,
                n=check.n,
                maps=ArrayRef(file=ARRAYS, name=f"attention/{name}"),
            )
        )
    return {"removed": tuple(removed), "attention": tuple(attention)}, arrays


def gate_values(
    model: nn.Module, sentences: Sentences
) -> tuple[tuple[GateValuesRecord, ...], Arrays]:
    """Gates and cell states of the first sentences, value by value."""
    some = sentences.first(KEPT)
    records, arrays = [], {}
    for name, found in states_of(model, some.ids, some.lengths).items():
        kept = dict(found.gates) | ({} if found.cells is None else {"cell": found.cells})
        for gate, values in kept.items():
            key = f"gates/{name}/{gate}"
            arrays[key] = values.contiguous()
            records.append(
                GateValuesRecord(layer=name, gate=gate, values=ArrayRef(file=ARRAYS, name=key))
            )
    return tuple(records), arrays
