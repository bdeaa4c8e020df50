"""From logits to probabilities, the one place that knows about single logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F


def to_probs(logits: torch.Tensor) -> torch.Tensor:
    """Turn logits into probabilities.

    Args:
        logits: float (B, K), or (B, 1) for a single logit that speaks for class 1.

    Returns:
        float (B, K), rows that sum to 1; (B, 2) for a single logit: 1 - p and p.

    Example:
        >>> to_probs(torch.tensor([[0.0]]))
        tensor([[0.5000, 0.5000]])
    """
    if logits.shape[1] == 1:
        p = torch.sigmoid(logits)
        return torch.cat([1 - p, p], dim=1)
    return torch.softmax(logits, dim=1)


def loss_of(
    logits: torch.Tensor, labels: torch.Tensor, *, label_smoothing_frac: float = 0.0
) -> torch.Tensor:
    """Cross-entropy, averaged over the batch.

    Args:
        logits: float (B, K), or (B, 1) for a single logit.
        labels: int64 (B,).
        label_smoothing_frac: share of each target spread evenly over all classes.

    Returns:
        A scalar, in nats.
    """
    if logits.shape[1] == 1:
        # softmax over (0, z) is the sigmoid of z, so one formula serves both forms
        logits = F.pad(logits, (1, 0))
    return F.cross_entropy(logits, labels, label_smoothing=label_smoothing_frac)


def losses_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each picture, float (B,), in nats.

    Args:
        logits: float (B, K), or (B, 1) for a single logit.
        labels: int64 (B,).

    Example:
        >>> losses_of(torch.tensor([[0.0], [0.0]]), torch.tensor([0, 1]))
        tensor([0.6931, 0.6931])
    """
    if logits.shape[1] == 1:
        logits = F.pad(logits, (1, 0))
    return F.cross_entropy(logits, labels, reduction="none")


def ranked(probs: torch.Tensor, names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """One picture's classes with their probabilities, float (K,), the most probable first.

    Example:
        >>> ranked(torch.tensor([0.25, 0.75]), ("cat", "dog"))
        (('dog', 0.75), ('cat', 0.25))
    """
    order = probs.argsort(descending=True, stable=True)
    return tuple((names[int(k)], float(probs[k])) for k in order)


def predicted(logits: torch.Tensor) -> torch.Tensor:
    """The most probable class of each picture, int64 (B,)."""
    if logits.shape[1] == 1:
        return (logits[:, 0] > 0).long()
    return logits.argmax(dim=1)
