"""The examples of the docstrings run, and give what they say."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
from pathlib import Path

import pytest
import torch

import layerscope
from layerscope import measures

ROOT = Path(layerscope.__file__).parent
MODULES = sorted(
    ".".join(("layerscope", *file.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    )
    for file in ROOT.rglob("*.py")
    if file.name != "__main__.py" and ">>>" in file.read_text("utf-8")
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name), name)]
    return [
        test
        for test in found
        if any(not example.options.get(doctest.SKIP) for example in test.examples)
    ]


@pytest.mark.parametrize("test", examples(), ids=lambda test: test.name)
def test_an_example_gives_what_it_says(
    test: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "LAYERSCOPE_CACHE", str(tmp_path / "cache"))
    told: list[str] = []
    with torch.random.fork_rng():
        torch.manual_seed(0)
        doctest.DocTestRunner(optionflags=FLAGS).run(test, out=told.append)
    assert not told, "".join(told)


def public() -> dict[str, object]:
    names = {f"layerscope.{name}": getattr(layerscope, name) for name in layerscope.__all__}
    return names | {f"measures.{name}": getattr(measures, name) for name in measures.__all__}


def test_every_public_function_has_an_example_that_runs() -> None:
    run = {test.name.rpartition(".")[2] for test in examples()}
    without = [
        name
        for name, value in public().items()
        if inspect.isfunction(value) and value.__name__ not in run
    ]
    assert not without
