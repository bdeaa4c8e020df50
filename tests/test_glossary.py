"""One list of terms: the page's words and explanations are docs/glossary.md's."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "web" / "src"
TERM = re.compile(r"<Term word=(?:\"([^\"]+)\"|\{)")
WORD_FIELD = re.compile(r"word: \"([^\"]+)\"|term=\"([^\"]+)\"")


def generator() -> ModuleType:
    path = ROOT / "scripts" / "generate_glossary.py"
    spec = importlib.util.spec_from_file_location("generate_glossary", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def glossary() -> list:
    module = generator()
    return module.entries(module.GLOSSARY.read_text("utf-8"))


def test_the_pages_words_are_the_glossarys(glossary) -> None:
    module = generator()
    assert module.WORDS.read_text("utf-8") == module.typescript(glossary)


def test_every_term_of_the_page_is_in_the_glossary(glossary) -> None:
    listed = {entry.term for entry in glossary}
    used: set[str] = set()
    for file in PAGE.rglob("*.svelte"):
        text = file.read_text("utf-8")
        used |= {match[1] for match in TERM.finditer(text) if match[1]}
        used |= {a or b for a, b in WORD_FIELD.findall(text)}
    assert len(used) > 30
    assert used <= listed, sorted(used - listed)


def test_each_term_is_explained_once_in_one_sentence(glossary) -> None:
    terms = [entry.term for entry in glossary]
    assert len(terms) == len({term.lower() for term in terms})
    for entry in glossary:
        sentence = entry.meaning
        assert sentence.endswith((".", ").")) and ". " not in sentence, entry
        assert entry.term.lower() not in ("", sentence.lower())


def test_where_a_term_is_measured_there_is_code(glossary) -> None:
    lacking = [e for e in glossary if not (ROOT / "src" / "layerscope" / e.where).is_file()]
    assert not lacking


def test_a_row_that_is_missing_or_changed_is_noticed(glossary) -> None:
    module = generator()
    page = module.WORDS.read_text("utf-8")
    assert module.typescript(glossary[1:]) != page
    changed = [glossary[0]._replace(meaning="Something else."), *glossary[1:]]
    assert module.typescript(changed) != page
