"""Claim: in the time of the tutorial's five epochs layerscope gets far beyond its accuracy.

    python benchmarks/time_to_accuracy.py DATA_FOLDER --keras-python VENV/bin/python
    python benchmarks/accuracy_in_time.py DATA_FOLDER

Compared: layerscope, with the networks and settings of `CASES`, against the median seconds of
learning that the tutorial's program took for its five epochs in the last `time_to_accuracy` on this
machine (for mnist: its CNN). A seed counts only if the whole run, validation on the clock, took no
longer; the test split is scored once, at its end. n: 5 seeds a task. Hardware: named in the result.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measured import RESULTS, write_result
from time_to_accuracy import NAME as TIMES
from time_to_accuracy import SEEDS, TUTORIALS, run


@dataclass(frozen=True)
class Case:
    """What to reach in a tutorial's time, and how.

    Args:
        task: the tutorial's, as in `time_to_accuracy`.
        target: test accuracy to reach.
        set: layerscope's name of the pictures.
        model: layerscope's name of the network.
        preset: of the recipe.
        changes: fields of the recipe. Choose them on validation splits alone.
    """

    task: str
    target: float
    set: str
    model: str = "compact"
    preset: str = "default"
    changes: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case(
        "mnist-cnn",
        0.995,
        "mnist",
        model="digit-cnn",
        changes={"epochs": 8, "label_smoothing_frac": 0.1},
    ),
    Case(
        "fashion",
        0.935,
        "fashion-mnist",
        model="fashion-cnn",
        changes={"epochs": 5, "batch_size": 64, "label_smoothing_frac": 0.1},
    ),
    Case(
        "catdog",
        0.86,
        "cats-vs-dogs",
        model="catdog-cnn",
        changes={
            "epochs": 7,
            "batch_size": 64,
            "learning_rate": 0.05,
            "augment": "flip-shift",
        },
    ),
)


def five_epochs_s(record: dict[str, Any], task: str) -> float:
    """Median seconds that the tutorial's program learned for its five epochs."""
    rows = record["figures"]["rows"]
    seconds = [
        row["after_five_epochs"]["train_s"]
        for row in rows
        if row["task"] == task and row["program"] == "tutorial"
    ]
    if not seconds:
        sys.exit(f"{TIMES}.json has no tutorial row of {task}; run time_to_accuracy.py first")
    return statistics.median(seconds)


def summarise(rows: list[dict[str, Any]], case: Case, budget_s: float) -> dict[str, Any]:
    """Whether the median seed, and how many, reached the target within the time."""
    return {
        "target": case.target,
        "budget_s": budget_s,
        "n": len(rows),
        "median_test_accuracy": statistics.median(row["test_accuracy"] for row in rows),
        "median_train_s": statistics.median(row["train_s"] for row in rows),
        "holds_in": sum(row["reached"] and row["train_s"] <= budget_s for row in rows),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--task", action="append", choices=[case.task for case in CASES])
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many")
    options = parser.parse_args()
    times = RESULTS / f"{TIMES}.json"
    if not times.is_file():
        sys.exit(f"there is no {times}; run time_to_accuracy.py first")
    record = json.loads(times.read_text(encoding="utf-8"))
    found: dict[str, Any] = {}
    all_rows = []
    for case in CASES:
        if options.task and case.task not in options.task:
            continue
        budget_s = five_epochs_s(record, case.task)
        words = [sys.executable, str(TUTORIALS / "with_layerscope.py"), str(options.data.resolve())]
        words += [case.set, case.model, "--preset", case.preset]
        for name, value in case.changes.items():
            words += ["--set-field", f"{name}={json.dumps(value)}"]
        rows: list[dict[str, Any]] = []
        for seed in SEEDS[: options.seeds]:
            rows.append({**run(words, case.target, seed), "task": case.task})
            print(
                f"{case.task:<10} seed {seed} {rows[-1]['test_accuracy']:.4f} of {case.target} "
                f"in {rows[-1]['train_s']:.1f} of {budget_s:.1f} s",
                flush=True,
            )
            found[case.task] = summarise(rows, case, budget_s)
            write_result(
                "accuracy_in_time",
                __doc__.splitlines()[0],
                {"tasks": found, "rows": [*all_rows, *rows], "times_of": record["commit"]},
            )
        all_rows += rows


if __name__ == "__main__":
    main()
