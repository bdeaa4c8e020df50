"""Does removing the words that a method marks matter, more than removing words at random?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.stats import t as student_t
from torch import nn

from layerscope.analysis.attribution.word_attribution import rank_agreement
from layerscope.analysis.sequences.word_states import run
from layerscope.graph.state_guard import evaluating

REMOVED_FRAC = 0.2
DRAWS = 10
FEWEST_SENTENCES = 5


@dataclass(frozen=True)
class RemovalCheck:
    """What the named logit loses with a fifth of the words removed together.

    Args:
        fall: mean fall with the words removed that the method marks most strongly.
        random_fall: with as many words drawn at random.
        interval: 95%, of the mean difference of the two, by Student's t over sentences; None of
            fewer than five.
        untrained: mean rank correlation with the same method's marks on an untrained network; near
            0 where the marks come from what was learned. None where that was not asked.
        n: sentences.
    """

    fall: float
    random_fall: float
    interval: tuple[float, float] | None
    untrained: float | None
    n: int

    @property
    def holds(self) -> bool:
        """Whether the marked words matter more than random ones."""
        return self.interval is not None and self.interval[0] > 0


@torch.no_grad()
def removal_check(
    model: nn.Module,
    ids: torch.Tensor,
    lengths: torch.Tensor,
    named: torch.Tensor,
    marks: torch.Tensor,
    generator: torch.Generator,
    *,
    unknown: int,
    untrained: torch.Tensor | None = None,
) -> RemovalCheck:
    """Remove the fifth of a sentence's words that speak most for its class, against random ones.

    Words are removed as `occlusion` removes them, but together: one after the other would repeat
    what occlusion is made of.

    Args:
        model: `model(ids, lengths)` -> logits (N, K); left as it was.
        ids: int64 (N, T).
        lengths: int64 (N,).
        named: int64 (N,), the class whose logit is watched.
        marks: float (N, T), the larger the more a word speaks for that class.
        generator: draws the random words.
        unknown: the id that stands in for a word.
        untrained: float (N, T), marks of the same method on an untrained network.

    Source: DeYoung et al., "ERASER: A Benchmark to Evaluate Rationalized NLP Models", 2020
    (comprehensiveness); Adebayo et al., "Sanity Checks for Saliency Maps", 2018.
    """
    within = torch.arange(ids.shape[1])[None, :] < lengths[:, None]
    counts = (REMOVED_FRAC * lengths.double()).ceil().long()

    def logit(given: torch.Tensor) -> torch.Tensor:
        return run(model, given, lengths).gather(1, named[:, None])[:, 0].double()

    def fall(order: torch.Tensor) -> torch.Tensor:
        ranks = order.masked_fill(~within, -torch.inf).argsort(1, descending=True).argsort(1)
        return whole - logit(ids.masked_fill((ranks < counts[:, None]) & within, unknown))

    with evaluating(model):
        whole = logit(ids)
        own = fall(marks.double())
        drawn = [
            fall(torch.rand(ids.shape, generator=generator, dtype=torch.float64))
            for _ in range(DRAWS)
        ]
    random = torch.stack(drawn).mean(0)
    apart, N = own - random, len(ids)
    interval = None
    if N >= FEWEST_SENTENCES:
        reach = float(student_t.ppf(0.975, N - 1)) * float(apart.std()) / math.sqrt(N)
        interval = (float(apart.mean()) - reach, float(apart.mean()) + reach)
    alike = None
    if untrained is not None:
        found = rank_agreement(marks, untrained, within)
        there = ~found.isnan()
        alike = float(found[there].mean()) if bool(there.any()) else None
    return RemovalCheck(float(own.mean()), float(random.mean()), interval, alike, N)
