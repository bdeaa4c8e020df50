"""The tutorials' pages are what the notebooks gave: nothing in them is typed by hand."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import nbformat
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "tutorials"
NAMES = sorted(path.stem for path in PAGES.glob("*.ipynb"))


def cells(name: str) -> list[nbformat.NotebookNode]:
    return nbformat.read(PAGES / f"{name}.ipynb", as_version=4).cells


@pytest.mark.parametrize("name", NAMES)
def test_a_page_holds_its_notebook(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text("utf-8")
    for cell in cells(name):
        tags = cell.metadata.get("tags", ())
        if cell.cell_type == "code":
            assert not cell.outputs
        if "hide-input" in tags or "parameters" in tags:
            continue
        typed = cell.source.removeprefix("!").removesuffix(";")
        assert typed in page, "the page is older than its notebook"
        assert cell.metadata.get("alt", "") in page


@pytest.mark.parametrize("name", NAMES)
def test_a_pages_figures_are_those_of_its_result(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text("utf-8")
    result = json.loads((ROOT / f"benchmarks/results/tutorials_{name}.json").read_text("utf-8"))
    claims = result["figures"]["claims"]
    assert len(claims) >= 6
    for claim in claims:
        assert f"| {claim['says']} | {claim['measured']} | **{claim['verdict']}** |" in page
    shown = sorted(PAGES.glob(f"{name}-*.png"))
    assert len(shown) >= 3
    for picture in shown:
        assert f"({picture.name})" in page
        with Image.open(picture) as opened:
            assert opened.width > 200


def test_a_terminals_line_that_is_written_over_holds_its_last_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from tutorial_pages import of_code, shown, with_settings

    assert shown("  5%  training\r 50%  training\r\x1b[2Kdone\r\nnext\n") == "done\nnext"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("A = 1\nB = (2, 3)")])
    notebook.cells[0].metadata["tags"] = ["parameters"]
    with_settings(notebook, {"B": (4, 5)})
    assert notebook.cells[0].source == "A = 1\nB = (4, 5)  # the notebook as it comes: (2, 3)"
    long = f"A = {list(range(100))}"
    (cut,) = of_code(f"{long}\nB = 2", ["parameters"])
    assert cut == f"```python\nA = ...  # {long[4:64]}…\nB = 2\n```"
    ast.parse(cut.removeprefix("```python").removesuffix("```"))
    assert list(of_code(long, [])) == [f"```python\n{long}\n```"]
    with pytest.raises(ValueError, match="no parameters"):
        with_settings(notebook, {"C": 1})
