"""Claim: each command, as a user types it, reaches its tutorial's accuracy in at most 5 epochs.

    python benchmarks/commands.py DATA_FOLDER

Hardware: named in the result. n: one run of each command with its default seed; the accuracy's
interval is the 95% Wilson interval over the test pictures. The test split is scored once, at the
end of each run. Times are of the whole process, from typing to the path of the report; `demo` runs
with an empty cache, so it draws its pictures, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from layerscope.formats.run_files import read_run_record
from measured import write_result

COMMANDS = (
    "demo",
    "train mnist --model digit-mlp",
    "train mnist --model digit-cnn",
    "train fashion-mnist --model fashion-cnn",
    "train cats-vs-dogs --model catdog-cnn",
    "train {data}/cats-dogs-photos.zip",
    "train {data}/flowers.zip",
)


def measure(command: str, data: Path, folder: Path) -> dict:
    """Run one command in an empty folder and read what it left."""
    cwd = folder / str(len(list(folder.iterdir())))
    cwd.mkdir()
    words = command.format(data=data).split()
    environment = {**os.environ, "LAYERSCOPE_DATA": str(data), "LAYERSCOPE_CACHE": str(cwd / "c")}
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "layerscope", *words], cwd=cwd, env=environment, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wall_s = time.perf_counter() - started
    run = next((cwd / "runs").iterdir())
    record = read_run_record(run)
    return {
        "command": "layerscope " + command.format(data="DATA"),
        "epochs": record.recipe.epochs,
        "test_accuracy": record.results.test_accuracy,
        "test_interval": record.results.test_interval,
        "n_test": record.data.n_test,
        "train_s": record.results.train_s,
        "wall_s": wall_s,
        "report_mb": (run / "report.html").stat().st_size / 1e6,
    }


def main() -> None:
    data = Path(sys.argv[1]).resolve()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for command in COMMANDS:
            row = measure(command, data, Path(temporary))
            rows.append(row)
            print(
                f"{row['command']:<55} {row['test_accuracy']:.4f} "
                f"[{row['test_interval'][0]:.4f}, {row['test_interval'][1]:.4f}] "
                f"{row['wall_s']:.0f} s, report {row['report_mb']:.1f} MB",
                flush=True,
            )
            write_result("commands", __doc__.splitlines()[0], {"commands": rows})


if __name__ == "__main__":
    main()
