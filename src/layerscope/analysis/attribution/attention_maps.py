"""Which word attends to which, and whether removing the attended word matters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from scipy.stats import t as student_t
from torch import nn

from layerscope.analysis.attribution.word_attribution import rank_agreement
from layerscope.analysis.sequences.word_states import run
from layerscope.errors import ModelError
from layerscope.graph.state_guard import evaluating
from layerscope.models.sequences.text_transformer import TextTransformer

# Of fewer sentences an interval of the mean agreement says little.
FEWEST_SENTENCES = 5


@dataclass(frozen=True)
class AttentionCheck:
    """How attention agrees with what removing a word does.

    Args:
        agreement: mean over sentences of Spearman's correlation between the attention that a word
            receives and the size of its occlusion's effect.
        interval: 95%, by Student's t over sentences; None of fewer than five.
        dealt: float64 (draws,), the same with each sentence's attention permuted among its
            words.
        n: sentences.
    """

    agreement: float
    interval: tuple[float, float] | None
    dealt: torch.Tensor = field(repr=False)
    n: int

    @property
    def p(self) -> float:
        """How often permuted attention agrees at least as well, itself counted."""
        return float(1 + (self.dealt >= self.agreement).sum()) / (1 + len(self.dealt))


@contextmanager
def attending(model: nn.Module) -> Iterator[dict[str, torch.Tensor]]:
    """Keep the attention of every `nn.MultiheadAttention` while the network runs.

    torch gives the weights only where they are asked for, and its encoder has a fast way without
    them; both are set for the block alone.
    """
    kept: dict[str, torch.Tensor] = {}

    def ask(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            kept[name] = output[1].detach()

        return hook

    handles = []
    for name, module in model.named_modules():
        if isinstance(module, nn.MultiheadAttention):
            handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
            handles.append(module.register_forward_hook(keep(name), with_kwargs=True))
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield kept
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for handle in handles:
            handle.remove()


@torch.no_grad()
def attention_maps(
    model: nn.Module, ids: torch.Tensor, lengths: torch.Tensor | None
) -> dict[str, torch.Tensor]:
    """The attention of every layer.

    Args:
        model: `TextTransformer`, or any with `nn.MultiheadAttention`; left as it was.
        ids: int64 (N, T).
        lengths: int64 (N,), or None.

    Returns:
        layer -> float (N, heads, T, T): how much the word of a row attends to that of a column.

    Raises:
        ModelError: the network has no attention.
    """
    if isinstance(model, TextTransformer):
        with evaluating(model):
            maps = model.attention_maps(ids, lengths)
        return {f"blocks.{k}": found for k, found in enumerate(maps)}
    with evaluating(model), attending(model) as kept:
        run(model, ids, lengths)
    if not kept:
        raise ModelError(f"{type(model).__name__} has no torch.nn.MultiheadAttention")
    return kept


def attention_received(maps: torch.Tensor, within: torch.Tensor) -> torch.Tensor:
    """How much attention each word gets: the mean over heads and over the words that attend.

    Args:
        maps: float (N, heads, T, T).
        within: bool (N, T).

    Returns:
        float (N, T), 0 past the end.
    """
    paying = within.float()
    received = (maps.mean(1) * paying[..., None]).sum(1) / paying.sum(1, keepdim=True)
    return received * paying


def check_attention(
    received: torch.Tensor,
    effect: torch.Tensor,
    within: torch.Tensor,
    generator: torch.Generator,
    *,
    draws: int = 40,
) -> AttentionCheck:
    """Hold attention against the effect of removing words.

    Args:
        received: float (N, T), of `attention_received`.
        effect: float (N, T), of `occlusion`; its size counts.
        within: bool (N, T).
        generator: deals attention out anew.
        draws: how often.

    Source: Jain and Wallace, "Attention is not Explanation", 2019, section 4.1; Serrano and Smith,
    "Is Attention Interpretable?", 2019.
    """
    size = effect.abs()
    of_each = rank_agreement(received, size, within)
    there = ~of_each.isnan()
    n = int(there.sum())
    dealt = []
    for _ in range(draws if n else 0):
        order = torch.rand(received.shape, generator=generator).masked_fill(~within, 2.0).argsort(1)
        dealt.append(rank_agreement(received.gather(1, order), size, within)[there].mean())
    mean = float(of_each[there].mean()) if n else math.nan
    interval = None
    if n >= FEWEST_SENTENCES:
        reach = float(student_t.ppf(0.975, n - 1)) * float(of_each[there].std()) / math.sqrt(n)
        interval = (mean - reach, mean + reach)
    return AttentionCheck(mean, interval, torch.stack(dealt) if dealt else torch.zeros(0), n)
