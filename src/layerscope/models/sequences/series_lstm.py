"""`series-lstm`: reads a window of a series step by step, and says what comes next."""

from __future__ import annotations

import torch
from torch import nn

from layerscope.models.sequences.text_rnn import RECURRENT


class SeriesLstm(nn.Module):
    """Recurrent layers over a window, and a dense layer that reads the last hidden state.

    The network gives how far the next value lies from the last one, and adds the last one: what
    it has not learned leaves "the same as yesterday".

    Args:
        n_features: F, numbers of a step; the first is the value that is foretold.
        cell: "lstm", "gru" or "rnn".
        hidden: U.
        layers: how many.
        dropout_frac: before the last layer.
    """

    def __init__(
        self,
        n_features: int,
        *,
        cell: str = "lstm",
        hidden: int = 32,
        layers: int = 1,
        dropout_frac: float = 0.0,
    ) -> None:
        super().__init__()
        self.cell = cell
        self.rnn = RECURRENT[cell](n_features, hidden, num_layers=layers, batch_first=True)
        self.dropout = nn.Dropout(dropout_frac)
        self.head = nn.Linear(hidden, 1)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Windows float (B, T, F) -> the value after each, (B, 1)."""
        return windows[:, -1, :1] + self.head(self.dropout(self.states(windows)[:, -1]))

    def states(self, windows: torch.Tensor) -> torch.Tensor:
        """The hidden state behind every step: (B, T, F) -> (B, T, U)."""
        return self.rnn(windows)[0]
