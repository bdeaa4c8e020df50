"""Networks of sentences with one unit planted by hand, and sentences to try them on."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

VOCABULARY = ("<unknown>", "not", "never", *[f"w{i}" for i in range(17)])
U = 24


class Bag(nn.Module):
    """A weight for each word, summed: what a word does is its weight less the unknown word's."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Embedding(len(VOCABULARY), 1)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        within = torch.arange(ids.shape[1])[None, :] < lengths[:, None]
        total = (self.weight(ids)[..., 0] * within).sum(1)
        return torch.stack([-total, total], 1)


class Reader(nn.Module):
    """Embedding, one recurrent layer, and logits from the last state."""

    def __init__(self, kind: str = "RNN", units: int = U, n_classes: int = 2) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(VOCABULARY), 8)
        more = {"nonlinearity": "relu"} if kind == "RNN" else {}
        self.rnn = getattr(nn, kind)(8, units, batch_first=True, **more)
        self.head = nn.Linear(units, n_classes)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = pack_padded_sequence(
            self.embedding(ids), lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return self.head(states[torch.arange(len(ids)), lengths - 1])


class Attender(nn.Module):
    """Embedding and one torch encoder layer, mean over the words."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(VOCABULARY), 8)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.head = nn.Linear(8, 2)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        past = torch.arange(ids.shape[1])[None, :] >= lengths[:, None]
        out = self.encoder(self.embedding(ids), src_key_padding_mask=past)
        out = out.masked_fill(past[..., None], 0.0)
        return self.head(out.sum(1) / lengths[:, None])


def seeded(make, seed: int = 0):
    """A network whose weights are drawn from one seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def sentences(n: int = 120, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, list[list[str]]]:
    """Sentences of 4 to 12 words, ids and lengths; about one word in eight is a negation."""
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(4, 13, (n,), generator=g)
    ids = torch.randint(3, len(VOCABULARY), (n, 12), generator=g)
    negated = torch.rand(n, 12, generator=g) < 0.12
    ids = torch.where(negated, torch.randint(1, 3, (n, 12), generator=g), ids)
    ids = ids.masked_fill(torch.arange(12)[None, :] >= lengths[:, None], 0)
    words = [[VOCABULARY[i] for i in row[:k]] for row, k in zip(ids.tolist(), lengths, strict=True)]
    return ids, lengths, words


def negation_counter(seed: int = 0) -> Reader:
    """Unit 0 counts "not" and "never"; the head reads it, above one half is class 1."""
    net = seeded(lambda: Reader("RNN"), seed)
    with torch.no_grad():
        net.embedding.weight[:, 0] = 0.0
        net.embedding.weight[1:3, 0] = 1.0
        # No other unit reads the counter or what it counts.
        net.rnn.weight_ih_l0[:, 0] = 0.0
        net.rnn.weight_hh_l0[:, 0] = 0.0
        net.rnn.weight_ih_l0[0] = torch.eye(8)[0]
        net.rnn.weight_hh_l0[0] = torch.eye(U)[0]
        net.rnn.bias_ih_l0[0] = net.rnn.bias_hh_l0[0] = 0.0
        net.head.weight.mul_(0.05)
        net.head.bias.copy_(torch.tensor([0.0, -2.0]))
        net.head.weight[1, 0] = 4.0
    return net


def first_word_holder(word: int, seed: int = 0) -> Reader:
    """Unit 1 of an LSTM holds whether the first word was a given one; unit 0 is its clock."""
    net = seeded(lambda: Reader("LSTM"), seed)
    i, f, g, o = (k * U for k in range(4))
    with torch.no_grad():
        net.embedding.weight[:, 0] = -1.0
        net.embedding.weight[word, 0] = 1.0
        for unit in (0, 1):
            for gate in (i, f, g, o):
                net.rnn.weight_ih_l0[gate + unit] = 0.0
                net.rnn.weight_hh_l0[gate + unit] = 0.0
                net.rnn.bias_ih_l0[gate + unit] = net.rnn.bias_hh_l0[gate + unit] = 0.0
            net.rnn.bias_ih_l0[torch.tensor([f, o]) + unit] = 10.0
        # The clock is full after one word, and then closes the other's input gate.
        net.rnn.bias_ih_l0[torch.tensor([i, g]) + 0] = 10.0
        net.rnn.bias_ih_l0[i + 1] = 10.0
        net.rnn.weight_hh_l0[i + 1, 0] = -40.0
        net.rnn.weight_ih_l0[g + 1, 0] = 5.0
    return net
