"""`stories`: small sentences drawn from a grammar whose every probability is known.

What comes next depends on words that stand far back: where an animal sits follows from which
animal it is and from what it did, not from the word before. So a model that looks at one word back
can be told from one that remembers, and both from the best there can be (`entropy_a_word`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

SUBJECTS = ("cat", "dog", "bird", "girl", "farmer")
KINDS = ("", "old", "small", "grey")
VERBS = {"cat": ("sat", "slept", "jumped"), "dog": ("sat", "slept", "ran"),
         "bird": ("sat", "sang", "flew"), "girl": ("sat", "sang", "ran"),
         "farmer": ("sat", "slept", "walked")}  # fmt: skip
# (subject, verb) -> its preposition and places, the likeliest first.
PLACES = {
    ("cat", "sat"): ("on", ("mat", "sofa", "wall")),
    ("cat", "slept"): ("on", ("sofa", "bed", "mat")),
    ("cat", "jumped"): ("over", ("wall", "fence", "dog")),
    ("dog", "sat"): ("on", ("rug", "road", "grass")),
    ("dog", "slept"): ("under", ("table", "bed", "tree")),
    ("dog", "ran"): ("after", ("cat", "ball", "bird")),
    ("bird", "sat"): ("on", ("branch", "roof", "fence")),
    ("bird", "sang"): ("in", ("tree", "garden", "morning")),
    ("bird", "flew"): ("over", ("house", "field", "river")),
    ("girl", "sat"): ("on", ("chair", "swing", "grass")),
    ("girl", "sang"): ("in", ("kitchen", "choir", "garden")),
    ("girl", "ran"): ("to", ("school", "river", "farmer")),
    ("farmer", "sat"): ("on", ("tractor", "chair", "fence")),
    ("farmer", "slept"): ("in", ("barn", "chair", "bed")),
    ("farmer", "walked"): ("to", ("field", "barn", "market")),
}
SHARES = (0.7, 0.2, 0.1)
ENDS = {"": 0.6, "because": 0.4}
MOODS = {"cat": ("lazy", "hungry"), "dog": ("tired", "wild"), "bird": ("glad", "free"),
         "girl": ("happy", "late"), "farmer": ("busy", "tired")}  # fmt: skip
PRONOUNS = {"cat": "it", "dog": "it", "bird": "it", "girl": "she", "farmer": "he"}
N_SENTENCES = 6000


def draw_stories(generator: torch.Generator, n: int = N_SENTENCES) -> str:
    """Draw sentences, a line each: "the old cat sat on the mat because it was lazy ."."""
    return "\n".join(" ".join(sentence(generator)) for _ in range(n)) + "\n"


def sentence(generator: torch.Generator) -> list[str]:
    """Draw one sentence's words."""
    words = [""]
    while words[-1] != ".":
        options = next_words(words[1:])
        drawn = torch.multinomial(torch.tensor(list(options.values())), 1, generator=generator)
        words.append(list(options)[int(drawn)])
    return words[1:]


def next_words(said: list[str]) -> dict[str, float]:
    """The grammar itself: how probable each word is after those of a sentence so far.

    Example:
        >>> next_words("the cat sat on the".split())
        {'mat': 0.7, 'sofa': 0.2, 'wall': 0.1}
    """
    if not said:
        return {"the": 1.0}
    if len(said) == 1:
        kinds = dict.fromkeys(KINDS[1:], 1 / 8)
        return kinds | {who: (5 / 8) / len(SUBJECTS) for who in SUBJECTS}
    at = 1 if said[1] in SUBJECTS else 2
    if len(said) == at:
        return {who: 1 / len(SUBJECTS) for who in SUBJECTS}
    who, rest = said[at], said[at + 1 :]
    if not rest:
        return dict(zip(VERBS[who], (0.5, 0.3, 0.2), strict=True))
    by, places = PLACES[who, rest[0]]
    steps = [{by: 1.0}, {"the": 1.0}, dict(zip(places, SHARES, strict=True)),
             {".": ENDS[""], "because": ENDS["because"]}, {PRONOUNS[who]: 1.0}, {"was": 1.0},
             dict(zip(MOODS[who], (0.75, 0.25), strict=True)), {".": 1.0}]  # fmt: skip
    return steps[len(rest) - 1]


def entropy_a_word() -> float:
    """How many nats a word of the grammar holds: no model can have a lower loss on fresh ones."""
    nats = words = 0.0
    for probability, said in paths([], 1.0):
        options = next_words(said)
        nats -= probability * sum(p * math.log(p) for p in options.values())
        words += probability
    return nats / words


def paths(said: list[str], probability: float) -> Iterator[tuple[float, list[str]]]:
    """Every unfinished sentence with its probability."""
    yield probability, said
    for word, p in next_words(said).items():
        if word != ".":
            yield from paths([*said, word], probability * p)
