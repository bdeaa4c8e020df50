"""Claim: any network of pictures is opened and read right, or refused in one sentence.

    python benchmarks/zoo.py [--kind keras] [--others PYTHONPATH] [--limit-s 600] [--fresh]

n: every network of `openings/networks.py`, once, with random weights, through `layerscope look` at
the smallest effort on eight drawn pictures, each in a process of its own with a limit of processor
seconds. A row says how the network was read, along which axes its units lie, which preprocessing
was found, how far a replay of its layers is from its own logits, what escaped; how many layers'
unit values were held against plain hooks, and receptive fields against gradients. Beside it what
TorchLens, captum and torchvision's feature extractor open (`--others` names a folder that pip
installed them into). Rows that are there already are kept; `--fresh` begins anew. Writes
`results/zoo.json` and `docs/zoo.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from measured import RESULTS, head, write_result
from openings.networks import Entry, entries
from openings.table import write_table

HERE = Path(__file__).parent
# Where the openings and the tests' helpers are imported from.
HOMES = (str(HERE), str(HERE.parent / "tests"))
TABLE = Path(__file__).parents[1] / "docs" / "zoo.md"
DRAWN = {"train": 4, "test": 8}  # pictures of each part


def write_pictures(folder: Path) -> None:
    """A few drawn cats and dogs in class folders, as a user has photos."""
    from layerscope.data import load

    splits = load("creatures")
    for part, n in DRAWN.items():
        pictures = splits.train if part == "train" else splits.test
        for row in range(n):
            pixels = pictures.take([row])[0] if row < len(pictures) else None
            if pixels is None:
                break
            name = pictures.class_names[row % 2]
            file = folder / part / name / f"{row}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(file)


def in_own_process(command: list[str], limit_s: int, paths: list[str]) -> dict[str, Any]:
    """Run a program that prints a line of JSON, with a limit of processor seconds."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 5))

    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), *HOMES, *paths]),
        "KERAS_BACKEND": "torch",
        "OMP_NUM_THREADS": "1",
    }
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", *command], capture_output=True, text=True,
        env=environment, cwd=HERE,
        preexec_fn=limit,
    )  # fmt: skip
    wall_s = time.perf_counter() - started
    try:
        return {**json.loads(done.stdout.splitlines()[-1]), "wall_s": wall_s}
    except (IndexError, json.JSONDecodeError):
        over = done.returncode in (-9, -24)
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        why = f"more than {limit_s} s of processor time" if over else f"died: {last[:300]}"
        return {"status": "over time" if over else "broken", "why": why, "wall_s": wall_s}


def measure(entry: Entry, pictures: Path, options: argparse.Namespace) -> dict[str, Any]:
    """A network under layerscope, and under the others."""
    words = [entry.kind, entry.name, entry.opened_by, str(entry.size or 0)]
    row = asdict(entry) | in_own_process(
        ["openings.one", *words, str(pictures)], options.limit_s, paths=[]
    )
    if options.others:
        row["others"] = in_own_process(
            ["openings.others", *words], options.limit_s, [options.others]
        )
    row["commit"] = head()
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", action="append")
    parser.add_argument("--name", action="append", help="measure this one, also if it is there")
    parser.add_argument("--others", help="a folder with torchlens and captum")
    parser.add_argument("--limit-s", type=int, default=600)
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    sys.path.extend(HOMES)
    path = RESULTS / "zoo.json"
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    if path.exists() and not options.fresh:
        known = json.loads(path.read_text())["figures"]["networks"]
        rows = {(row["kind"], row["name"]): row for row in known}
    with tempfile.TemporaryDirectory() as home:
        pictures = Path(home) / "pictures"
        write_pictures(pictures)
        for entry in entries():
            if options.kind and entry.kind not in options.kind:
                continue
            wanted = (
                entry.name in options.name
                if options.name
                else ((entry.kind, entry.name) not in rows)
            )
            if not wanted:
                continue
            row = measure(entry, pictures, options)
            rows[entry.kind, entry.name] = row
            print(entry.kind, entry.name, row["status"], row.get("why", ""), flush=True)
            figures = {"networks": list(rows.values())}
            write_result("zoo", __doc__.splitlines()[0], figures)
            write_table(TABLE, list(rows.values()))


if __name__ == "__main__":
    main()
