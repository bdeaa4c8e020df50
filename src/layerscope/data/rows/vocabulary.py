"""Words as ids: the vocabulary that a training learns from its own sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch

from layerscope.errors import DataError

PADDING, UNKNOWN = 0, 1
MARKS = ("<padding>", "<unknown>")
# A word with its apostrophes (don't), a number, or a single mark.
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[^\w\s]")
MOST_WORDS = 20_000


def words_of(text: str) -> list[str]:
    """The words of a text in small letters, marks among them.

    Example:
        >>> words_of("It isn't GOOD, at all.")
        ['it', "isn't", 'good', ',', 'at', 'all', '.']
    """
    return WORD.findall(text.lower().replace("’", "'"))


@dataclass(frozen=True)
class Vocabulary:
    """The words that a network knows.

    Args:
        words: V of them, an id being a place in the list; the first two stand for padding and
            for words that are not known.
    """

    words: tuple[str, ...]
    ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", {word: i for i, word in enumerate(self.words)})

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, words: Sequence[str]) -> list[int]:
        """The ids of words."""
        return [self.ids.get(word, UNKNOWN) for word in words]

    def encode_text(self, text: str) -> list[int]:
        """The ids of a text's words.

        Raises:
            DataError: it has no words, or none that is known.
        """
        words = words_of(text)
        if not words:
            raise DataError("the text is empty; write a sentence")
        ids = self.encode(words)
        if all(word == UNKNOWN for word in ids):
            raise DataError(
                f"none of the words of {text[:60]!r} came up in training, so that nothing can be "
                "told of it; use other words"
            )
        return ids


def learn_vocabulary(
    texts: Iterable[Sequence[str]], *, min_count: int = 2, most: int = MOST_WORDS
) -> Vocabulary:
    """Count words and keep those that come up often enough, the most frequent first.

    Args:
        texts: words of each.
        min_count: a word that comes up less often stays unknown: the network learns so what to
            make of unknown words.
        most: how many are kept.
    """
    counts = Counter(word for words in texts for word in words)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = [word for word, count in ranked[:most] if count >= min_count]
    return Vocabulary((*MARKS, *kept))


def padded(rows: Sequence[Sequence[int]], length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of ids as one tensor, cut at `length`.

    Returns:
        int64 (N, length), padded with 0, and the rows' lengths, int64 (N,).
    """
    tokens = torch.zeros(len(rows), length, dtype=torch.int64)
    lengths = torch.tensor([min(len(row), length) for row in rows], dtype=torch.int64)
    for i, row in enumerate(rows):
        tokens[i, : int(lengths[i])] = torch.tensor(row[:length], dtype=torch.int64)
    return tokens, lengths
