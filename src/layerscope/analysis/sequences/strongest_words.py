"""The sentences that drive each unit furthest, with the word at which it is so marked."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from layerscope.analysis.sequences.word_states import WordStates


@dataclass(frozen=True)
class MarkedWord:
    """One word of one sentence.

    Args:
        sentence: its row.
        word: its place in the sentence, from 0.
        value: the unit's state after it.
    """

    sentence: int
    word: int
    value: float


def strongest_words(
    found: WordStates, *, n: int = 6, lowest: bool = False
) -> tuple[tuple[MarkedWord, ...], ...]:
    """Each unit's n strongest sentences, each by the word at which the unit is highest.

    Args:
        found: of one layer.
        n: sentences for each unit.
        lowest: those at which it is lowest instead.

    Returns:
        For each unit, its sentences from the strongest down.
    """
    sign = -1.0 if lowest else 1.0
    values = (sign * found.states).masked_fill(~found.within[..., None], -torch.inf)
    peaks, at = values.max(1)  # (N, U) each
    best = peaks.topk(min(n, len(peaks)), 0).indices.T  # (U, n)
    return tuple(
        tuple(
            MarkedWord(row, int(at[row, u]), sign * float(peaks[row, u])) for row in rows.tolist()
        )
        for u, rows in enumerate(best)
    )
