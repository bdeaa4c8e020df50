"""Claim: two trainings at once on two cores take at most 2.5 times as long as one alone.

    python benchmarks/two_at_once.py DATA

Compared: `layerscope train` for one epoch of three networks, alone and twice at the same moment, as
the command line runs (threads by the size of the work, a short spin, turns), and with OpenMP as it
is by itself (every thread of the machine, 300,000 spins), in turns too. Rounds one after another, 3
of them, or 1 where `first_hour.py` asks; medians. Beside the wall time the processor time (user +
system) of each training, which other work on the machine hardly changes: threads that spin show in
it. Hardware: named in the result.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measured import write_result
from quiet import Others, wait_for_quiet

TASKS = (("mnist", "digit-mlp"), ("mnist", "digit-cnn"), ("creatures", "catdog-cnn"))
# What GNU OpenMP does where nothing is set: its own numbers, given by hand.
WAYS = {"layerscope": {}, "OpenMP's own": {"GOMP_SPINCOUNT": "300000", "OMP_NUM_THREADS": "all"}}
ROUNDS = 3


def timed(words: list[str], environment: dict[str, str], at_once: int) -> dict[str, float]:
    """Run a command so many times at the same moment; wall and mean processor seconds."""
    with tempfile.TemporaryDirectory() as out:
        started, before = time.perf_counter(), os.times()
        running = [
            subprocess.Popen(
                [*words, "--out", f"{out}/{i}"], env=environment, stdout=subprocess.DEVNULL
            )
            for i in range(at_once)
        ]
        if any(process.wait() for process in running):
            sys.exit(f"{' '.join(words)} failed")
        wall_s, after = time.perf_counter() - started, os.times()
    cpu_s = after.children_user - before.children_user
    cpu_s += after.children_system - before.children_system
    return {"wall_s": wall_s, "cpu_s": cpu_s / at_once}


def main(rounds: int = ROUNDS) -> None:
    data = Path(sys.argv[1]).resolve()
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    rows = []
    for name, model in TASKS:
        words = [sys.executable, "-m", "layerscope", "train", name, "--model", model]
        words += ["--epochs", "1", "--no-report", "--data-dir", str(data)]
        for round_ in range(rounds):
            for way, settings in WAYS.items():
                given = {k: str(os.cpu_count()) if v == "all" else v for k, v in settings.items()}
                for at_once in (1, 2):
                    wait_for_quiet()
                    others = Others()
                    row = timed(words, {**plain, **given}, at_once)
                    row |= {"other_cores": others.cores() or 0.0, "at_once": at_once}
                    rows.append({"model": model, "way": way, "round": round_, **row})
                    print(rows[-1], flush=True)
    summary = {}
    for _, model in TASKS:
        for way in WAYS:
            mine = [row for row in rows if (row["model"], row["way"]) == (model, way)]
            one, two = (
                statistics.median(row["wall_s"] for row in mine if row["at_once"] == n)
                for n in (1, 2)
            )
            summary[f"{model}, {way}"] = {"one_s": one, "two_s": two, "times": two / one}
    write_result("two_at_once", __doc__.splitlines()[0], {"summary": summary, "rows": rows})


if __name__ == "__main__":
    main()
