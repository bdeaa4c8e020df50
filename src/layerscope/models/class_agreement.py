"""How far a network's predictions agree with the labels of some pictures, beside chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from layerscope.intervals import wilson_interval
from layerscope.models.probabilities import predicted

PERMUTATIONS = 200
REORDERINGS = 20
# One in so many shuffled labels may agree as well by luck.
LUCK_FRAC = 0.01
# In another order of the classes, so much more has to be right before it is said.
WORTH_SAYING_FRAC = 0.1


@dataclass(frozen=True)
class Agreement:
    """How far predictions and labels agree.

    Args:
        n: pictures whose class the network knows.
        correct: of these, how many it names right.
        interval: 95% Wilson interval of the share.
        most_frequent_frac: what the most frequent class alone would get right.
        permuted_frac: the largest share that shuffled labels get right, but for one in a hundred.
        reordered_frac: what would be right if each label meant the class that fits it best, one
            for each.
        reordered_luck_frac: the most that this gives for shuffled labels.
        only: the class that is predicted for every picture; None where there are several.
        balanced_accuracy: the mean over the classes of the share of each that is right.
        n_classes: how many classes these pictures are of.
    """

    n: int
    correct: int
    interval: tuple[float, float]
    most_frequent_frac: float
    permuted_frac: float
    reordered_frac: float
    reordered_luck_frac: float
    only: int | None
    balanced_accuracy: float
    n_classes: int

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        return self.correct / self.n

    @property
    def is_chance(self) -> bool:
        """Whether shuffled labels would agree as well."""
        return self.accuracy <= self.permuted_frac

    @property
    def fits_another_order(self) -> bool:
        """Whether far more would be right with the classes in another order."""
        others = (self.accuracy, self.most_frequent_frac, self.reordered_luck_frac)
        return self.reordered_frac > max(others) + WORTH_SAYING_FRAC


def agreement_of(
    logits: torch.Tensor, labels: torch.Tensor, columns: Sequence[int | None]
) -> Agreement | None:
    """Compare predictions with labels.

    Args:
        logits: float (N, K) or (N, 1).
        labels: int64 (N,), classes of the pictures.
        columns: the network's class of each class of the pictures; None where it knows none.

    Returns:
        None where it knows none of these pictures' classes, or they have none.

    Source: balanced accuracy: Brodersen et al., "The Balanced Accuracy and Its Posterior
    Distribution", 2010.
    """
    if not len(columns):
        return None
    place = torch.tensor([-1 if column is None else column for column in columns])
    truth = place[labels]
    known = truth >= 0
    said, truth = predicted(logits)[known], truth[known]
    n = len(truth)
    if not n:
        return None
    correct = int((said == truth).sum())
    generator = torch.Generator().manual_seed(0)
    shuffled = [
        float((said == truth[torch.randperm(n, generator=generator)]).double().mean())
        for _ in range(PERMUTATIONS)
    ]
    allowed = int(LUCK_FRAC * PERMUTATIONS)
    return Agreement(
        n=n,
        correct=correct,
        interval=wilson_interval(correct, n),
        most_frequent_frac=int(truth.bincount().max()) / n,
        permuted_frac=sorted(shuffled)[-1 - allowed],
        reordered_frac=reordered_frac(truth, said),
        reordered_luck_frac=max(
            reordered_frac(truth[torch.randperm(n, generator=generator)], said)
            for _ in range(REORDERINGS)
        ),
        only=int(said[0]) if n > 1 and bool((said == said[0]).all()) else None,
        balanced_accuracy=balanced_accuracy(truth, said),
        n_classes=len(truth.unique()),
    )


def balanced_accuracy(truth: torch.Tensor, said: torch.Tensor) -> float:
    """The mean over the classes that there are of the share of each that is right.

    Example:
        >>> balanced_accuracy(torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 0, 0]))
        0.5
    """
    _, place, counts = truth.unique(return_inverse=True, return_counts=True)
    right = torch.zeros(len(counts), dtype=torch.float64)
    return float((right.index_add_(0, place, (said == truth).double()) / counts).mean())


def reordered_frac(truth: torch.Tensor, said: torch.Tensor) -> float:
    """The share that is right when each label means the prediction that fits it best, one each."""
    from scipy.optimize import linear_sum_assignment

    rows, row = truth.unique(return_inverse=True)
    columns, column = said.unique(return_inverse=True)
    counts = torch.zeros(len(rows), len(columns), dtype=torch.int64)
    counts.index_put_((row, column), torch.ones_like(row), accumulate=True)
    chosen = linear_sum_assignment(counts.numpy(), maximize=True)
    return int(counts[chosen[0], chosen[1]].sum()) / len(truth)
