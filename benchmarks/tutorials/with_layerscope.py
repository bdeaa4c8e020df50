"""The tutorials' tasks with layerscope, as its user would type them.

    python benchmarks/tutorials/with_layerscope.py DATA mnist digit-cnn --target 0.99 --json OUT

The clock starts before the network is built and the pictures are put in place, and stops when the
last epoch, its validation and its checkpoint are done: all that a user waits for between loading
and scoring. The test split is scored once, afterwards; the target counts as reached only there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder of sets")
    parser.add_argument("set", help="a set's name")
    parser.add_argument("model", help="a network's name")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--set-field", action="append", default=[], metavar="NAME=JSON")
    parser.add_argument("--target", type=float, required=True, help="test accuracy to reach")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the outcome here")
    options = parser.parse_args()
    changes = dict(field.split("=", 1) for field in options.set_field)
    summary = measure(
        options.data,
        options.set,
        options.model,
        options.preset,
        options.seed,
        {name: json.loads(value) for name, value in changes.items()},
    )
    summary |= {
        "target": options.target,
        "reached": summary["test_accuracy"] >= options.target,
    }
    print(json.dumps(summary), flush=True)
    if options.json:
        options.json.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


def measure(
    data: Path, name: str, model: str, preset: str, seed: int, changes: dict[str, Any]
) -> dict[str, Any]:
    """Train once; returns its times and its test accuracy."""
    from layerscope.cli.process.own_process import settle_process, sharing_cores

    settle_process()
    import layerscope as ls
    from layerscope.training.session import Listener

    marks: dict[str, float] = {}
    listener = Listener(
        on_start=lambda *_: marks.setdefault("start", time.perf_counter()),
        on_epoch=lambda _: marks.update(end=time.perf_counter()),
    )
    with tempfile.TemporaryDirectory() as out, sharing_cores(listener, "auto") as sharing:
        run = ls.train(
            name,
            model=model,
            preset=preset,
            data_dir=data,
            out=out,
            seed=seed,
            listener=sharing,
            **changes,
        )
    from layerscope.formats.documents import plain

    results = run.record.results
    return {
        "set": name,
        "model": model,
        "preset": preset,
        "seed": seed,
        "train_s": marks["end"] - marks["start"],
        "program_s": marks["end"] - STARTED,
        "test_accuracy": results.test_accuracy,
        "validation_accuracy": results.validation_accuracy,
        "n_test": run.record.data.n_test,
        "parameters": sum(p.numel() for p in run.model.parameters()),
        "recipe": plain(run.record.recipe),
        "versions": run.record.versions,
        "hardware": plain(run.record.hardware),
    }


if __name__ == "__main__":
    main()
