"""How far a recurrent layer's gates stand open, unit by unit."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from layerscope.analysis.sequences.word_states import WordStates

OPEN, SHUT = 0.9, 0.1
# Values from -1 to 1: what would be written, no gate.
CONTENT = "candidate"


@dataclass(frozen=True)
class GateUse:
    """A gate over all words of all sentences.

    Args:
        name: "input", "forget" or "output" of an LSTM; "reset" or "update" of a GRU.
        mean: float64 (U,).
        open_frac: float64 (U,), share of the words at which it lies above 0.9.
        shut_frac: float64 (U,), share at which it lies below 0.1.
    """

    name: str
    mean: torch.Tensor = field(repr=False)
    open_frac: torch.Tensor = field(repr=False)
    shut_frac: torch.Tensor = field(repr=False)


def gate_use(found: WordStates) -> tuple[GateUse, ...]:
    """How each gate of a layer is used; none where it has no gates.

    A unit whose forget gate stands open keeps what it holds over many words; one whose gate is shut
    holds the last word alone.

    Args:
        found: of one layer.

    Source: Karpathy, Johnson and Fei-Fei, "Visualizing and Understanding Recurrent Networks",
    2015, section 4.2 (saturated gates, with the same 0.9 and 0.1).
    """
    uses = []
    for name, values in found.gates.items():
        if name == CONTENT:
            continue
        inside = values[found.within].double()
        uses.append(
            GateUse(
                name,
                inside.mean(0),
                (inside > OPEN).double().mean(0),
                (inside < SHUT).double().mean(0),
            )
        )
    return tuple(uses)
