"""Claim: `layerscope demo` takes at most 60 s on two AVX2 cores, 30 s where bfloat16 is fast.

    python benchmarks/first_hour.py DATA        # the demo, then one round of two_at_once.py: 9 min
    python benchmarks/first_hour.py             # the demo alone

Compared: the whole command as a user types it, from the first import to the written report, with
an empty cache (the creatures are drawn anew), on this processor as it is and held to AVX2
(`ONEDNN_MAX_CPU_ISA=AVX2` with `ATEN_CPU_CAPABILITY=avx2`, which make an older one of it). 3
rounds in turn; medians. Beside the wall time the processor time (user + system), which other work
on the machine hardly changes. Hardware: named in the result, whose rows say what else ran.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import two_at_once
from layerscope.device import bfloat16_is_faster
from measured import write_result
from quiet import Others, wait_for_quiet

AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
WAYS = {"as it is": {}, "AVX2": AVX2}
ROUNDS = 3


def demo(settings: dict[str, str]) -> dict[str, Any]:
    """Run the demo once, in an empty folder with an empty cache: seconds, and what came of it."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**plain, **settings, "LAYERSCOPE_CACHE": f"{folder}/cache"}
        words = [sys.executable, "-m", "layerscope", "demo", "--device", "cpu"]
        started, before = time.perf_counter(), os.times()
        done = subprocess.run(words, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        wall_s, after = time.perf_counter() - started, os.times()
        if done.returncode:
            sys.exit("layerscope demo failed")
        run = next(Path(folder, "runs").iterdir())
        results = json.loads((run / "run.json").read_text())["results"]
        report_mb = (run / "report.html").stat().st_size / 1e6
    return {
        "wall_s": wall_s,
        "user_s": after.children_user - before.children_user,
        "system_s": after.children_system - before.children_system,
        "train_s": results["train_s"],
        "test_accuracy": results["test_accuracy"],
        "report_mb": report_mb,
    }


def main() -> None:
    rows: list[dict[str, Any]] = []
    for round_ in range(ROUNDS):
        for way, settings in WAYS.items():
            wait_for_quiet()
            others = Others()
            row = demo(settings)
            rows.append({"way": way, "round": round_, **row, "other_cores": others.cores()})
            print(rows[-1], flush=True)
    summary = {
        way: {
            figure: statistics.median(row[figure] for row in rows if row["way"] == way)
            for figure in ("wall_s", "user_s", "system_s", "test_accuracy", "report_mb")
        }
        for way in WAYS
    }
    figures = {
        "summary": summary,
        "fast_bfloat16": bfloat16_is_faster(torch.device("cpu")),
        "rows": rows,
    }
    write_result("first_hour", __doc__.splitlines()[0], figures)
    if len(sys.argv) > 1:
        two_at_once.main(rounds=1)


if __name__ == "__main__":
    main()
