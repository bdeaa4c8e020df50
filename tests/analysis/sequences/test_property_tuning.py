"""Planted units are named; untrained ones, and properties permuted, are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from sklearn.metrics import roc_auc_score

from helpers.planted_sentences import (
    VOCABULARY,
    Reader,
    first_word_holder,
    negation_counter,
    seeded,
    sentences,
)
from layerscope.analysis.controls.untrained_copies import untrained_copy
from layerscope.analysis.sequences.property_tuning import PropertyTuning, aurocs, property_tuning
from layerscope.analysis.sequences.word_properties import WordProperty, word_properties
from layerscope.analysis.sequences.word_states import states_of


def tuning_of(net: Reader, *, copies: int = 20, seed: int = 0, n: int = 120) -> PropertyTuning:
    ids, lengths, words = sentences(n, seed)
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (n,), generator=g)
    fresh = [untrained_copy(net, g) for _ in range(copies)]
    found = [states_of(one, ids, lengths)["rnn"].states for one in (net, *fresh)]
    properties = word_properties(words, labels=labels, class_names=("bad", "good"))
    return property_tuning(found[0], found[1:], properties, g)


def test_aurocs_are_scikit_learns_within_strata() -> None:
    g = torch.Generator().manual_seed(0)
    states = torch.randn(40, 6, 3, generator=g).round(decimals=1)  # with ties
    present = torch.rand(40, 6, generator=g) < 0.4
    counted = torch.ones(40, 6, dtype=torch.bool)
    flat = WordProperty("flat", present, counted, torch.zeros(40, 6).long())
    by_place = WordProperty("placed", present, counted, torch.arange(6).expand(40, 6))
    found = aurocs(states, [flat, by_place])
    for u in range(3):
        assert found[u, 0] == pytest.approx(
            roc_auc_score(present.flatten(), states[..., u].flatten())
        )
        pairs = [int(p.sum()) * int((~p).sum()) for p in present.T]
        areas = [roc_auc_score(present[:, t], states[:, t, u]) for t in range(6)]
        wanted = sum(a * n for a, n in zip(areas, pairs, strict=True)) / sum(pairs)
        assert found[u, 1] == pytest.approx(wanted)


def test_a_place_effect_is_no_negation() -> None:
    # A clock rises with the place, and negations before a word get commoner with the place too.
    ids, _, words = sentences()
    clock = torch.arange(12.0).expand(len(ids), 12)[..., None]
    properties = {one.name: one for one in word_properties(words)}
    assert float(aurocs(clock, [properties["a negation before"]])[0, 0]) == pytest.approx(0.5)
    assert float(aurocs(clock, [properties["late words"]])[0, 0]) == 1.0


def test_a_planted_counter_of_negations_is_named() -> None:
    found = tuning_of(negation_counter())
    assert found.named(0) == "a negation before"
    assert float(found.auroc[0, found.names.index("a negation before")]) == 1.0
    others = [found.named(u) for u in range(1, 24)]
    assert sum(name is not None for name in others) <= 1


def test_a_planted_first_word_is_named() -> None:
    ids, _, _ = sentences()
    commonest = int(ids[:, 0].bincount(minlength=len(VOCABULARY)).argmax())
    found = tuning_of(first_word_holder(commonest))
    assert found.named(1) == f"sentences that begin with {VOCABULARY[commonest]!r}"


@pytest.mark.parametrize("kind", ["RNN", "LSTM"])
def test_untrained_networks_are_not_named(kind: str) -> None:
    named = 0
    for seed in range(6):
        found = tuning_of(seeded(lambda: Reader(kind), 100 + seed), seed=seed, n=60)
        named += sum(found.named(u) is not None for u in range(24))
    assert named <= 0.05 * 6 * 24


def test_a_label_dealt_out_anew_is_not_named() -> None:
    # The unit tells the label of its own sentences; of other labels it tells nothing.
    g = torch.Generator().manual_seed(0)
    _, _, words = sentences(200)
    labels = torch.randint(0, 2, (200,), generator=g)
    null = [torch.randn(200, 12, 24, generator=g) for _ in range(20)]

    def name_of(given: torch.Tensor) -> Callable[[int], str | None]:
        states = torch.randn(200, 12, 24, generator=torch.Generator().manual_seed(1))
        states[..., 3] += 3.0 * labels[:, None]
        properties = word_properties(words, labels=given, class_names=("bad", "good"))
        return property_tuning(states, null, properties, torch.Generator().manual_seed(2)).named

    assert name_of(labels)(3) == "the label 'good'"
    assert name_of(labels[torch.randperm(200, generator=g)])(3) is None


def test_rare_properties_are_not_asked() -> None:
    names = [one.name for one in word_properties([["good", "film"], ["bad", "film"]] * 8)]
    assert "a negation before" not in names and "the word 'good'" not in names
    assert "the word 'film'" in names
