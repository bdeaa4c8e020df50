"""The field has a word for what is done here; turns of phrase of our own do not take its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
READ = ("src", "web/src", "docs", "tests", "benchmarks", "scripts")
ENDINGS = {".py", ".md", ".ts", ".svelte", ".css", ".html", ".json", ".toml"}
# Built or measured files, and this one, which has to name them.
LEFT_OUT = (
    "src/layerscope/view/static/",
    "benchmarks/results/",
    "docs/reports/",
    "tests/test_field_terms.py",
)

# What is not to be said, and the term that says it.
OWN_WORDS = {
    r"\btaken\s+out\b|\btak(?:e|es|ing)\s+(?:\w+\s+){0,2}out\b": "ablation",
    r"\bmade[\s_]images?\b|\bimages?\s+made\s+for\b|\bpictures?\s+made\s+for\b": (
        "feature visualisation"
    ),
    r"\banswer(?:s|ed|ing)?\s+to\b": "responds to",
    r"\bby[\s_]heart\b": "memorises",
    r"\b(?:is|are|was|were|be|been)?\s*asked\s+with\b": "measured with",
    r"\bcom(?:e|es|ing)\s+by\b": "reaches",
    r"\bhow\s+choosy\b|\bchoosy\b": "orientation selectivity",
    r"\bminds?\s+where\b": "phase selectivity",
    r"\bwhat\s+was\s+taken\s+for\s+what\b|\bwas\s+taken\s+for\s+which\b": "confusion matrix",
    r"\bnumbers\s+(?:learned|to\s+learn)\b": "parameters",
    r"\bmultiplications\s+(?:a|for\s+(?:one|each))\s+picture\b": "multiply-adds per image",
    r"\bwhole\s+objects\b": "class-selective",
    r"\btold\s+differently\b": "settings that differ",
    r"\bdealt\s+out\b": "permuted",
    r"\bby\s+lot\b": "at random",
    r"(?:\d|f\}) %(?![\s\w(=])": "a percentage, with no space before its sign",
    r"\"passes\"\s*:\s*\"fails\"": "not significant",
}


def texts() -> Iterator[tuple[str, str]]:
    files = [*ROOT.glob("*.md"), *(f for room in READ for f in (ROOT / room).rglob("*"))]
    for file in sorted(files):
        name = file.relative_to(ROOT).as_posix()
        if file.suffix in ENDINGS and not name.startswith(LEFT_OUT):
            yield name, file.read_text("utf-8")


# The name of a stream of random numbers says which ones are drawn: another would change results.
STREAM = re.compile(r"make_generator\([^)]*\)")


def found(text: str) -> list[tuple[int, str, str]]:
    """(line, what stands there, the field's term) of each turn of phrase of our own."""
    text = STREAM.sub(lambda match: "\n" * match[0].count("\n"), text)
    return [
        (text.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), term)
        for pattern, term in OWN_WORDS.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


def test_the_fields_terms_are_used_everywhere() -> None:
    said = [
        f"{name}:{line}: {words!r}, which is called: {term}"
        for name, text in texts()
        for line, words, term in found(text)
    ]
    assert not said, "\n" + "\n".join(said)


@pytest.mark.parametrize(
    "text",
    [
        "units are taken out one by one",
        "taking one unit out",
        "the made images of a layer",
        "made_images.py",
        "images made for units",
        "what a unit\nanswers to",
        "learned by heart",
        "every unit is asked with stimuli",
        "not all pictures come by it",
        "how choosy about it",
        "minds where the stripes lie",
        "What was taken for what",
        "numbers learned",
        "multiplications a picture",
        "whole objects",
        "settings that were told differently",
        '{m.passes ? "passes" : "fails"}',
        "columns dealt out anew",
        "drawn by lot",
        "a share of 36 %.",
        'f"{100 * share:.0f} %"',
    ],
)
def test_each_turn_of_phrase_is_noticed(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize(
    "text",
    [
        "the network's own answer",
        "come back to it",
        "units that respond to edges",
        "a download fails",
        "it is made of images",
        "the share to set apart",
        "a share of 36%.",
        "i * 13 % 256",
        "x.float() % (2 * pi)",
    ],
)
def test_plain_english_beside_them_is_not(text: str) -> None:
    assert not found(text)
