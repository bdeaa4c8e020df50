"""`text-rnn`: the network that reads a sentence word by word."""

from __future__ import annotations

import torch
from torch import nn

RECURRENT = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
PADDING, UNKNOWN = 0, 1  # ids


def lengths_of(tokens: torch.Tensor) -> torch.Tensor:
    """How many words each row has before its padding: int64 (B,), at least 1."""
    return (tokens != PADDING).sum(1).clamp(min=1)


class TextRnn(nn.Module):
    """Embedding, recurrent layers, and a dense layer that reads their hidden states.

    Args:
        n_words: V, ids of the vocabulary.
        n_outputs: K classes, or V for the next word.
        cell: "lstm", "gru" or "rnn" (tanh, no gates).
        embedding: numbers that stand for a word.
        hidden: U, units of each recurrent layer.
        layers: how many.
        readout: "mean", "last" or "max" over a sentence's words; of no use to `every_word`.
        dropout_frac: behind the embedding and before the last layer.
        every_word: whether each word's state is read (the next word), or the sentence's.
    """

    def __init__(
        self,
        n_words: int,
        n_outputs: int,
        *,
        cell: str = "lstm",
        embedding: int = 64,
        hidden: int = 64,
        layers: int = 1,
        readout: str = "mean",
        dropout_frac: float = 0.0,
        every_word: bool = False,
    ) -> None:
        super().__init__()
        self.cell, self.readout, self.every_word = cell, readout, every_word
        self.embedding = nn.Embedding(n_words, embedding, padding_idx=PADDING)
        self.embedding_dropout = nn.Dropout(dropout_frac)
        self.rnn = RECURRENT[cell](embedding, hidden, num_layers=layers, batch_first=True)
        self.dropout = nn.Dropout(dropout_frac)
        self.head = nn.Linear(hidden, n_outputs)

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Logits of sentences.

        Args:
            tokens: int64 (B, T), padded on the right with 0.
            lengths: int64 (B,); None counts the words before the padding.

        Returns:
            (B, K), or (B, T, V) for the next word. What stands behind a sentence's end changes
            nothing: states only look back.
        """
        lengths = lengths_of(tokens) if lengths is None else lengths
        states = self.states(tokens)
        if self.every_word:
            return self.head(self.dropout(states))
        return self.head(self.dropout(self.read(states, lengths)))

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """Words as numbers: (B, T) -> (B, T, E)."""
        return self.embedding_dropout(self.embedding(tokens))

    def states(self, tokens: torch.Tensor) -> torch.Tensor:
        """The last layer's hidden state behind every word: (B, T) -> (B, T, U)."""
        return self.states_of_embedded(self.embed(tokens))

    def states_of_embedded(self, embedded: torch.Tensor) -> torch.Tensor:
        """The same from words that are numbers already: (B, T, E) -> (B, T, U)."""
        return self.rnn(embedded)[0]

    def read(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """What the last layer reads of a sentence's states: (B, T, U) -> (B, U)."""
        if self.readout == "last":
            return states[torch.arange(len(states), device=states.device), lengths - 1]
        inside = torch.arange(states.shape[1], device=states.device) < lengths[:, None]
        if self.readout == "max":
            return states.masked_fill(~inside[:, :, None], -torch.inf).amax(1)
        return (states * inside[:, :, None]).sum(1) / lengths[:, None]
