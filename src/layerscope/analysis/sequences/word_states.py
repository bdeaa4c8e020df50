"""The hidden states of a network word by word, wherever it keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from layerscope.analysis.sequences.recurrent_steps import (
    Change,
    Steps,
    check_recurrent,
    run_steps,
)
from layerscope.errors import ModelError, check_known
from layerscope.graph.state_guard import evaluating
from layerscope.models.sequences.text_transformer import Block

# How far the states that are recomputed here may lie from torch's own.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class StateLayer:
    """A layer that holds a state for every word.

    Args:
        name: of its module; with `.l0`, `.l1`, … where it stacks several recurrent layers.
        path: the module's `named_modules()` path.
        depth: which of the module's stacked layers.
        kind: "lstm", "gru", "rnn", or "encoder" for a transformer's.
        n_units: U.
    """

    name: str
    path: str
    depth: int
    kind: str
    n_units: int


@dataclass(frozen=True)
class WordStates:
    """A layer's states on N sequences.

    Args:
        layer: which.
        states: float (N, T, U).
        gates: name -> float (N, T, U); empty where there are none.
        within: bool (N, T), which of the T steps a sequence has.
        cells: float (N, T, U), an LSTM's cell states; None of others.
    """

    layer: StateLayer
    states: torch.Tensor = field(repr=False)
    gates: dict[str, torch.Tensor] = field(repr=False)
    within: torch.Tensor = field(repr=False)
    cells: torch.Tensor | None = field(default=None, repr=False)

    def last(self) -> torch.Tensor:
        """float (N, U), the state after each sequence's last step."""
        end = self.within.sum(1) - 1
        return self.states[torch.arange(len(end)), end]


def run(model: nn.Module, inputs: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """What a network gives; one without padded sequences is not told their lengths."""
    return model(inputs) if lengths is None else model(inputs, lengths)


def state_layers(model: nn.Module) -> tuple[StateLayer, ...]:
    """The layers of a network that hold a state for every word, in their order.

    Those are torch's recurrent layers and transformer encoder layers, and our own blocks.

    Raises:
        ModelError: there is none, or one that cannot be followed.

    Example:
        >>> state_layers(nn.Sequential(nn.LSTM(3, 4, num_layers=2)))[1].name
        '0.l1'
    """
    found = []
    for path, module in model.named_modules():
        if isinstance(module, nn.RNNBase):
            check_recurrent(module, path)
            for k in range(module.num_layers):
                name = path if module.num_layers == 1 else f"{path}.l{k}"
                kind = type(module).__name__.lower()
                found.append(StateLayer(name, path, k, kind, module.hidden_size))
        elif isinstance(module, nn.TransformerEncoderLayer):
            found.append(StateLayer(path, path, 0, "encoder", module.linear2.out_features))
        elif isinstance(module, Block):
            found.append(StateLayer(path, path, 0, "encoder", module.back.out_features))
    if not found:
        raise ModelError(
            f"{type(model).__name__} holds no recurrent layer and no transformer encoder layer, so "
            "that it has no state to follow word by word"
        )
    return tuple(found)


def layer_named(model: nn.Module, name: str) -> StateLayer:
    """One of `state_layers`.

    Raises:
        LayerNotFoundError: there is no such layer.
    """
    layers = {layer.name: layer for layer in state_layers(model)}
    check_known(name, layers)
    return layers[name]


def as_padded(
    value: torch.Tensor | PackedSequence, rnn: nn.RNNBase
) -> tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor | PackedSequence]]:
    """A recurrent layer's input or output as (B, T, …), and the way back."""
    if isinstance(value, PackedSequence):
        padded, lengths = pad_packed_sequence(value, batch_first=True)

        def back(changed: torch.Tensor) -> PackedSequence:
            return pack_padded_sequence(changed, lengths, batch_first=True, enforce_sorted=False)

        return padded, back
    if rnn.batch_first:
        return value, lambda changed: changed
    return value.transpose(0, 1), lambda changed: changed.transpose(0, 1)


@torch.no_grad()
def states_of(
    model: nn.Module,
    inputs: torch.Tensor,
    lengths: torch.Tensor | None = None,
    *,
    batch_size: int = 256,
) -> dict[str, WordStates]:
    """The states of every layer after every word, and a recurrent layer's gates.

    Gates are recomputed from the weights. The states that follow from them are held against what
    torch gave, so that gates are shown of no other network than the caller's.

    Args:
        model: any network of sequences: `model(ids, lengths)`, or `model(values)` without lengths.
        inputs: int64 (N, T) or float (N, T, F).
        lengths: int64 (N,), or None where every sequence has T steps.
        batch_size: sequences at a time.

    Raises:
        ModelError: the network has no such layer, or its states do not follow from its weights.
    """
    layers = state_layers(model)
    parts: dict[str, list[Steps]] = {layer.name: [] for layer in layers}
    T = inputs.shape[1]
    with evaluating(model):
        for rows in torch.arange(len(inputs)).split(batch_size):
            with caught(model, layers) as seen:
                run(model, inputs[rows], None if lengths is None else lengths[rows])
            for name, steps in seen.items():
                parts[name].append(steps)
    N = len(inputs)
    ends = torch.full((N,), T) if lengths is None else lengths
    within = torch.arange(T)[None, :] < ends[:, None]
    return {layer.name: of_parts(layer, parts[layer.name], T, within) for layer in layers}


def of_parts(layer: StateLayer, parts: list[Steps], T: int, within: torch.Tensor) -> WordStates:
    """A layer's batches as one."""
    gates = parts[0].gates if parts else {}
    cells = [steps.cells for steps in parts if steps.cells is not None]
    return WordStates(
        layer,
        joined([steps.states for steps in parts], T),
        {gate: joined([steps.gates[gate] for steps in parts], T) for gate in gates},
        within,
        joined(cells, T) if cells else None,
    )


def joined(parts: list[torch.Tensor], T: int) -> torch.Tensor:
    """Batches one after the other; a packed batch is as long as its longest sequence."""
    return torch.cat(
        [torch.nn.functional.pad(part, (0, 0, 0, T - part.shape[1])) for part in parts]
    )


@contextmanager
def caught(model: nn.Module, layers: tuple[StateLayer, ...]) -> Iterator[dict[str, Steps]]:
    """The steps of each layer while one batch passes; the hooks go with the block."""
    seen: dict[str, Steps] = {}
    of_path: dict[str, list[StateLayer]] = {}
    for layer in layers:
        of_path.setdefault(layer.path, []).append(layer)

    def watch(here: list[StateLayer]) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            if not isinstance(module, nn.RNNBase):
                seen[here[0].name] = Steps(output.detach(), {}, None)
                return
            given, _ = as_padded(args[0], module)
            own, _ = as_padded(output[0], module)
            steps = run_steps(module, given)
            check_replay(here[-1].name, steps[-1].states, own, args[0])
            for layer in here:
                seen[layer.name] = steps[layer.depth]

        return hook

    handles = [
        model.get_submodule(path).register_forward_hook(watch(here))
        for path, here in of_path.items()
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def check_replay(
    name: str, recomputed: torch.Tensor, own: torch.Tensor, given: torch.Tensor | PackedSequence
) -> None:
    """Hold recomputed states against torch's, where a sequence has steps."""
    apart = (recomputed - own).abs()
    if isinstance(given, PackedSequence):
        lengths = pad_packed_sequence(given, batch_first=True)[1]
        apart = apart * (torch.arange(apart.shape[1])[None, :] < lengths[:, None])[..., None]
    if float(apart.max()) > TOLERANCE:
        raise ModelError(
            f"the states of {name!r} that follow from its weights are {float(apart.max()):.2g} "
            "from those that it gave; a recurrent layer that starts from a state of its own, or "
            "has been changed, cannot be followed"
        )


@contextmanager
def changed_states(model: nn.Module, layer: StateLayer, change: Change) -> Iterator[None]:
    """Change a layer's state after every step, for the network that goes on from it.

    In a recurrent layer the next step reads the changed state too.

    Args:
        model: the network; the hook goes with the block.
        layer: which.
        change: states float (B, U), or (B, T, U) of an encoder -> of the same shape.
    """
    module = model.get_submodule(layer.path)

    def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if not isinstance(module, nn.RNNBase):
            return change(output)
        given, _ = as_padded(args[0], module)
        _, back = as_padded(output[0], module)
        steps = run_steps(module, given, changes={layer.depth: change})
        if isinstance(args[0], PackedSequence):
            ends = pad_packed_sequence(args[0], batch_first=True)[1] - 1
        else:
            ends = torch.full((len(given),), given.shape[1] - 1)
        at = torch.arange(len(given))
        final = torch.stack([one.states[at, ends] for one in steps])
        if steps[0].cells is None:
            return back(steps[-1].states), final
        cells = torch.stack([one.cells[at, ends] for one in steps if one.cells is not None])
        return back(steps[-1].states), (final, cells)

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
