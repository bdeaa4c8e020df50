"""The map is of this house: its rooms, arrows, paths and names are those of the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import layerscope
from test_dependencies import MODULES, PATH, imported_rooms

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "layerscope"
INSTALLED = Path(layerscope.__file__).parent
DESIGN = ROOT / "docs" / "design.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "benchmarks/README.md"])
# `room/file.py`, `file.py: name`, `room/file.py: Class.method`, also broken over two lines.
SPAN = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|svelte|ts|json))(?::\s+([\w.]+))?`")
# Names of files that a user has, or that are written.
ELSEWHERE = re.compile(
    r"(atlas|rows|run|evaluation|encoding|experiment|plan|coco|package)\.json|results/NAME\.json"
)


def spans(page: Path) -> list[tuple[str, str]]:
    """(path, name in it or "") of every file that a page names."""
    return [(path, name) for path, name in SPAN.findall(page.read_text("utf-8"))]


def found(path: str) -> list[Path]:
    """The files that a page may mean by a path: from the root, or the end of a path in a room."""
    rooms = (PACKAGE, ROOT / "benchmarks")
    places = [ROOT / path, *(place for room in rooms for place in room.glob(f"**/{path}"))]
    return [place for place in places if place.is_file()]


def names_of(file: Path) -> set[str]:
    """Functions, classes, methods and constants of a module: "observe", "Program.run"."""
    names: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{n.name}" for n in node.body if isinstance(n, ast.FunctionDef)}
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_a_page_names_is_there(page: Path) -> None:
    named = [(path, name) for path, name in spans(page) if not ELSEWHERE.fullmatch(path)]
    lost = sorted({path for path, _ in named if not found(path)})
    assert not lost, f"{page.name} names {lost}"
    wrong = [
        f"{path}: {name}"
        for path, name in named
        if name and not any(name in names_of(file) for file in found(path))
    ]
    assert not wrong, f"{page.name} names {wrong}"


def test_the_design_names_the_path_of_a_picture_and_of_a_number() -> None:
    named = spans(DESIGN)
    assert len(named) > 40
    assert sum(bool(name) for _, name in named) >= 10


def test_the_drawing_is_what_imports_what() -> None:
    block = DESIGN.read_text("utf-8").partition("What imports what:\n\n")[2].partition("\n\n")[0]
    drawn = {room: set(others) for room, *others in (line.split() for line in block.splitlines())}
    own: dict[str, set[str]] = {room: set() for room in PATH}
    for file in MODULES:
        room = file.relative_to(INSTALLED).parts[0]
        own[room] |= imported_rooms(file) - {room}
    assert drawn == own


def test_a_path_that_is_not_there_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "see `analysis/observe.py: observe` and `analysis/obsrve.py`\nor `look.py:\nlok`"
    )
    assert spans(page) == [
        ("analysis/observe.py", "observe"),
        ("analysis/obsrve.py", ""),
        ("look.py", "lok"),
    ]
    assert found("analysis/observe.py") and not found("analysis/obsrve.py")
    assert "lok" not in names_of(found("pipeline/look.py")[0])
