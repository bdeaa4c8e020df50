"""Claim: any network of pictures is opened and read right, or refused in one sentence.

    python benchmarks/zoo.py [--kind keras] [--limit-s 600] [--least] [--fresh]
    python benchmarks/zoo.py --only-others PYTHONPATH

n: every network of `openings/networks.py`, once, with random weights, through `layerscope look` on
eight drawn pictures: every layer's statistics and patches, and at the smallest effort the evidence
of three layers (the first, a middle one, the last) where a picture costs little, of the smallest
networks of all. Each is measured in a
forked process of its own with a limit of processor seconds. A row says how the network was read,
along which axes its units lie, which preprocessing was found, how far a replay of its layers is
from its own logits, what escaped; how many layers' unit values were held against plain hooks, and
receptive fields against gradients. Beside it what TorchLens, captum and torchvision's feature
extractor open (`--only-others` names a folder that pip installed the first two into; TorchLens
changes torch, so they have a run of their own). Rows that are there already are kept, but for those
that were broken or over time; `--fresh` begins anew. Writes `results/zoo.json` and `docs/zoo.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from measured import RESULTS, head, write_result
from openings.networks import Entry, entries
from openings.table import write_table

HERE = Path(__file__).parent
# Where the openings and the tests' helpers are imported from.
HOMES = (str(HERE), str(HERE.parent / "tests"))
TABLE = Path(__file__).parents[1] / "docs" / "zoo.md"
# Rows that are measured again, for their fault may have been mended since.
AGAIN = ("broken", "over time")
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


def forked(work: Callable[[], dict[str, Any]], limit_s: int) -> dict[str, Any]:
    """Do some work in a fork of this process, with a limit of processor seconds.

    Its imports are there already, so that a network's start costs nothing; what it changes in
    torch, and the memory that it takes, go with it.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        pid = os.fork()
        if not pid:
            code = 1
            try:
                resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 5))
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                out.write(json.dumps(work()).encode())
                out.flush()
                code = 0
            except BaseException as error:  # whatever it is, it is the row
                os.write(2, f"{type(error).__name__}: {error}".encode())
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        said.seek(0)
        wall_s = time.perf_counter() - started
        try:
            return {**json.loads(out.read()), "wall_s": wall_s}
        except json.JSONDecodeError:
            over = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (9, 24)
            last = (said.read().decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
            why = f"more than {limit_s} s of processor time" if over else f"died: {last[:300]}"
            return {"status": "over time" if over else "broken", "why": why, "wall_s": wall_s}


def measure(entry: Entry, pictures: Path, options: argparse.Namespace) -> dict[str, Any]:
    """A network under layerscope, or under the others."""
    words = entry.kind, entry.name, entry.opened_by, entry.size or 0
    if options.only_others:
        from openings.others import row_of as others_of

        return forked(partial(others_of, *words), options.limit_s)
    from openings.one import row_of

    row = asdict(entry) | forked(
        partial(row_of, entry.kind, entry.opened_by, entry.size, pictures, least=options.least),
        options.limit_s,
    )
    return row | {"commit": head()}


def load_all(others: str | None) -> None:
    """Import what the networks need, once, before anything is forked."""
    torch.set_num_threads(1)
    import keras  # noqa: F401
    import transformers  # noqa: F401

    from layerscope.vision import timm, torchvision
    from openings import hf_networks, keras_networks, one, people  # noqa: F401

    timm(), torchvision()
    if others:
        sys.path.append(others)
        import captum.attr  # noqa: F401
        import torchlens  # noqa: F401


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", action="append")
    parser.add_argument("--name", action="append", help="measure this one, also if it is there")
    parser.add_argument("--only-others", metavar="FOLDER",
                        help="nothing but TorchLens, captum and torchvision, for the rows that "
                        "are there; FOLDER holds torchlens and captum")  # fmt: skip
    parser.add_argument("--limit-s", type=int, default=600)
    parser.add_argument("--most-s", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--least", action="store_true",
                        help="two pictures and one layer of each network")  # fmt: skip
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    sys.path.extend(HOMES)
    os.environ["KERAS_BACKEND"] = "torch"
    load_all(options.only_others)
    started = time.perf_counter()
    path = RESULTS / "zoo.json"
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    if path.exists() and not options.fresh:
        known = json.loads(path.read_text())["figures"]["networks"]
        rows = {(row["kind"], row["name"]): row for row in known}
    with tempfile.TemporaryDirectory() as home:
        pictures = Path(home) / "pictures"
        write_pictures(pictures)

        # What was broken or over time is tried again once all others are there.
        def again(entry: Entry) -> bool:
            return rows.get((entry.kind, entry.name), {}).get("status") in AGAIN

        for entry in sorted(entries(), key=again):
            if options.kind and entry.kind not in options.kind:
                continue
            key = entry.kind, entry.name
            own = rows.get(key)
            if options.only_others:
                missing = own is not None and "others" not in own
            else:
                missing = own is None or own["status"] in AGAIN
            wanted = entry.name in options.name if options.name else missing
            if not wanted or (options.only_others and own is None):
                continue
            if time.perf_counter() - started > options.most_s:
                break
            found = measure(entry, pictures, options)
            rows[key] = {**(own or {}), "others": found} if options.only_others else found
            print(*key, rows[key]["status"], rows[key].get("why", ""), flush=True)
            figures = {"networks": list(rows.values())}
            write_result("zoo", __doc__.splitlines()[0], figures)
            write_table(TABLE, list(rows.values()), entries())


if __name__ == "__main__":
    main()
