"""What a unit might follow in a sentence: negation, position, length, labels, single words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

# English words that turn what they stand before, with the forms that tokenisers leave.
# fmt: off
NEGATIONS = frozenset({
    "no", "not", "never", "nothing", "nobody", "none", "nor", "neither", "nowhere", "cannot",
    "without", "hardly", "barely", "n't", "don't", "doesn't", "didn't", "isn't", "wasn't", "aren't",
    "weren't", "won't", "wouldn't", "can't", "couldn't", "shouldn't", "hasn't", "haven't", "hadn't",
    "ain't",
})
# fmt: on
COMMON_WORDS = 8
FIRST_WORDS = 3
# Of a property that fewer sentences have, an area under the curve says little.
FEWEST = 10


@dataclass(frozen=True)
class WordProperty:
    """Something that is so or not after each word of each sentence.

    Args:
        name: in words, as the tail of "responds to …".
        present: bool (N, T).
        counted: bool (N, T), the words at which it is asked.
        strata: int64 (N, T); words are compared with words of the same stratum alone.
        shuffles: whether it can be permuted among sentences; a position cannot.
    """

    name: str
    present: torch.Tensor = field(repr=False)
    counted: torch.Tensor = field(repr=False)
    strata: torch.Tensor = field(repr=False)
    shuffles: bool = True

    def shuffled(self, generator: torch.Generator) -> WordProperty:
        """The same property permuted among sentences, each sentence's words together."""
        mixed = torch.randperm(len(self.present), generator=generator)
        return WordProperty(
            self.name, self.present[mixed], self.counted, self.strata, self.shuffles
        )


def word_properties(
    sentences: Sequence[Sequence[str]],
    *,
    labels: torch.Tensor | None = None,
    class_names: Sequence[str] = (),
) -> tuple[WordProperty, ...]:
    """The properties that the units of a layer are held against.

    Those at the end of a sentence: its label, its length, the word that it begins with. Those at
    each word: whether a negation came before or is there, compared with words at the same place of
    other sentences; whether the word is late in its sentence; which word it is; whether it begins
    with a capital.

    Args:
        sentences: N, each its words as the network reads them.
        labels: int64 (N,), or None without any.
        class_names: of the labels.

    Returns:
        Those that at least `FEWEST` words or sentences have, and as many have not.

    Example:
        >>> found = word_properties([["not", "good"], ["very", "good"]] * 10)
        >>> "a negation before" in [one.name for one in found]
        True
    """
    N, T = len(sentences), max((len(words) for words in sentences), default=0)
    lengths = torch.tensor([len(words) for words in sentences])
    within = torch.arange(T)[None, :] < lengths[:, None]
    place = torch.arange(T).expand(N, T)
    at_end = place == (lengths - 1)[:, None]
    alike = torch.zeros(N, T, dtype=torch.long)
    found = []

    def at_words(name: str, present: torch.Tensor, strata: torch.Tensor, shuffles: bool) -> None:
        found.append(WordProperty(name, present, within, strata, shuffles))

    def at_ends(name: str, present: torch.Tensor) -> None:
        found.append(WordProperty(name, present[:, None].expand(N, T), at_end, alike))

    def where(test: set[str] | frozenset[str]) -> torch.Tensor:
        there = torch.zeros(N, T, dtype=torch.bool)
        for n, words in enumerate(sentences):
            for t, word in enumerate(words):
                there[n, t] = word.lower() in test
        return there

    if labels is not None:
        # Of two classes one says it all.
        for k, name in list(enumerate(class_names))[1 if len(class_names) == 2 else 0 :]:
            at_ends(f"the label {name!r}", labels == k)
    at_words("a negation before", where(NEGATIONS).cummax(1).values, place, True)
    at_words("late words", place >= int(place[within].median()) if N else place > 0, alike, False)
    at_ends("long sentences", lengths > lengths.median() if N else lengths > 0)
    capital = torch.zeros(N, T, dtype=torch.bool)
    for n, words in enumerate(sentences):
        for t, word in enumerate(words):
            capital[n, t] = word[:1].isupper()
    at_words("words with a capital", capital, alike, True)
    counts = Counter(word.lower() for words in sentences for word in words)
    for word, _ in counts.most_common(COMMON_WORDS):
        at_words(f"the word {word!r}", where({word}), alike, True)
    firsts = Counter(words[0].lower() for words in sentences if words)
    for word, _ in firsts.most_common(FIRST_WORDS):
        begins = torch.tensor([bool(words) and words[0].lower() == word for words in sentences])
        at_ends(f"sentences that begin with {word!r}", begins)
    return tuple(
        one
        for one in found
        if FEWEST <= one.present[one.counted].sum() <= one.counted.sum() - FEWEST
    )
