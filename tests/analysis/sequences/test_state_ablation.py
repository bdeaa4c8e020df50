"""A unit that the head reads is needed, and only that one; the figures are those of doing it."""

from __future__ import annotations

import pytest
import torch

from helpers.planted_sentences import Attender, negation_counter, seeded, sentences
from layerscope.analysis.sequences.state_ablation import StateAblation, ablate_states
from layerscope.analysis.sequences.word_states import state_layers, states_of
from layerscope.errors import DataError


def losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits, labels, reduction="none")


@pytest.fixture(scope="module")
def ablated() -> StateAblation:
    net, (ids, lengths, _) = negation_counter(), sentences()
    labels = ((ids == 1) | (ids == 2)).any(1).long()
    (layer,) = state_layers(net)
    return ablate_states(net, layer, ids, lengths, labels, losses, controls=19)


def test_the_planted_unit_alone_is_needed(ablated: StateAblation) -> None:
    assert ablated.needed(0)
    assert not any(ablated.needed(u) for u in range(1, 24))
    assert ablated.control.shape == (19, 24)


def test_the_effect_is_that_of_a_unit_held_at_its_mean(ablated: StateAblation) -> None:
    # The counter is the logit's whole way from it: a constant in its place, by hand.
    net, (ids, lengths, _) = negation_counter(), sentences()
    labels = ((ids == 1) | (ids == 2)).any(1).long()
    found = states_of(net, ids, lengths)["rnn"]
    with torch.no_grad():
        state = torch.zeros(len(ids), 24)
        mean = found.states[found.within].mean(0)
        ends = torch.zeros(len(ids), 24)
        for t in range(12):
            read = net.embedding(ids[:, t]) @ net.rnn.weight_ih_l0.T + net.rnn.bias_ih_l0
            state = torch.relu(read + state @ net.rnn.weight_hh_l0.T + net.rnn.bias_hh_l0)
            state[:, 0] = mean[0]
            ends = torch.where((lengths == t + 1)[:, None], state, ends)
        wanted = losses(net.head(ends), labels) - losses(net(ids, lengths), labels)
    assert float(ablated.change.mean[0]) == pytest.approx(float(wanted.mean()), rel=1e-4)


def test_an_encoder_is_ablated_too() -> None:
    net, (ids, lengths, _) = seeded(Attender), sentences(20)
    (layer,) = state_layers(net)
    with torch.no_grad():
        net.head.weight[:, 2:] = 0.0
    found = ablate_states(net, layer, ids, lengths, torch.zeros(20).long(), losses, controls=3)
    # What the head does not read changes nothing.
    assert found.change.mean[2:].abs().max() < 1e-6
    assert found.change.mean[:2].abs().min() > 0


def test_one_sentence_is_refused() -> None:
    net, (ids, lengths, _) = negation_counter(), sentences(1)
    with pytest.raises(DataError, match="at least 2"):
        ablate_states(net, state_layers(net)[0], ids, lengths, torch.zeros(1).long(), losses)
