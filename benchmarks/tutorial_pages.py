"""Claim: what the tutorials promise, beside what was measured of each promise.

    python benchmarks/tutorial_pages.py [NAME...]

Runs the notebooks of docs/tutorials from top to bottom, each in a fresh kernel and an empty folder,
with the settings below in place of the small ones that they come with, and writes what came out:
the page docs/tutorials/NAME.md, its pictures NAME-1.png, …, and the table of promises with its
figures into `results/tutorials_NAME.json`. n: the settings of each page; one seed where it says
nothing else.
"""

from __future__ import annotations

import argparse
import ast
import base64
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from measured import RESULTS, write_result

PAGES = Path(__file__).parents[1] / "docs" / "tutorials"


def figures(name: str) -> Any:
    """What another benchmark measured."""
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))["figures"]


def after_five_epochs(task: str) -> tuple[float, ...]:
    """Test accuracies of a tutorial's own program after its five epochs, by seed."""
    rows = [row for row in figures("time_to_accuracy")["rows"] if row["task"] == task]
    fifth = [row["after_five_epochs"] for row in rows if row.get("after_five_epochs")]
    return tuple(round(row["test_accuracy"], 4) for row in fifth)


def ladder(network: str) -> tuple[tuple[Any, ...], ...]:
    """Of each layer: title, units; of five kinds, the share of units, and if training did it."""

    def share(found: Mapping[str, Any]) -> tuple[str, bool]:
        untrained = f"{found['untrained_mean']:.0%} ± {found['untrained_sd']:.0%}"
        more = found["significant"] and found["excess"] > 0
        return f"{found['frac']:.0%} ({untrained})", more

    kinds = ("edge", "corner", "spot", "texture", "class")
    return tuple(
        (rung["title"], rung["n_units"], *(share(rung["responds"][kind]) for kind in kinds))
        for rung in figures("packaged_ladders")[network]["ladder"]
    )


def reach(n_back: int) -> dict[str, tuple[float, ...]]:
    """What is left of the last state's gradient so many words back, trained, by cell and seed."""
    return {
        cell.upper(): tuple(round(one[n_back], 4) for one in found["trained"]["reach"])
        for cell, found in figures("word_states")["of"].items()
    }


# What a page is measured with; a notebook as it comes is small enough to run in seconds.
SETTINGS: dict[str, dict[str, Any]] = {
    "learning-made-visual": {
        "EPOCHS": 10, "SEEDS": 3, "SIZES": (45, 180, 720, 1438), "SENTENCES": 2000,
    },
    "clothes": {
        "PICTURES": 4000, "EPOCHS": 4, "SEEDS": 5, "VARIED_ON": 800, "LOOKED_AT": 1500,
        "FIVE_EPOCHS_BEFORE": after_five_epochs("fashion"),
    },
    "cats-and-dogs": {
        "PICTURES": 4000, "EPOCHS": 5, "LADDER": ladder("catdog-cnn"),
        "FIVE_EPOCHS_BEFORE": after_five_epochs("catdog"),
    },
    "from-one-neuron": {
        "PICTURES": 4000, "EPOCHS": 4, "SEEDS": 2, "RATES": (0.0001, 0.001, 0.01, 0.1),
        "CURE_EPOCHS": 100, "CURE_SEEDS": 5, "MEMORY_STEPS": 1000, "STORY_EPOCHS": 20,
        "MLP_BEFORE": after_five_epochs("mnist-mlp"), "CNN_BEFORE": after_five_epochs("mnist-cnn"),
        "REACH_BEFORE": reach(19),
    },
    "photographs": {"PER_CLASS": 100, "TEST_PER_CLASS": 100, "EPOCHS": 6},
}  # fmt: skip
TIMEOUT_S = 1800


def with_settings(notebook: NotebookNode, settings: Mapping[str, Any]) -> None:
    """Give the cell of parameters other values; each says what the notebook comes with."""
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    (cell,) = cells
    lines = []
    for node in ast.parse(cell.source).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            raise ValueError(f"the cell of parameters holds more than assignments: {cell.source}")
        name, value = node.targets[0].id, ast.unparse(node.value)
        given = repr(settings[name]) if name in settings else value
        beside = "" if given == value else f"  # the notebook as it comes: {value}"
        lines.append(f"{name} = {given}{beside}")
    unknown = set(settings) - {line.split(" = ")[0] for line in lines}
    if unknown:
        raise ValueError(f"the notebook has no parameters {sorted(unknown)}")
    cell.source = "\n".join(lines)


def shown(text: str) -> str:
    """What a terminal shows in the end: a line that was written over holds its last words."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r\n", "\n")
    lines = [line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in text.split("\n")]
    gone = re.compile(r"\s*\d+%  |.*━")  # lines and bars of progress
    return "\n".join(line for line in lines if not gone.match(line)).strip("\n")


def abbreviated(assignment: str) -> str:
    """An assignment for a page: of a long value, the beginning is shown."""
    name, _, value = assignment.partition(" = ")
    # In a comment, for what a page shows as Python is Python.
    return assignment if len(assignment) <= 120 else f"{name} = ...  # {value[:60]}…"


def of_code(source: str, tags: list[str]) -> Iterator[str]:
    """A cell as it is typed: Python, or commands for a terminal."""
    if "hide-input" in tags:
        return
    if "parameters" in tags:
        source = "\n".join(abbreviated(line) for line in source.splitlines())
    if source.startswith("!"):
        yield "\n".join(f"    {line.removeprefix('!')}" for line in source.splitlines())
    else:
        # What silences a notebook's last line is no Python of a page.
        yield f"```python\n{source.removesuffix(';')}\n```"


def of_outputs(cell: NotebookNode, name: str, pictures: list[bytes]) -> Iterator[str]:
    """What a cell gave; its pictures go to `pictures`."""
    said = shown("".join(out.text for out in cell.outputs if out.output_type == "stream"))
    if said:
        yield f"```text\n{said}\n```"
    for out in cell.outputs:
        data = out.get("data", {})
        if "image/png" in data:
            pictures.append(base64.b64decode(data["image/png"]))
            yield f"![{cell.metadata['alt']}]({name}-{len(pictures)}.png)"
        elif "text/markdown" in data:
            yield data["text/markdown"]
        elif "text/plain" in data and not data["text/plain"].startswith("<Figure"):
            yield f"```text\n{data['text/plain']}\n```"


def rendered(notebook: NotebookNode, name: str) -> tuple[str, list[bytes]]:
    """The page of a notebook that was run, and its pictures."""
    pictures: list[bytes] = []
    parts: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        else:
            parts += of_code(cell.source, cell.metadata.get("tags", []))
            parts += of_outputs(cell, name, pictures)
    return "\n\n".join(parts) + "\n", pictures


def run(notebook: NotebookNode, folder: Path) -> list[Any]:
    """Run it in place; returns the promises that it gathered as `claims`."""
    notebook.cells.append(nbformat.v4.new_code_cell("import json; print(json.dumps(claims))"))
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ["COLUMNS"] = "100"
    NotebookClient(notebook, timeout=TIMEOUT_S, resources={"metadata": {"path": folder}}).execute()
    return json.loads(notebook.cells.pop().outputs[0].text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SETTINGS)}; else all of them")
    names = parser.parse_args().names or [*SETTINGS]
    if unknown := set(names) - set(SETTINGS):
        parser.error(
            f"there is no page {', '.join(sorted(unknown))}; there are {', '.join(SETTINGS)}"
        )
    for name in names:
        started, worked = time.perf_counter(), os.times()
        notebook = nbformat.read(PAGES / f"{name}.ipynb", as_version=4)
        with_settings(notebook, SETTINGS[name])
        with tempfile.TemporaryDirectory() as folder:
            claims = run(notebook, Path(folder))
        page, pictures = rendered(notebook, name)
        page = page.replace(f"{folder}/", "")  # a path that is gone means nothing to a reader
        for old in PAGES.glob(f"{name}-*.png"):
            old.unlink()
        for i, picture in enumerate(pictures, 1):
            (PAGES / f"{name}-{i}.png").write_bytes(picture)
        (PAGES / f"{name}.md").write_text(page, encoding="utf-8")
        now = os.times()
        took = {
            "wall_s": time.perf_counter() - started,
            "processor_s": now.children_user + now.children_system
            - worked.children_user - worked.children_system,
        }  # fmt: skip
        rows = [{"says": says, "measured": found, "verdict": held} for says, found, held in claims]
        found = {"settings": SETTINGS[name], "claims": rows, "took": took}
        write_result(f"tutorials_{name}", __doc__.splitlines()[0], found)
        print(f"{name}: {len(pictures)} pictures, {took}", flush=True)


if __name__ == "__main__":
    main()
