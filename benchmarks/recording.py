"""Claim: recording a training costs at most 5% of its time and at most 8 MiB.

    python benchmarks/recording.py DATA_FOLDER

Compared: the same training with the recorder and without, in turn (A B A B), 5 of each, in one
process; medians. The weights at the end are the same bit for bit, which is checked. Hardware: named
in the result.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from layerscope.models import build
from layerscope.seed import make_generator
from layerscope.training.diagnostics.recorded_steps import chosen_steps
from layerscope.training.diagnostics.recorder import Recorder
from layerscope.training.input.batches import make_feed, steps_per_epoch
from layerscope.training.input.prepare import gather, parted, prepare
from layerscope.training.loop import fit
from layerscope.training.machine import make_fabric
from measured import write_result

ROUNDS = 5
TASKS = (
    ("mnist", "digit-mlp", "quick"),
    ("fashion-mnist", "fashion-cnn", "quick"),
    ("cats-vs-dogs", "catdog-cnn", "quick"),
    ("cats-vs-dogs", "catdog-cnn", "default"),
)


def measure(name: str, model_name: str, preset: str, data: Path) -> dict:
    """Train with and without the recorder."""
    gathered = gather(name, model=model_name, fabric=make_fabric("cpu"), data_dir=data)
    spec, recipe = prepare(gathered, preset=preset)
    training, validation = parted(gathered.splits.train, recipe, 0)
    fabric = make_fabric("cpu", recipe.precision)
    train_feed = make_feed(training, fabric.device)
    held_out = make_feed(validation, fabric.device)
    steps = steps_per_epoch(len(training), recipe.batch_size)
    frames = chosen_steps(steps, recipe.epochs)
    times: dict[str, list[float]] = {"without": [], "with": []}
    weights, size = {}, 0
    for _ in range(ROUNDS):
        for kind, seconds in times.items():
            with tempfile.TemporaryDirectory() as folder:
                model = build(spec, make_generator(0, "weights"))
                recorder = (
                    Recorder(model, spec, held_out, frames, fabric=fabric, folder=Path(folder))
                    if kind == "with"
                    else None
                )
                started = time.perf_counter()
                fitted = fit(
                    model, spec, recipe, train_feed, held_out, fabric=fabric, recorder=recorder,
                    shuffle=make_generator(0, "shuffle"), changes=make_generator(0, "augment"),
                )  # fmt: skip
                seconds.append(time.perf_counter() - started)
                weights[kind] = fitted.best_weights
                files = [f for f in Path(folder).rglob("*") if f.is_file()]
                size = max(size, sum(f.stat().st_size for f in files))
    assert all(torch.equal(weights["with"][n], w) for n, w in weights["without"].items())
    medians = {kind: statistics.median(seconds) for kind, seconds in times.items()}
    return {
        "set": name,
        "model": model_name,
        "preset": preset,
        "frames": len(frames),
        "steps": steps * recipe.epochs,
        "median_s": medians,
        "cost_frac": medians["with"] / medians["without"] - 1,
        "recording_bytes": size,
        "rounds_s": times,
    }


def main() -> None:
    data = Path(sys.argv[1]).resolve()
    rows = []
    for task in TASKS:
        row = measure(*task, data)
        rows.append(row)
        print(
            f"{row['model']:<12} {row['preset']:<8} {row['frames']} of {row['steps']} steps: "
            f"{100 * row['cost_frac']:+.1f}% time, {row['recording_bytes'] / 2**20:.1f} MiB",
            flush=True,
        )
        write_result("recording", __doc__.splitlines()[0], {"tasks": rows})


if __name__ == "__main__":
    main()
