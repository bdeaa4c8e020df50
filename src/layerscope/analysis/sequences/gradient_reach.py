"""How much of the gradient reaches each earlier word: vanishing gradients made visible."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from layerscope.analysis.sequences.word_states import StateLayer, as_padded, run
from layerscope.errors import ModelError
from layerscope.graph.state_guard import evaluating

# Outputs float (B, …) -> one number for each sequence, float (B,).
Score = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class GradientReach:
    """Gradient norms by distance from the last word.

    Args:
        norms: float64 (N, D), of the gradient at the word d steps before the last one; NaN where a
            sentence is shorter.
        median: float64 (D,), the median over sentences of the norm over that at the last word.
        half_life: distance, in words, at which the median falls to half by its mean rate; infinite
            where it does not fall.
    """

    norms: torch.Tensor = field(repr=False)
    median: torch.Tensor = field(repr=False)
    half_life: float


@contextmanager
def watched_embedding(model: nn.Module, ids: torch.Tensor) -> Iterator[list[torch.Tensor]]:
    """The words' vectors, once the network has looked them up, as leaves that gradients reach.

    Places have embeddings too: that of the words is the one that is given their ids.

    Raises:
        ModelError: no embedding was given them.
    """
    seen: list[torch.Tensor] = []

    def hook(module: nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor | None:
        if seen or not torch.equal(args[0], ids):
            return None
        seen.append(output.detach().requires_grad_())
        return seen[0]

    handles = [
        module.register_forward_hook(hook)
        for module in model.modules()
        if isinstance(module, nn.Embedding)
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise ModelError(f"{type(model).__name__} gives its words to no torch.nn.Embedding")


def word_gradients(
    model: nn.Module, inputs: torch.Tensor, lengths: torch.Tensor | None, score: Score
) -> torch.Tensor:
    """The gradient of a score with respect to each word's vector (or each step's values).

    Args:
        model: left as it was; no weight's gradient is touched.
        inputs: int64 (N, T), or float (N, T, F).
        lengths: int64 (N,), or None.
        score: outputs -> one number for each sequence.

    Returns:
        float (N, T, E).
    """
    with evaluating(model), torch.enable_grad():
        if inputs.is_floating_point():
            leaf = inputs.detach().clone().requires_grad_()
            total = score(run(model, leaf, lengths)).sum()
        else:
            with watched_embedding(model, inputs) as seen:
                total = score(run(model, inputs, lengths)).sum()
            leaf = seen[0]
        (gradient,) = torch.autograd.grad(total, leaf)
    return gradient


def gradient_reach(
    model: nn.Module,
    layer: StateLayer,
    inputs: torch.Tensor,
    lengths: torch.Tensor | None,
    generator: torch.Generator,
) -> GradientReach:
    """How much of the gradient of the last state reaches words further and further back.

    The gradient is that of the state's part along a random direction: its mean square is that of
    the whole Jacobian over the number of units. The head is left out, for one that reads the mean
    of all states brings every word a gradient without any memory.

    Args:
        model: left as it was.
        layer: the topmost of its module.
        inputs: int64 (N, T), or float (N, T, F).
        lengths: int64 (N,), or None.
        generator: draws a direction for each sequence.

    Source: Bengio, Simard and Frasconi, "Learning long-term dependencies with gradient descent is
    difficult", 1994; Pascanu et al., "On the difficulty of training recurrent neural networks",
    2013.
    """
    N, T = inputs.shape[:2]
    ends = torch.full((N,), T) if lengths is None else lengths
    directions = torch.randn(N, layer.n_units, generator=generator)
    directions = directions / directions.norm(dim=1, keepdim=True)
    seen: list[torch.Tensor] = []

    def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        is_recurrent = isinstance(module, nn.RNNBase)
        seen.append(as_padded(output[0], module)[0] if is_recurrent else output)

    def along(_: torch.Tensor) -> torch.Tensor:
        return (seen[0][torch.arange(N), ends - 1] * directions).sum(1)

    handle = model.get_submodule(layer.path).register_forward_hook(hook)
    try:
        norms = word_gradients(model, inputs, lengths, along).norm(dim=-1).double()
    finally:
        handle.remove()
    at = (ends - 1)[:, None] - torch.arange(T)[None, :]
    by_distance = norms.gather(1, at.clamp(min=0)).where(at >= 0, torch.nan)
    share = by_distance / by_distance[:, :1].clamp(min=torch.finfo(torch.float64).tiny)
    median = share.nanmedian(0).values
    return GradientReach(by_distance, median, half_life_of(median))


def half_life_of(median: torch.Tensor) -> float:
    """ln 2 over the mean rate at which a curve falls, by least squares on its logarithm."""
    there = torch.isfinite(median) & (median > 0)
    if int(there.sum()) < 2:
        return math.inf
    d = torch.arange(len(median)).double()[there]
    log = median[there].log()
    slope = float(((d - d.mean()) * (log - log.mean())).sum() / (d - d.mean()).square().sum())
    return math.log(2) / -slope if slope < 0 else math.inf
