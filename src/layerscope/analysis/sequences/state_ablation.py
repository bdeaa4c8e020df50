"""What a network of sequences loses without one unit of its state, beside random directions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from layerscope.analysis.ablation.effects import between_levels, levels_of
from layerscope.analysis.ablation.paired_change import PairedChange, discovery_rates, mean_change
from layerscope.analysis.ablation.random_directions import random_directions
from layerscope.analysis.sequences.word_states import (
    StateLayer,
    changed_states,
    run,
    states_of,
)
from layerscope.errors import DataError
from layerscope.graph.state_guard import evaluating
from layerscope.seed import make_generator

# Sequences, each with one change, that are put through the network at once.
ROWS_AT_ONCE = 2048
# Bytes of what the network gives for them: a next-word head gives a whole vocabulary at each word.
BYTES_AT_ONCE = 1 << 27
# Random directions lose as much as the unit in at most this share of draws.
CONTROL_P = 0.05
EFFECT_Q = 0.05

# Outputs and the rows' targets -> the loss of each sequence, float (B,).
Losses = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class StateAblation:
    """What the ablation of each unit does to the loss.

    Args:
        layer: whose units.
        n: sequences.
        loss: mean loss of the whole network on them.
        change: of each unit, without less with, paired by sequence.
        control: float64 (draws, U), the same for random directions that carry as much of the
            layer's activity as the unit.
        energy: float64 (U,), how much that is: the sum over words of the squared difference.
    """

    layer: StateLayer
    n: int
    loss: float
    change: PairedChange = field(repr=False)
    control: torch.Tensor = field(repr=False)
    energy: torch.Tensor = field(repr=False)

    @property
    def p(self) -> torch.Tensor:
        """float64 (U,): how often a random direction loses at least as much, itself counted."""
        reach = (self.control >= self.change.mean).sum(0)
        return (1 + reach).double() / (1 + len(self.control))

    def needed(self, u: int) -> bool:
        """Whether the network needs unit u, and more than random directions of its size."""
        gains = float(self.change.mean[u]) > 0 and float(self.change.q[u]) <= EFFECT_Q
        return gains and float(self.p[u]) <= CONTROL_P


def ablate_states(
    model: nn.Module,
    layer: StateLayer,
    inputs: torch.Tensor,
    lengths: torch.Tensor | None,
    targets: torch.Tensor,
    losses: Losses,
    *,
    controls: int = 40,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> StateAblation:
    """Hold each unit of a state at its mean, at every word, and measure what gets worse.

    In a recurrent layer the next step reads the mean too, so that what the unit carried from word
    to word is gone as well. The control is that of `analysis.ablation`: D is the change that holds
    all units at their means, the ablation of a unit adds D's part along its axis, a control D's
    part along as many random directions as carry the same sum of squares.

    Args:
        model: `model(inputs, lengths)`, or `model(inputs)`; left as it was.
        layer: one of `state_layers(model)`.
        inputs: int64 (N, T) or float (N, T, F).
        lengths: int64 (N,), or None.
        targets: (N, …), handed to `losses`.
        losses: the loss of each sequence.
        controls: draws of random directions.
        seed: of the directions.
        progress: told (changes run, changes in all).

    Raises:
        DataError: fewer than two sequences.

    Source: Morcos et al., "On the importance of single directions for generalization", 2018.
    """
    if len(inputs) < 2:
        raise DataError(f"{len(inputs)} sequences are given; an ablation needs at least 2")
    found = states_of(model, inputs, lengths)[layer.name]
    values = found.states[found.within].double()
    mean = values.mean(0)
    apart = mean - values  # (M, U)
    energy = apart.square().sum(0)
    U = layer.n_units
    levels = levels_of(energy, energy[:0])
    changes = [
        torch.diag(torch.nn.functional.one_hot(torch.tensor(u), U).double()) for u in range(U)
    ]
    generator = make_generator(seed, f"state directions/{layer.name}")
    for _ in range(controls if levels else 0):
        drawn = random_directions(
            lambda axes: (apart @ axes).square().sum(0),
            U,
            most_energy=max(levels),
            generator=generator,
        )
        changes += [
            (drawn.axes * drawn.shares(level)) @ drawn.axes.T for level in levels
        ]  # (U, U) each
    whole, changed = scores_with(
        model, layer, inputs, lengths, targets, losses, torch.stack(changes), mean, progress
    )
    differences = changed - whole
    drawn_effects = differences[U:].mean(1).view(-1, max(1, len(levels)))
    change = mean_change(differences[:U])
    p = torch.where(energy > 0, change.p, torch.ones_like(change.p))
    return StateAblation(
        layer=layer,
        n=len(inputs),
        loss=float(whole.mean()),
        change=PairedChange(change.mean, change.interval, p, discovery_rates(p)),
        control=between_levels(levels, drawn_effects, energy)
        if levels
        else torch.zeros(0, U).double(),
        energy=energy,
    )


@torch.no_grad()
def scores_with(
    model: nn.Module,
    layer: StateLayer,
    inputs: torch.Tensor,
    lengths: torch.Tensor | None,
    targets: torch.Tensor,
    losses: Losses,
    changes: torch.Tensor,
    mean: torch.Tensor,
    progress: Callable[[int, int], None],
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of each sequence as it is, float64 (N,), and with each change, (S, N).

    Args:
        changes: float64 (S, U, U), what part of the way to the mean a state is moved.
        mean: float64 (U,).
    """
    N, S = len(inputs), len(changes)
    dtype = next(model.parameters()).dtype
    towards = mean.to(dtype)
    with evaluating(model):
        outputs = run(model, inputs, lengths)
        whole = losses(outputs, targets).double()
        parts = []
        fitting = BYTES_AT_ONCE // (outputs.numel() * outputs.element_size())
        at_once = max(1, min(ROWS_AT_ONCE // N, fitting))
        for start in range(0, S, at_once):
            some = changes[start : start + at_once].to(dtype)

            def change(state: torch.Tensor, some: torch.Tensor = some) -> torch.Tensor:
                stacked = state.reshape(len(some), -1, state.shape[-1])  # one block a change
                return (stacked + (towards - stacked) @ some).reshape(state.shape)

            n = len(some)
            with changed_states(model, layer, change):
                outputs = run(
                    model,
                    inputs.repeat(n, *[1] * (inputs.ndim - 1)),
                    None if lengths is None else lengths.repeat(n),
                )
            again = targets.repeat(n, *[1] * (targets.ndim - 1))
            parts.append(losses(outputs, again).double().view(n, N))
            progress(min(S, start + n), S)
    return whole, torch.cat(parts)
