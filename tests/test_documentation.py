"""The documentation builds strictly, loads nothing from elsewhere; what it says to type runs."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from typer.main import get_command

import layerscope
from layerscope import measures
from layerscope.api import train_and_report
from layerscope.cli.main import app
from layerscope.pipeline.effort import Effort
from layerscope.view.report import template_path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
# Pages whose Python is a whole program; elsewhere it is a few lines out of one.
PROGRAMS = [
    DOCS / "getting-started.md",
    DOCS / "how-to/own-network.md",
    DOCS / "how-to/own-loop.md",
    DOCS / "how-to/reading-an-atlas.md",
]
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
# In place of QUICK: what a program says does not hang on how much is measured.
LITTLE = Effort(
    pictures=60, probe_pictures=60, untrained=2, stimuli="coarse", ablation_pictures=0,
    featurevis_steps=0, directions="none", dependence_patches=0,
)  # fmt: skip
# A command line of an indented block, of a table or of a sentence.
TYPED = re.compile(r"(?:^ {4}|`|&& |-m )layerscope ((?:[a-z][^\n`|#]*)|-h)", re.MULTILINE)
LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


class Loads(HTMLParser):
    """What a page loads by itself: scripts, styles, pictures. Links to click are none of that."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and given.get("rel") in ("canonical", "next", "prev"):
            return
        if tag in LOADS and (address := given.get(LOADS[tag])):
            self.found.append(address)


def loads(html: str) -> list[str]:
    """The addresses from elsewhere that a page loads."""
    reader = Loads()
    reader.feed(html)
    return [address for address in reader.found if re.match(r"(?:\w+:)?//", address)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="pip install '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_the_site_builds_strictly_and_needs_no_network(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) >= len(list(DOCS.rglob("*.md")))
    found = {
        f"{page.relative_to(site)}: {address}"
        for page in pages
        if "reports" not in page.parts
        for address in loads(page.read_text("utf-8"))
    }
    assert not found
    styles = "".join(file.read_text("utf-8") for file in site.rglob("*.css"))
    assert not re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", styles)


def test_the_reference_has_every_public_name(site: Path) -> None:
    reference = (site / "api" / "layerscope.html").read_text("utf-8")
    described = {"FULL", "QUICK", "measures"}  # in a sentence, and on a page of its own
    named = set(layerscope.__all__) - described
    assert not [name for name in named if f'id="layerscope.{name}"' not in reference]
    functions = (site / "api" / "measures.html").read_text("utf-8")
    lost = [n for n in measures.__all__ if f'id="layerscope.measures.{n}"' not in functions]
    assert not lost
    assert "(N, C, H, W)" in functions and "Raises" in functions


def test_what_a_page_loads_from_elsewhere_is_noticed() -> None:
    assert loads('<script src="https://cdn.example/a.js"></script>')
    assert loads('<link rel="stylesheet" href="//fonts.example/a.css">')
    assert not loads('<a href="https://example.org">there</a><img src="report.png">')


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: page.stem)
def test_the_programs_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "\n".join(PYTHON.findall(page.read_text("utf-8")))
    if not template_path().is_file():
        pytest.skip("the page is not built: pip install . builds it")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(layerscope, "QUICK", LITTLE)
    monkeypatch.setattr(train_and_report, "QUICK", LITTLE)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(compile(source, str(page), "exec"), {"__name__": page.stem})


def options() -> dict[str, set[str]]:
    """Command -> its options, those of commands in groups by both words."""
    found = {"": {"-h", "--help", "--version", "--install-completion", "--show-completion"}}
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        for path, one in (
            ((name, command),)
            if not hasattr(command, "commands")
            else ((name, command), *((f"{name} {k}", c) for k, c in command.commands.items()))
        ):
            names = {option for p in one.params for option in (*p.opts, *p.secondary_opts)}
            found[path] = names | {"-h", "--help"}
    return found


def test_every_command_line_of_the_docs_is_one() -> None:
    known = options()
    wrong: list[str] = []
    seen = 0
    for page in PAGES:
        for line in TYPED.findall(page.read_text("utf-8")):
            words = line.split()
            command = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
            seen += 1
            if command not in known:
                wrong.append(f"{page.name}: layerscope {line}")
                continue
            given = {w.partition("=")[0] for w in words if re.match(r"--?[a-z]", w)}
            wrong += [f"{page.name}: {command} {w}" for w in given - known[command]]
    assert seen > 60
    assert not wrong, "\n".join(wrong)


def test_a_command_line_that_is_none_is_noticed() -> None:
    assert TYPED.findall("    layerscope lok runs --quik\n") == ["lok runs --quik"]
    assert "lok" not in options() and "--quik" not in options()["look"]
    assert "--quick" in options()["look"] and "data check" in options()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_of_the_docs_parses_and_names_what_is_public(page: Path) -> None:
    text = page.read_text("utf-8")
    public = set(layerscope.__all__)
    for source in PYTHON.findall(text):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id in ("ls", "layerscope"):
                    assert node.attr in public, f"{page.name}: {node.attr}"
                if node.value.id == "measures":
                    assert node.attr in measures.__all__, f"{page.name}: {node.attr}"
