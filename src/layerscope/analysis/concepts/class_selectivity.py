"""How well a unit alone tells each class from the others."""

from __future__ import annotations

import torch


def class_auroc(responses: torch.Tensor, labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """The chance that a picture of a class drives a unit more than one of another class.

    Args:
        responses: float (N, U), one number for each picture and unit.
        labels: int64 (N,).
        n_classes: K.

    Returns:
        float64 (U, K): 0.5 says nothing, 1 tells the class from all others. Equal responses count
        half. A class without pictures, or with all of them, has 0.5.

    Source: Mann and Whitney, 1947: the area under the ROC curve is the rank sum in another form.

    Example:
        >>> class_auroc(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([0, 0, 1]), 2)
        tensor([[0., 1.]], dtype=torch.float64)
    """
    ranks = mean_ranks(responses)  # (N, U)
    member = torch.nn.functional.one_hot(labels, n_classes).double()  # (N, K)
    inside = member.sum(0)
    outside = len(labels) - inside
    rank_sum = ranks.T @ member  # (U, K)
    area = (rank_sum - inside * (inside + 1) / 2) / (inside * outside).clamp(min=1)
    return torch.where((inside > 0) & (outside > 0), area, torch.full_like(area, 0.5))


def mean_ranks(responses: torch.Tensor) -> torch.Tensor:
    """Ranks from 1, equal values sharing theirs: float (N, U) -> float64 (N, U)."""
    N, U = responses.shape
    ordered, order = responses.sort(dim=0)
    place = torch.arange(1, N + 1, dtype=torch.float64)
    starts = torch.ones(N, U, dtype=torch.bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    group = starts.long().cumsum(0) - 1  # which run of equals
    sums = torch.zeros(N, U, dtype=torch.float64)
    sums.scatter_add_(0, group, place[:, None].expand(N, U).contiguous())
    sizes = torch.zeros(N, U, dtype=torch.float64)
    sizes.scatter_add_(0, group, torch.ones(N, U, dtype=torch.float64))
    mean = (sums / sizes.clamp(min=1)).gather(0, group)
    return torch.zeros(N, U, dtype=torch.float64).scatter_(0, order, mean)
