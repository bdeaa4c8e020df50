"""Goal: one streaming scan of all layers costs at most 1.15 times a bare forward pass (see ratio).

    python benchmarks/streaming.py DATA_FOLDER [RUN_FOLDER]

Compared over 10,000 pictures of fashion-mnist's test split (repeated where it has fewer) and all
layers of `fashion-cnn` that an atlas measures, trained by its quick recipe first unless a run is
given; n = 7 rounds in turn, after one that does not count:

    bare    model(normalise(take(batch))) in inference mode, in batches of 32, 64, 128 and 256,
            channels last and not; the ratio is to the one with the smallest median
    scan    `analysis.activations.scan.scan`

The ratio is that of the medians; `ratio_of_minima` and `cpu_ratio` (seconds of processor time) are
less moved by what else runs. Memory: the peak of RssAnon while scanning 1,000, 10,000 and 100,000
pictures (repeated), each in a process of its own, 3 rounds in turn, medians. As many threads as
OMP_NUM_THREADS says; hardware: named in the result.
"""

from __future__ import annotations

import copy
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from flat_memory import own_memory_mb
from layerscope.analysis.activations.scan import scan
from layerscope.data import load
from layerscope.data.imageset import ImageSet
from layerscope.graph.read import read_graph
from layerscope.pipeline.look_request import scanned_layers
from layerscope.training.runs.run_folder import Run, open_run
from layerscope.training.session import train
from measured import write_result

N = 10_000
SIZES = (1_000, 10_000, 100_000)
ROUNDS = 7
MEMORY_ROUNDS = 3
BATCHES = (32, 64, 128, 256)


def pictures(data: Path, n: int) -> ImageSet:
    """The first n of the test split, from its start again where it has fewer."""
    test = load("fashion-mnist", data_dir=data).test
    rows = torch.arange(n) % len(test)
    return replace(test, rows=rows, labels=test.labels[rows], ids=())


def scanning(run: Run, test: ImageSet) -> Callable[[], object]:
    """A scan of all layers that an atlas measures."""
    layers = scanned_layers(
        read_graph(run.model, run.spec.normalise(test.take(torch.arange(1)))), None
    )
    return lambda: scan(run.model, test, normalise=run.spec.normalise, layers=layers)


def passing(run: Run, test: ImageSet, batch_size: int, *, last: bool) -> Callable[[], None]:
    """A bare forward pass."""
    layout = torch.channels_last if last else torch.contiguous_format
    model: nn.Module = copy.deepcopy(run.model).eval()
    model = model.to(memory_format=layout)  # type: ignore[call-overload]

    def bare() -> None:
        with torch.inference_mode():
            for rows in torch.arange(len(test)).split(batch_size):
                model(run.spec.normalise(test.take(rows)).contiguous(memory_format=layout))

    return bare


def measure_time(run: Run, test: ImageSet) -> dict[str, Any]:
    """Scan and bare passes in turn."""
    ways: dict[str, Callable[[], object]] = {"scan": scanning(run, test)}
    for batch_size in BATCHES:
        for last in (True, False):
            name = f"bare, {batch_size} at a time{', channels last' if last else ''}"
            ways[name] = passing(run, test, batch_size, last=last)
    wall_s: dict[str, list[float]] = {way: [] for way in ways}
    cpu_s: dict[str, list[float]] = {way: [] for way in ways}
    for i in range(ROUNDS + 1):
        for way, go in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            go()
            if i:  # the first pass of a process sets up the libraries
                wall_s[way].append(time.perf_counter() - wall)
                cpu_s[way].append(time.process_time() - cpu)

    def ratio(seconds: dict[str, list[float]], of: Callable[[list[float]], float]) -> float:
        return of(seconds["scan"]) / min(of(s) for way, s in seconds.items() if way != "scan")

    medians = {way: statistics.median(seconds) for way, seconds in wall_s.items()}
    return {
        "pictures": len(test),
        "threads": torch.get_num_threads(),
        "ratio": ratio(wall_s, statistics.median),
        "ratio_of_minima": ratio(wall_s, min),
        "cpu_ratio": ratio(cpu_s, statistics.median),
        "best_bare": min((m, way) for way, m in medians.items() if way != "scan")[1],
        "median_s": medians,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
    }


def measure_memory(run: Run, test: ImageSet) -> dict[str, float]:
    """The peak while scanning, and what there was before, in this process."""
    go = scanning(run, test)
    before = own_memory_mb()
    peak, done = [before], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], own_memory_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        go()
    finally:
        done.set()
        watcher.join()
    return {"before_mb": before, "peak_mb": peak[0]}


def main() -> None:
    data = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
        if path is None:
            path = train(
                "fashion-mnist", model="fashion-cnn", preset="quick", data_dir=data, out=folder
            ).path
        figures = measure_time(open_run(path), pictures(data, N))
        for way, seconds in figures["median_s"].items():
            print(f"{way:<40} {seconds:6.3f} s")
        print(
            f"scan: {figures['ratio']:.2f} times the best bare pass; of minima "
            f"{figures['ratio_of_minima']:.2f}, of processor time {figures['cpu_ratio']:.2f}",
            flush=True,
        )
        rows: dict[int, list[dict[str, float]]] = {n: [] for n in SIZES}
        for _ in range(MEMORY_ROUNDS):
            for n in SIZES:
                command = [sys.executable, __file__, str(data), str(path), str(n)]
                ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                rows[n].append(json.loads(ran.stdout.splitlines()[-1]))
    peaks = {n: statistics.median(row["peak_mb"] for row in by_n) for n, by_n in rows.items()}
    for n, value in peaks.items():
        print(f"{n:>7,} pictures: {value:.0f} MB of its own at most")
    figures |= {"median_peak_mb": peaks, "memory": rows}
    write_result("streaming", __doc__.splitlines()[0], figures)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        at, of, n = sys.argv[1:]
        print(json.dumps(measure_memory(open_run(Path(of)), pictures(Path(at), int(n)))))
    else:
        main()
