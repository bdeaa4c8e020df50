"""Occlusion, integrated gradients, gradient reach and attention against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from helpers.planted_sentences import Attender, Bag, Reader, seeded, sentences
from layerscope.analysis.attribution.attention_maps import (
    attention_maps,
    attention_received,
    check_attention,
)
from layerscope.analysis.attribution.word_attribution import (
    integrated_gradients,
    occlusion,
    rank_agreement,
)
from layerscope.analysis.sequences.gradient_reach import gradient_reach, half_life_of
from layerscope.analysis.sequences.word_states import layer_named, states_of
from layerscope.errors import ModelError
from layerscope.models.sequences.text_transformer import TextTransformer


def gen(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def second(logits: torch.Tensor) -> torch.Tensor:
    return logits[:, 1]


class Floats(nn.Module):
    """Reads ids as numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(1, 4, batch_first=True)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.rnn(ids[..., None].float())[0][:, -1]


def test_words_of_a_linear_network_are_their_weights() -> None:
    net, (ids, lengths, _) = seeded(Bag), sentences(10)
    within = torch.arange(12)[None, :] < lengths[:, None]
    weight = net.weight.weight.detach()[:, 0]
    wanted = ((weight[ids] - weight[0]) * within).double()
    hidden = occlusion(net, ids, lengths, second, unknown=0, batch_size=7)
    torch.testing.assert_close(hidden, wanted, atol=1e-5, rtol=1e-4)
    found = integrated_gradients(net, ids, lengths, second, unknown=0, steps=3)
    torch.testing.assert_close(found.values, wanted, atol=1e-5, rtol=1e-4)
    assert found.complete.all()


def test_completeness_holds_and_is_seen_to_fail() -> None:
    net, (ids, lengths, _) = seeded(lambda: Reader("LSTM")), sentences(10)
    assert integrated_gradients(net, ids, lengths, second, unknown=0).complete.all()
    # One node cannot follow a saturated network, and the gap says so.
    with torch.no_grad():
        net.embedding.weight *= 12
    assert not integrated_gradients(net, ids, lengths, second, unknown=0, steps=1).complete.all()
    assert all(p.grad is None for p in net.parameters())


def test_rank_agreement_is_scipys() -> None:
    g = torch.Generator().manual_seed(0)
    a, b = (torch.randn(3, 8, generator=g).round(decimals=1) for _ in range(2))
    within = torch.tensor([8, 5, 2])[:, None] > torch.arange(8)
    found = rank_agreement(a, b, within)
    assert found[0] == pytest.approx(spearmanr(a[0], b[0]).statistic)
    assert found[1] == pytest.approx(spearmanr(a[1][:5], b[1][:5]).statistic)
    assert math.isnan(found[2])


def test_a_gradient_through_a_fixed_recurrence_falls_by_its_rate() -> None:
    net = seeded(lambda: Reader("RNN"))
    with torch.no_grad():
        net.rnn.weight_hh_l0.copy_(0.5 * torch.eye(24))
        net.rnn.bias_ih_l0.fill_(50.0)  # the ReLU is open throughout
    ids, lengths, _ = sentences(20)
    found = gradient_reach(net, layer_named(net, "rnn"), ids, lengths, gen(0))
    torch.testing.assert_close(
        found.median[:4], 0.5 ** torch.arange(4.0).double(), rtol=1e-4, atol=0
    )
    assert found.half_life == pytest.approx(1.0, rel=1e-3)
    assert found.norms[:, -1].isnan().sum() == (lengths < 12).sum()


def test_a_counter_holds_its_gradient() -> None:
    # A sum never forgets: the gradient of what was counted is the same at every word.
    net, (ids, lengths, _) = seeded(lambda: Reader("RNN")), sentences(20)
    with torch.no_grad():
        net.rnn.weight_hh_l0.copy_(torch.eye(24))
        net.rnn.bias_ih_l0.fill_(50.0)
    reach = gradient_reach(net, layer_named(net, "rnn"), ids, lengths, gen(0))
    assert reach.half_life > 1e3
    assert half_life_of(torch.ones(5).double()) == math.inf


def test_attention_is_torchs_and_leaves_nothing_behind() -> None:
    net, (ids, lengths, _) = seeded(Attender).eval(), sentences(12)
    before = net(ids, lengths)
    (maps,) = attention_maps(net, ids, lengths).values()
    past = torch.arange(12)[None, :] >= lengths[:, None]
    words = net.embedding(ids)
    wanted = net.encoder.self_attn(
        words, words, words, key_padding_mask=past, need_weights=True, average_attn_weights=False
    )[1]
    torch.testing.assert_close(maps, wanted)
    torch.testing.assert_close(attention_received(maps, ~past).sum(1), torch.ones(12))
    assert torch.equal(net(ids, lengths), before)
    with pytest.raises(ModelError, match="MultiheadAttention"):
        attention_maps(Reader(), ids, lengths)


def test_attention_that_matters_is_told_from_attention_that_does_not() -> None:
    g = torch.Generator().manual_seed(0)
    within = torch.ones(40, 10, dtype=torch.bool)
    effect = torch.randn(40, 10, generator=g)
    alike = check_attention(effect.abs() + 0.1 * torch.rand(40, 10, generator=g), effect, within, g)
    assert alike.agreement > 0.9 and alike.p < 0.05 and alike.interval[0] > 0.8
    apart = check_attention(torch.rand(40, 10, generator=g), effect, within, g)
    assert apart.interval[0] < 0 < apart.interval[1] and apart.p > 0.05


def test_our_own_transformer_is_followed_too() -> None:
    net = seeded(lambda: TextTransformer(20, 2, length=12, embedding=8, heads=2, hidden=16))
    ids, lengths, _ = sentences(12)
    ids = (ids + 1).clamp(max=19).masked_fill(torch.arange(12)[None, :] >= lengths[:, None], 0)
    maps = attention_maps(net, ids, lengths)
    assert list(maps) == ["blocks.0", "blocks.1"]
    within = torch.arange(12)[None, :] < lengths[:, None]
    torch.testing.assert_close(attention_received(maps["blocks.1"], within).sum(1), torch.ones(12))
    last = states_of(net, ids, lengths)["blocks.1"].states
    torch.testing.assert_close(net.norm(last)[within], net.eval().states(ids, lengths)[within])
    found = integrated_gradients(net, ids, lengths, second, unknown=1)
    assert found.complete.all()
    reach = gradient_reach(net, layer_named(net, "blocks.1"), ids, lengths, gen(0))
    assert reach.norms.shape == (12, 12) and bool((reach.norms[:, 0] > 0).all())
    with pytest.raises(ModelError, match=r"no torch\.nn\.Embedding"):
        gradient_reach(Floats(), layer_named(Floats(), "rnn"), ids, lengths, gen(0))
