"""First vectors of words from which words stand near which, counted in the training rows."""

from __future__ import annotations

import torch
from torch import nn

from layerscope.models.sequences.rows_spec import RowsSpec
from layerscope.models.sequences.text_rnn import PADDING

REACH = 5  # words to each side
SMOOTHING = 0.75
STD = 0.1  # root mean square of the numbers, as of drawn ones


def counted_vectors(tokens: torch.Tensor, n_words: int, size: int) -> torch.Tensor:
    """Words as the directions in which their neighbourhoods differ.

    The positive pointwise mutual information of words at most five places apart, nearer ones
    counting more, in its first singular vectors. Labels are not looked at.

    Args:
        tokens: int64 (N, T), padded with 0.
        n_words: V.
        size: numbers for each word, E.

    Returns:
        float32 (V, k), k the smaller of E and what V words can give; 0 for the padding.

    Source: Levy, Goldberg and Dagan, "Improving Distributional Similarity with Lessons Learned
    from Word Embeddings", 2015, section 3 (smoothing of contexts; the root of the singular values).

    Example:
        >>> counted_vectors(torch.tensor([[2, 3, 0], [4, 3, 2], [5, 4, 0]]), 6, 3).shape
        torch.Size([6, 3])
    """
    import numpy as np
    from scipy import sparse
    from scipy.sparse.linalg import svds

    counts = sparse.csr_matrix((n_words, n_words))
    for d in range(1, min(REACH, tokens.shape[1] - 1) + 1):
        first, second = tokens[:, :-d].flatten().numpy(), tokens[:, d:].flatten().numpy()
        there = (first != PADDING) & (second != PADDING)
        pairs = (first[there], second[there])
        one = sparse.coo_matrix((np.full(len(pairs[0]), 1 / d), pairs), (n_words, n_words))
        counts = counts + one + one.T
    counts = counts.tocoo()
    of_word = np.bincount(counts.row, counts.data, n_words)
    of_context = of_word**SMOOTHING
    information = np.log(
        counts.data * of_context.sum() / (of_word[counts.row] * of_context[counts.col])
    )
    kept = information > 0
    k = min(size, n_words - 2)
    if k < 1 or not kept.any():
        return torch.zeros(n_words, 0)
    table = sparse.csr_matrix(
        (information[kept], (counts.row[kept], counts.col[kept])), (n_words, n_words)
    )
    # A fixed start, so that the same rows give the same vectors.
    left, sizes, _ = svds(table, k=k, v0=np.ones(n_words) / np.sqrt(n_words))
    found = torch.from_numpy((left * np.sqrt(sizes))[:, ::-1].copy())
    # A direction has no sign of its own: its largest number is made positive.
    found = found * found.gather(0, found.abs().argmax(0, keepdim=True)).sign()
    found = STD * found / found.square().mean().sqrt()
    found[PADDING] = 0
    return found.float()


@torch.no_grad()
def give_first_vectors(model: nn.Module, spec: RowsSpec, vectors: torch.Tensor | None) -> None:
    """Put counted vectors into an embedding, where the spec says so; what they lack stays drawn."""
    if vectors is None or not spec.counts_vectors:
        return
    weight = model.get_parameter("embedding.weight")
    weight[:, : vectors.shape[1]] = vectors


def first_vectors(spec: RowsSpec, tokens: torch.Tensor | None) -> torch.Tensor | None:
    """Those of a network's training rows; None where its vectors are drawn."""
    if tokens is None or not spec.counts_vectors:
        return None
    return counted_vectors(tokens, spec.n_words, spec.shape.embedding)
