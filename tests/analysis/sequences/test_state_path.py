"""Paths, strongest words and neighbours against what was planted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from helpers.planted_sentences import Reader, negation_counter, seeded, sentences
from layerscope.analysis.sequences.nearest_words import nearest_words
from layerscope.analysis.sequences.state_path import state_path
from layerscope.analysis.sequences.strongest_words import strongest_words
from layerscope.analysis.sequences.word_states import StateLayer, WordStates, states_of


def test_components_are_scikit_learns() -> None:
    net, (ids, lengths, _) = seeded(lambda: Reader("GRU")), sentences(40)
    found = states_of(net, ids, lengths)["rnn"]
    path = state_path(found)
    values = found.states[found.within].double().numpy()
    oracle = PCA(2).fit(values)
    assert path.share.tolist() == pytest.approx(oracle.explained_variance_ratio_.tolist())
    here = path.along[found.within].numpy()
    np.testing.assert_allclose(abs(here), abs(oracle.transform(values)), atol=1e-6)


def test_a_line_has_one_dimension_and_points_to_the_second_class() -> None:
    labels = torch.arange(30) % 2
    way = torch.arange(5.0)[None, :, None] * (2.0 * labels - 1)[:, None, None]
    states = way * torch.tensor([3.0, -4.0, 0.0])
    layer = StateLayer("rnn", "rnn", 0, "rnn", 3)
    path = state_path(WordStates(layer, states, {}, torch.ones(30, 5).bool()), labels)
    assert path.dimension == pytest.approx(1.0)
    assert path.label_auroc == 1.0
    assert path.along[1, -1, 0] == pytest.approx(20.0) and path.along[0, -1, 0] < 0


def test_the_strongest_sentences_of_a_counter_have_most_negations() -> None:
    net, (ids, lengths, _) = negation_counter(), sentences()
    found = states_of(net, ids, lengths)["rnn"]
    counts = ((ids == 1) | (ids == 2)).sum(1)
    marks = strongest_words(found, n=4)[0]
    assert [mark.value for mark in marks] == counts.sort(descending=True).values[:4].tolist()
    assert all(int(ids[mark.sentence, mark.word]) in (1, 2) for mark in marks)
    assert all(mark.word < int(lengths[mark.sentence]) for mark in marks)
    assert strongest_words(found, n=1, lowest=True)[0][0].value == 0


def test_neighbours_are_scikit_learns() -> None:
    vectors = torch.randn(30, 5, generator=torch.Generator().manual_seed(0))
    oracle = NearestNeighbors(n_neighbors=4, metric="cosine").fit(vectors.numpy())
    apart, rows = oracle.kneighbors(vectors[[3, 7]].numpy())
    found = nearest_words(vectors, torch.tensor([3, 7]), n=3)
    for w in range(2):
        assert [one.id for one in found[w]] == rows[w][1:].tolist()  # the first is the word itself
        assert [1 - one.cosine for one in found[w]] == pytest.approx(apart[w][1:], abs=1e-6)
