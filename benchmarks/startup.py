"""Claim: help and import take at most 0.4 s, and a run begins its first step within 3 s.

    python benchmarks/startup.py DATA_FOLDER

Each figure is the median of 7 fresh processes, in turn. `first step` counts from the start of the
process to the first step of `train fashion-mnist --model fashion-cnn`: imports, reading and
decoding 65,000 pictures, building the network, the plan on disk. Hardware: named in the result.
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

ROUNDS = 7

FIRST_STEP = """
import sys, time
from layerscope.training import loop
from layerscope.training.input import batches
from layerscope.training.session import train

def first(*args, **kwargs):
    print(time.time())
    sys.stdout.flush()
    import os
    os._exit(0)

loop.shuffled = first  # what the loop asks for its first batch
train("fashion-mnist", model="fashion-cnn", data_dir=sys.argv[1], out=sys.argv[2])
"""


def timed(command: list[str]) -> float:
    """Seconds that a command takes."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def first_step(data: Path, folder: Path) -> float:
    """Seconds from the start of a process to its first step."""
    started = time.time()
    done = subprocess.run(
        [sys.executable, "-c", FIRST_STEP, str(data), str(folder)],
        check=True, capture_output=True, text=True,
        env={**os.environ, "LAYERSCOPE_CACHE": str(folder / "cache")},
    )  # fmt: skip
    return float(done.stdout.split()[-1]) - started


def main() -> None:
    data = Path(sys.argv[1]).resolve()
    times: dict[str, list[float]] = {"help": [], "import": [], "first step": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            times["help"].append(timed([sys.executable, "-m", "layerscope", "--help"]))
            times["import"].append(timed([sys.executable, "-c", "import layerscope"]))
            times["first step"].append(first_step(data, Path(folder)))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:<12} {value:.2f} s")
    write_result("startup", __doc__.splitlines()[0], {"median_s": medians, "rounds_s": times})


if __name__ == "__main__":
    main()
