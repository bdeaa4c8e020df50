"""Claim: ten times the photos take at most half as much memory again, all of it streamed.

    python benchmarks/flat_memory.py

Made photos (JPEG noise over colour ramps, 96 px), 1,500 and 15,000 in two class folders. For
each a fresh process with an empty cache decodes and trains `catdog-cnn` for one epoch with
LAYERSCOPE_MEMORY_GB=0, so that everything streams. Measured is the peak of RssAnon, the memory that
is the process's own: pages of the memory-mapped picture file belong to the system's file cache,
which gives them back when others need room. n: 3 rounds, in turn; medians. Hardware: named in the
result.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from measured import write_result

SIZES = (1_500, 15_000)
ROUNDS = 3


def make_photos(folder: Path, n: int) -> None:
    """Write n noisy JPEGs in two class folders."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(0)
    ramp = np.linspace(0, 160, 96)[None, :, None] * np.ones((96, 1, 3))
    for k, name in enumerate(("left", "right")):
        (folder / name).mkdir(parents=True)
        for i in range(n // 2):
            noise = generator.integers(0, 90, (12, 12, 3)).repeat(8, 0).repeat(8, 1)
            pixels = (ramp[:, ::-1] if k else ramp) + noise
            buffer = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG", quality=85)
            (folder / name / f"{i:06d}.jpg").write_bytes(buffer.getvalue())


def own_memory_mb() -> float:
    """The memory that is this process's own, now."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status names no RssAnon; this benchmark needs Linux")


def measure(folder: Path, out: Path) -> dict[str, float]:
    """Decode and train in this process; its peak."""
    from layerscope.training.session import train

    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], own_memory_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    try:
        run = train(folder, model="catdog-cnn", epochs=1, batch_size=64, out=out)
    finally:
        done.set()
        watcher.join()
    return {
        "peak_mb": peak[0],
        "wall_s": time.perf_counter() - started,
        "train_s": run.record.results.train_s,
        "pictures": run.record.data.n_train + run.record.data.n_validation,
    }


def main() -> None:
    rows: dict[int, list[dict[str, float]]] = {n: [] for n in SIZES}
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        for n in SIZES:
            make_photos(home / str(n), n)
        for i in range(ROUNDS):
            for n in SIZES:
                environment = {
                    **os.environ,
                    "LAYERSCOPE_MEMORY_GB": "0",
                    "LAYERSCOPE_CACHE": str(home / f"cache-{i}-{n}"),
                }
                command = [sys.executable, __file__, str(home / str(n)), str(home / "runs")]
                done = subprocess.run(
                    command, capture_output=True, text=True, check=True, env=environment
                )
                rows[n].append(json.loads(done.stdout.splitlines()[-1]))
    medians = {n: statistics.median(row["peak_mb"] for row in by_n) for n, by_n in rows.items()}
    for n, value in medians.items():
        print(f"{n:>6,} photos: {value:.0f} MB of its own at most")
    ratio = medians[SIZES[1]] / medians[SIZES[0]]
    print(f"ten times the photos: {ratio:.2f} times the memory")
    write_result(
        "flat_memory",
        __doc__.splitlines()[0],
        {"median_peak_mb": medians, "ratio": ratio, "rows": rows},
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]))))
    else:
        main()
