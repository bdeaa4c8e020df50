"""Words whose vectors point the same way."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Neighbour:
    """A word near another one.

    Args:
        id: in the vocabulary.
        cosine: of the angle between the two vectors.
    """

    id: int
    cosine: float


def nearest_words(
    vectors: torch.Tensor, ids: torch.Tensor, *, n: int = 6, among: torch.Tensor | None = None
) -> tuple[tuple[Neighbour, ...], ...]:
    """The nearest neighbours of some words in an embedding, by cosine.

    Args:
        vectors: float (V, E).
        ids: int64 (W,), whose neighbours.
        n: neighbours for each.
        among: int64, the words that may be named; None takes all.

    Example:
        >>> table = torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0]])
        >>> nearest_words(table, torch.tensor([0]), n=1)[0][0].id
        1
    """
    among = torch.arange(len(vectors)) if among is None else among
    unit = torch.nn.functional.normalize(vectors.double(), dim=1)
    cosine = unit[ids] @ unit[among].T
    cosine[ids[:, None] == among[None, :]] = -torch.inf
    found = cosine.topk(min(n, len(among) - 1), 1)
    return tuple(
        tuple(Neighbour(int(among[i]), value) for i, value in zip(places, values, strict=True))
        for places, values in zip(found.indices.tolist(), found.values.tolist(), strict=True)
    )
