"""Class selectivity: how well a unit alone separates each class from the others."""

from __future__ import annotations

import torch
from scipy.stats import rankdata


def class_auroc(responses: torch.Tensor, labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """The chance that a picture of a class drives a unit more than one of another class.

    Args:
        responses: float (N, U), one number for each picture and unit.
        labels: int64 (N,).
        n_classes: K.

    Returns:
        float64 (U, K): 0.5 is chance, 1 separates the class from all others. Equal responses count
        half. A class without pictures, or with all of them, has 0.5.

    Source: Mann and Whitney, 1947: the area under the ROC curve is the rank sum in another form.

    Example:
        >>> class_auroc(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([0, 0, 1]), 2)
        tensor([[0., 1.]], dtype=torch.float64)
    """
    return auroc_of_ranks(torch.from_numpy(rankdata(responses.numpy(), axis=0)), labels, n_classes)


def auroc_of_ranks(ranks: torch.Tensor, labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """`class_auroc` of responses that were ranked before: float64 (…, U, K).

    Args:
        ranks: float64 (N, U), from 1 up; ties share theirs.
        labels: int64 (…, N), in one or several ways.
        n_classes: K.
    """
    member = torch.nn.functional.one_hot(labels, n_classes).double()  # (…, N, K)
    inside = member.sum(-2)[..., None, :]
    outside = labels.shape[-1] - inside
    rank_sum = ranks.T @ member  # (…, U, K)
    area = (rank_sum - inside * (inside + 1) / 2) / (inside * outside).clamp(min=1)
    return torch.where((inside > 0) & (outside > 0), area, torch.full_like(area, 0.5))
