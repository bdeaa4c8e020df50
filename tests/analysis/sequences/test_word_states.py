"""States and gates from the weights, held against torch's own; changes made on the way."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from helpers.planted_sentences import Attender, Reader, first_word_holder, seeded, sentences
from layerscope.analysis.sequences.gate_use import gate_use
from layerscope.analysis.sequences.recurrent_steps import run_steps
from layerscope.analysis.sequences.word_states import (
    changed_states,
    layer_named,
    state_layers,
    states_of,
)
from layerscope.errors import LayerNotFoundError, ModelError


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("bias", [True, False])
def test_stacked_states_are_torchs(kind: str, bias: bool) -> None:
    rnn = seeded(lambda: getattr(nn, kind)(5, 7, num_layers=2, bias=bias, batch_first=True))
    words = torch.randn(3, 6, 5, generator=torch.Generator().manual_seed(0))
    own, final = rnn(words)
    steps = run_steps(rnn, words)
    torch.testing.assert_close(steps[1].states, own, atol=1e-6, rtol=1e-5)
    last = final[0] if kind == "LSTM" else final
    torch.testing.assert_close(steps[0].states[:, -1], last[0], atol=1e-6, rtol=1e-5)
    if steps[1].cells is not None:
        torch.testing.assert_close(steps[1].cells[:, -1], final[1][1], atol=1e-6, rtol=1e-5)


def test_gates_make_the_next_state() -> None:
    net, (ids, lengths, _) = seeded(lambda: Reader("GRU")), sentences(20)
    found = states_of(net, ids, lengths)["rnn"]
    z, n = found.gates["update"], found.gates["candidate"]
    before = torch.cat([torch.zeros_like(found.states[:, :1]), found.states[:, :-1]], 1)
    wanted = (1 - z) * n + z * before
    torch.testing.assert_close(wanted[found.within], found.states[found.within])
    assert float(z.min()) >= 0 and float(z.max()) <= 1


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_packed_sentences_end_in_what_the_head_reads(kind: str) -> None:
    net, (ids, lengths, _) = seeded(lambda: Reader(kind)), sentences(20)
    last = states_of(net, ids, lengths, batch_size=7)["rnn"].last()
    torch.testing.assert_close(net.head(last), net(ids, lengths), atol=1e-5, rtol=1e-4)


def test_a_change_reaches_the_next_step_and_the_head() -> None:
    net, (ids, lengths, _) = seeded(lambda: Reader("LSTM")), sentences(20)
    layer = layer_named(net, "rnn")
    with torch.no_grad():
        whole = net(ids, lengths)
        with changed_states(net, layer, lambda state: state):
            torch.testing.assert_close(net(ids, lengths), whole, atol=1e-6, rtol=1e-5)
        with changed_states(net, layer, torch.zeros_like):
            torch.testing.assert_close(net(ids, lengths), net.head.bias.expand(20, 2))
        assert torch.equal(net(ids, lengths), whole)  # nothing is left behind


def test_an_encoders_states_are_its_output() -> None:
    net, (ids, lengths, _) = seeded(Attender), sentences(20)
    found = states_of(net, ids, lengths)["encoder"]
    kept = found.states * found.within[..., None]
    torch.testing.assert_close(net.head(kept.sum(1) / lengths[:, None]), net.eval()(ids, lengths))
    assert found.layer.kind == "encoder" and found.layer.n_units == 8


def test_networks_that_cannot_be_followed_are_refused() -> None:
    with pytest.raises(ModelError, match="no recurrent layer"):
        state_layers(nn.Linear(2, 2))
    with pytest.raises(ModelError, match="reads from both ends"):
        state_layers(nn.GRU(2, 3, bidirectional=True))
    with pytest.raises(LayerNotFoundError, match="did you mean 'rnn'"):
        layer_named(Reader(), "rn")


def test_a_state_that_does_not_follow_from_the_weights_is_refused() -> None:
    net, (ids, lengths, _) = seeded(lambda: Reader("RNN")), sentences(10)
    net.rnn.register_forward_hook(
        lambda m, args, out: (out[0]._replace(data=out[0].data + 1), out[1])
    )
    with pytest.raises(ModelError, match="follow from its weights"):
        states_of(net, ids, lengths)


def test_gates_stand_as_their_biases_hold_them() -> None:
    net, (ids, lengths, _) = first_word_holder(5), sentences(40)
    (layer,) = state_layers(net)
    found = states_of(net, ids, lengths)[layer.name]
    uses = {use.name: use for use in gate_use(found)}
    assert set(uses) == {"input", "forget", "output"}
    # Unit 1 keeps the first word: its forget gate is held open, its input gate closes after it.
    assert float(uses["forget"].open_frac[1]) == 1.0 and float(uses["forget"].shut_frac[1]) == 0.0
    first_frac = len(ids) / int(lengths.sum())
    assert float(uses["input"].open_frac[1]) == pytest.approx(first_frac)
    assert float(uses["input"].shut_frac[1]) == pytest.approx(1 - first_frac)
    inside = found.gates["output"][found.within]
    torch.testing.assert_close(uses["output"].mean, inside.double().mean(0))
    # The hidden state is what the output gate lets through of the cell.
    assert found.cells is not None
    seen = (found.gates["output"] * found.cells.tanh())[found.within]
    torch.testing.assert_close(seen, found.states[found.within])
