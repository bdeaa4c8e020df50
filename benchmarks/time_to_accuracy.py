"""Claim: layerscope reaches each tutorial's test accuracy at least 10 times sooner, on two cores.

    python benchmarks/time_to_accuracy.py DATA_FOLDER --keras-python VENV/bin/python

Compared: the tutorial's program in its own framework (`tutorials/`) against layerscope's `quick`
preset with the same network, in separate processes, in turn (A B A B), nothing else running.
Seconds are of learning alone: the tutorial's from its first step to the first of four looks an
epoch that reaches the target (looks, and its own validation, off the clock); layerscope's from
building the network to the end of the whole run (its validation on the clock), which counts only
if the test split, scored once at that end, reaches the target. `program_s` counts from the start of
the process: imports, loading, compiling. n: 5 seeds a task. Hardware: named in the result.
Each row says how many cores something else kept busy meanwhile (`other_cores`): with two threads on
two cores a neighbour does not halve the speed, it can divide it by twenty.
The cats and dogs are lossy copies of CIFAR-10's, the same for both.

Interrupted, the same command goes on where it stopped, and runs disturbed rows again; `--fresh`
begins anew.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comparing import summarise
from measured import RESULTS, head, write_result
from quiet import QUIET_CORES, Others, wait_for_quiet

NAME = "time_to_accuracy"
TUTORIALS = Path(__file__).parent / "tutorials"
SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Task:
    """A tutorial's task.

    Args:
        name: of the task.
        target: test accuracy to reach.
        program: the tutorial's program and its first words.
        set: layerscope's name of the pictures.
        model: layerscope's name of the same network.
    """

    name: str
    target: float
    program: tuple[str, ...]
    set: str
    model: str

    @property
    def needs_keras(self) -> bool:
        return "keras" in self.program[0]


TASKS = (
    Task("mnist-mlp", 0.975, ("mnist_pytorch.py", "mlp"), "mnist", "digit-mlp"),
    Task("mnist-cnn", 0.990, ("mnist_pytorch.py", "cnn"), "mnist", "digit-cnn"),
    Task("fashion", 0.910, ("fashion_keras.py",), "fashion-mnist", "fashion-cnn"),
    Task("catdog", 0.74, ("catdog_keras.py",), "cats-vs-dogs", "catdog-cnn"),
)


def tutorial_command(task: Task, data: Path, keras_python: str) -> list[str]:
    """The tutorial's program."""
    python = keras_python if task.needs_keras else sys.executable
    return [python, str(TUTORIALS / task.program[0]), *task.program[1:], str(data)]


def layerscope_command(task: Task, data: Path) -> list[str]:
    """The same task with layerscope."""
    return [sys.executable, str(TUTORIALS / "with_layerscope.py"), str(data), task.set, task.model]


def run(command: list[str], target: float, seed: int) -> dict[str, Any]:
    """Run one program alone, with all cores, and read what it measured."""
    # Every framework takes the threads it takes by itself.
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        words = [*command, "--target", str(target), "--seed", str(seed), "--json", str(out)]
        wait_for_quiet()
        others = Others()
        started = time.perf_counter()
        subprocess.run(words, check=True, env=environment, stdout=subprocess.DEVNULL)
        wall_s = time.perf_counter() - started
        other_cores = others.cores()
        value = json.loads(out.read_text(encoding="utf-8"))
    return {**value, "wall_s": wall_s, "other_cores": other_cores}


def tutorial_row(value: dict[str, Any]) -> dict[str, Any]:
    """The tutorial's outcome in the words of a row; seconds are those at the target."""
    return {
        **value,
        "program": "tutorial",
        "train_s": value["at"]["train_s"],
        "program_s": value["at"]["program_s"],
        "test_accuracy": value["at"]["test_accuracy"],
    }


def earlier_rows(fresh: bool) -> list[dict[str, Any]]:
    """The undisturbed rows of an interrupted run of this very commit."""
    path = RESULTS / f"{NAME}.json"
    if fresh or not path.is_file():
        return []
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["commit"] != head():
        sys.exit(f"{path} is of commit {record['commit'][:7]}; begin anew with --fresh")
    rows = record["figures"]["rows"]
    return [row for row in rows if (row["other_cores"] or 0) <= QUIET_CORES]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--keras-python", default="python", help="a Python that has TensorFlow")
    parser.add_argument("--task", action="append", choices=[task.name for task in TASKS])
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many")
    parser.add_argument("--fresh", action="store_true", help="forget an interrupted run")
    options = parser.parse_args()
    data = options.data.resolve()
    rows = earlier_rows(options.fresh)
    done = {(row["task"], row["program"], row["seed"]) for row in rows}
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "cats-vs-dogs.npz"
        # In a process of its own, which also fills the cache of decoded pictures for both.
        subprocess.run([sys.executable, TUTORIALS / "arrays.py", data, arrays], check=True)
        for task in TASKS:
            if options.task and task.name not in options.task:
                continue
            theirs = arrays if task.name == "catdog" else data
            for seed in SEEDS[: options.seeds]:
                for program in ("tutorial", "layerscope"):
                    if (task.name, program, seed) in done:
                        continue
                    if program == "tutorial":
                        command = tutorial_command(task, theirs, options.keras_python)
                        row = tutorial_row(run(command, task.target, seed))
                    else:
                        value = run(layerscope_command(task, data), task.target, seed)
                        row = {**value, "task": task.name, "program": "layerscope"}
                    rows.append(row)
                    keep(rows)
                    tell(row)
    for name, figures in summarise(rows).items():
        print(name, json.dumps(figures))


def keep(rows: list[dict[str, Any]]) -> None:
    """Write what there is so far."""
    write_result(NAME, __doc__.splitlines()[0], {"tasks": summarise(rows), "rows": rows})


def tell(row: dict[str, Any]) -> None:
    """One row as a line."""
    print(
        f"{row['task']:<10} seed {row['seed']} {row['program']:<10} "
        f"{'reached' if row['reached'] else 'NOT reached'} {row['target']} "
        f"({row['test_accuracy']:.4f}) after {row['train_s']:.1f} s of learning, "
        f"{row['program_s']:.1f} s in all",
        flush=True,
    )
    if (row["other_cores"] or 0) > QUIET_CORES:
        print(f"  disturbed: something else kept {row['other_cores']:.2f} cores busy", flush=True)


if __name__ == "__main__":
    main()
