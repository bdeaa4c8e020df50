"""What each word does for a score: occlusion and integrated gradients, each with its check."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn

from layerscope.analysis.sequences.gradient_reach import Score
from layerscope.analysis.sequences.word_states import run
from layerscope.errors import ModelError
from layerscope.graph.state_guard import evaluating

STEPS = 64
# A sum of attributions further from the change of the score than this share is not shown as one.
COMPLETE_WITHIN = 0.05


@dataclass(frozen=True)
class IntegratedGradients:
    """Integrated gradients of each word.

    Args:
        values: float64 (N, T), 0 past a sentence's end.
        gap: float64 (N,), the sum of the values less the change of the score from the baseline,
            over the change's size; 0 is complete.
    """

    values: torch.Tensor = field(repr=False)
    gap: torch.Tensor = field(repr=False)

    @property
    def complete(self) -> torch.Tensor:
        """bool (N,)."""
        return self.gap.abs() <= COMPLETE_WITHIN


@torch.no_grad()
def occlusion(
    model: nn.Module,
    ids: torch.Tensor,
    lengths: torch.Tensor,
    score: Score,
    *,
    unknown: int,
    batch_size: int = 512,
) -> torch.Tensor:
    """How much lower a score is when one word is replaced by the word that means none.

    Args:
        model: `model(ids, lengths)`; left as it was.
        ids: int64 (N, T).
        lengths: int64 (N,).
        score: outputs -> one number for each sentence.
        unknown: the id that stands in for the word.
        batch_size: sentences at a time.

    Returns:
        float64 (N, T), the score with the word less the score without; 0 past the end.

    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014, for
    words as Li et al., "Understanding Neural Networks through Representation Erasure", 2016.
    """
    N, T = ids.shape
    rows, places = (torch.arange(T)[None, :] < lengths[:, None]).nonzero(as_tuple=True)
    changed = ids[rows].clone()
    changed[torch.arange(len(rows)), places] = unknown
    found = torch.zeros(N, T, dtype=torch.float64)
    with evaluating(model):
        whole = torch.cat(
            [
                score(run(model, ids[some], lengths[some])).double()
                for some in torch.arange(N).split(batch_size)
            ]
        )
        for some in torch.arange(len(rows)).split(batch_size):
            without = score(run(model, changed[some], lengths[rows[some]])).double()
            found[rows[some], places[some]] = whole[rows[some]] - without
    return found


def integrated_gradients(
    model: nn.Module,
    ids: torch.Tensor,
    lengths: torch.Tensor,
    score: Score,
    *,
    unknown: int,
    steps: int = STEPS,
) -> IntegratedGradients:
    """The gradient along the straight way from no words to the sentence, summed by word.

    The way begins with every word's vector that of `unknown`. The integral is taken by
    Gauss-Legendre nodes, of which few are enough for a smooth network.

    Args:
        model, ids, lengths, score, unknown: those of `occlusion`.
        steps: nodes.

    Source: Sundararajan et al., "Axiomatic Attribution for Deep Networks", 2017; its axiom of
    completeness is what `gap` measures.
    """
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    N, T = ids.shape
    within = torch.arange(T)[None, :] < lengths[:, None]
    none = torch.where(within, torch.full_like(ids, unknown), ids)
    total = torch.zeros(N, T, dtype=torch.float64)
    with evaluating(model):
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            gradient, apart = gradient_between(model, ids, none, lengths, score, float(node))
            total += float(weight) * (gradient * apart).sum(-1)
        with torch.no_grad():
            change = (
                score(run(model, ids, lengths)).double() - score(run(model, none, lengths)).double()
            )
    total = total.masked_fill(~within, 0.0)
    size = change.abs().clamp(min=1e-6)
    return IntegratedGradients(total, (total.sum(1) - change) / size)


def gradient_between(
    model: nn.Module,
    ids: torch.Tensor,
    none: torch.Tensor,
    lengths: torch.Tensor,
    score: Score,
    share: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient at a point between two sentences' vectors, and their difference, (N, T, E)."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def hook(module: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor):
        if seen or not torch.equal(args[0], ids):
            return None
        with torch.no_grad():
            start = torch.nn.functional.embedding(none, module.weight)  # pyright: ignore[reportArgumentType]
        apart = output.detach() - start
        point = (start + share * apart).requires_grad_()
        seen.append((point, apart))
        return point

    handles = [
        module.register_forward_hook(hook)
        for module in model.modules()
        if isinstance(module, nn.Embedding)
    ]
    try:
        with torch.enable_grad():
            total = score(run(model, ids, lengths)).sum()
            if not seen:
                raise ModelError(f"{type(model).__name__} gives its words to no torch.nn.Embedding")
            point, apart = seen[0]
            (gradient,) = torch.autograd.grad(total, point)
    finally:
        for handle in handles:
            handle.remove()
    return gradient.double(), apart.double()


def rank_agreement(a: torch.Tensor, b: torch.Tensor, within: torch.Tensor) -> torch.Tensor:
    """Spearman's correlation of two attributions in each sentence.

    Args:
        a, b: float (N, T).
        within: bool (N, T), the words that count.

    Returns:
        float64 (N,); NaN where fewer than three words count, or all are alike.
    """
    found = torch.full((len(a),), torch.nan, dtype=torch.float64)
    for n in range(len(a)):
        x = rankdata(a[n][within[n]].numpy())
        y = rankdata(b[n][within[n]].numpy())
        x, y = x - x.mean(), y - y.mean()
        size = float(np.sqrt((x @ x) * (y @ y)))
        if len(x) >= 3 and size > 0:
            found[n] = float(x @ y) / size
    return found
