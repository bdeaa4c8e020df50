"""A recurrent layer step by step, from its own weights: states, gates, and changes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from layerscope.errors import ModelError

GATES = {
    "LSTM": ("input", "forget", "candidate", "output"),
    "GRU": ("reset", "update", "candidate"),
    "RNN": (),
}
# Called with the states float (B, U) after each step; what it gives is what the next step reads.
Change = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Steps:
    """What one recurrent layer did.

    Args:
        states: float (B, T, U), the hidden state after each step.
        gates: name -> float (B, T, U); "candidate" is the new content, from -1 to 1, the others
            are from 0 to 1. None in a plain RNN.
        cells: float (B, T, U), the cell state of an LSTM; None in others.
    """

    states: torch.Tensor = field(repr=False)
    gates: dict[str, torch.Tensor] = field(repr=False)
    cells: torch.Tensor | None = field(repr=False)


def check_recurrent(rnn: nn.RNNBase, name: str) -> None:
    """Refuse recurrent layers that read from both ends or project their state.

    Raises:
        ModelError: with what is asked for instead.
    """
    if rnn.bidirectional or getattr(rnn, "proj_size", 0):
        what = "reads from both ends" if rnn.bidirectional else "projects its state"
        raise ModelError(
            f"the recurrent layer {name!r} {what}; the states of layers that read from left to "
            "right, without a projection, can be followed"
        )


def run_steps(
    rnn: nn.RNNBase, inputs: torch.Tensor, *, changes: dict[int, Change] | None = None
) -> tuple[Steps, ...]:
    """Run a recurrent layer by hand, so that its gates can be read and its state changed.

    Args:
        rnn: `nn.RNN`, `nn.GRU` or `nn.LSTM`, of one direction.
        inputs: float (B, T, I).
        changes: stacked layer's number -> what its hidden state is made into after every step,
            before the next step and the layer above read it.

    Returns:
        `Steps` of each stacked layer, from the bottom up. Dropout between them is left out.

    Source: the equations of torch's `nn.LSTM`, `nn.GRU` and `nn.RNN`.

    Example:
        >>> rnn = nn.GRU(3, 4, batch_first=True)
        >>> words = torch.randn(2, 5, 3)
        >>> bool(torch.allclose(run_steps(rnn, words)[0].states, rnn(words)[0], atol=1e-6))
        True
    """
    check_recurrent(rnn, type(rnn).__name__)
    found = []
    for k in range(rnn.num_layers):
        change = (changes or {}).get(k)
        found.append(run_layer(rnn, k, inputs, change))
        inputs = found[-1].states
    return tuple(found)


def run_layer(rnn: nn.RNNBase, k: int, inputs: torch.Tensor, change: Change | None) -> Steps:
    """One stacked layer of `run_steps`."""
    kind = type(rnn).__name__
    weight, bias = getattr(rnn, f"weight_hh_l{k}"), getattr(rnn, f"bias_hh_l{k}", None)
    read = torch.nn.functional.linear(
        inputs, getattr(rnn, f"weight_ih_l{k}"), getattr(rnn, f"bias_ih_l{k}", None)
    )
    B, U = len(inputs), rnn.hidden_size
    state, cell = inputs.new_zeros(B, U), inputs.new_zeros(B, U)
    states, cells = [], []
    gates: dict[str, list[torch.Tensor]] = {name: [] for name in GATES[kind]}
    bend = torch.relu if getattr(rnn, "nonlinearity", "tanh") == "relu" else torch.tanh
    for t in range(inputs.shape[1]):
        held = torch.nn.functional.linear(state, weight, bias)
        if kind == "LSTM":
            i, f, g, o = (read[:, t] + held).chunk(4, -1)
            now = (i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid())
            cell = now[1] * cell + now[0] * now[2]
            state = now[3] * cell.tanh()
            cells.append(cell)
        elif kind == "GRU":
            (r, z, n), (hr, hz, hn) = read[:, t].chunk(3, -1), held.chunk(3, -1)
            reset, update = (r + hr).sigmoid(), (z + hz).sigmoid()
            now = (reset, update, (n + reset * hn).tanh())
            state = (1 - update) * now[2] + update * state
        else:
            now, state = (), bend(read[:, t] + held)
        if change is not None:
            state = change(state)
        states.append(state)
        for name, value in zip(gates, now, strict=True):
            gates[name].append(value)
    return Steps(
        torch.stack(states, 1),
        {name: torch.stack(values, 1) for name, values in gates.items()},
        torch.stack(cells, 1) if cells else None,
    )
