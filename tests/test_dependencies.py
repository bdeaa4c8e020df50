"""Imports run one way along the path, and the cheap parts stay cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import layerscope

ROOT = Path(layerscope.__file__).parent
MOST_FILES = 12
PATH = (
    "formats",
    "data",
    "graph",
    "models",
    "training",
    "analysis",
    "measures",
    "atlas",
    "pipeline",
    "view",
    "serve",
    "api",
    "cli",
)
# Pictures, graphs and measures know nothing of files; a graph is read of any network, without its
# pictures; an analysis does not know how ours are trained; the page reads folders.
FORBIDDEN = {
    "data": {"formats"},
    "graph": {"formats", "data"},
    "analysis": {"formats", "training"},
    "measures": {"formats", "training"},
    "atlas": {"data", "graph", "models", "training", "analysis", "measures"},
    "serve": {"data", "graph", "models", "analysis", "measures", "pipeline"},
    "view": {"data", "graph", "models", "training", "analysis", "measures", "pipeline"},
}


def imported_rooms(file: Path) -> set[str]:
    """The rooms that a module imports from anywhere inside it, also lazily."""
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "layerscope" and len(parts) > 1 and parts[1] in PATH:
                rooms.add(parts[1])
    return rooms


MODULES = sorted(
    file for file in ROOT.rglob("*.py") if file.parent != ROOT and "static" not in file.parts
)


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_run_one_way(file: Path) -> None:
    room = file.relative_to(ROOT).parts[0]
    assert room in PATH, f"{room} is not on the path {' -> '.join(PATH)}"
    later = set(PATH[PATH.index(room) + 1 :])
    wrong = imported_rooms(file) & (later | FORBIDDEN.get(room, set()))
    assert not wrong, f"{room} may not import {', '.join(sorted(wrong))}"


def imports_of(file: Path) -> set[Path]:
    """The files of the package that a module imports from, also lazily."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] != "layerscope":
                continue
            for n in range(len(parts), 1, -1):
                place = ROOT.joinpath(*parts[1:n])
                if place.with_suffix(".py").is_file():
                    found.add(place.with_suffix(".py"))
                    break
                if (place / "__init__.py").is_file():
                    found.add(place / "__init__.py")
                    break
    return found - {file}


def test_no_file_is_part_of_a_circle() -> None:
    arrows = {file: imports_of(file) for file in ROOT.rglob("*.py")}
    # A file that imports nothing unfinished is finished; what is left over goes in circles.
    finished: set[Path] = {ROOT / "__init__.py"}
    while ready := {f for f, to in arrows.items() if f not in finished and to <= finished}:
        finished |= ready
    left = sorted(str(f.relative_to(ROOT)) for f in arrows.keys() - finished)
    assert not left, f"these files import each other in a circle, or such files: {left}"


def test_no_room_is_crowded() -> None:
    for room in (folder for folder in ROOT.rglob("*") if folder.is_dir()):
        files = [file for file in room.glob("*.py") if file.name != "__init__.py"]
        assert len(files) <= MOST_FILES, f"{room.name} holds {len(files)} files; find its ideas"


def test_no_two_modules_have_one_name() -> None:
    names = [f.stem for f in ROOT.rglob("*.py") if f.stem not in ("__init__", "__main__")]
    twice = sorted({name for name in names if names.count(name) > 1})
    assert not twice, f"a name says what is inside, so no two may share one: {twice}"


def test_foundation_imports_no_room() -> None:
    for file in ROOT.glob("*.py"):
        if file.name not in ("__init__.py", "__main__.py"):
            assert not imported_rooms(file), file.name


def modules_after(code: str) -> set[str]:
    """The top-level modules loaded once `code` has run in a fresh interpreter."""
    tail = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tail}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import layerscope", "import layerscope.cli.main"])
def test_the_command_line_starts_without_torch(code: str) -> None:
    heavy = {"torch", "torchvision", "numpy", "PIL", "matplotlib", "lightning_fabric"}
    assert not modules_after(code) & heavy


def test_the_page_is_written_without_torch() -> None:
    loaded = modules_after("import layerscope.view.report")
    assert not loaded & {"torch", "numpy"}


def test_public_names_are_all_there() -> None:
    assert len(set(layerscope.__all__)) == len(layerscope.__all__)
    for name in layerscope.__all__:
        assert getattr(layerscope, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        layerscope.trian  # noqa: B018
