"""Claim: a full atlas of `fashion-cnn` on 10,000 pictures in at most 60 s; of ResNet-18 in minutes.

    python benchmarks/full_atlas.py DATA_FOLDER [ROUNDS] [NETWORK ...]

`layerscope.look` with its default effort (statistics and patches of every unit on all pictures;
descriptions, dependence profiles, directions and probes on 1,000, beside 20 untrained copies;
ablation on 1,000; feature visualisation of 64 units a layer), as a user calls it, all cores. Run
it once more with ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 for processors without
bfloat16; what is not run again keeps its figures:

    fashion-cnn   the network that comes with the package on 10,000 test pictures of fashion-mnist
                  (taken again where the copy has fewer); n = ROUNDS, 3 unless told; median
    resnet18      torchvision's, its weights drawn (they change no time), at 224 px on 1,000 of the
                  photographs in cats-dogs-photos.zip (some more than once); n = 1; of networks this
                  large the budget of `pipeline/budget.py` leaves out what would take hours

Of each: wall time, processor time, time by stage, the process's peak memory. On a machine that does
other work as well the processor time is the one to compare. Hardware: named in the result.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from layerscope.data import load
from layerscope.data.imageset import ImageSet
from layerscope.memory import keep_freed_memory
from layerscope.models import build, make_spec
from layerscope.pipeline.look import look
from layerscope.pipeline.look_progress import LookProgress
from layerscope.seed import make_generator
from layerscope.training.runs.run_folder import open_run
from measured import RESULTS, write_result

CLAIM = "full atlas of fashion-cnn on 10,000 pictures in at most 60 s; of ResNet-18 in minutes"


def timed(what: str, *args: Any, **settings: Any) -> dict[str, Any]:
    """One look, its time by stage, and the process's peak memory."""
    stages: dict[str, float] = {}
    started = last = time.perf_counter()
    processor = time.process_time()
    doing = "reading"

    def progress(now: LookProgress) -> None:
        nonlocal last, doing
        present = time.perf_counter()
        stages[doing] = stages.get(doing, 0.0) + present - last
        last = present
        doing = now.part.kind

    with tempfile.TemporaryDirectory() as folder:
        atlas = look(*args, out=Path(folder), progress=progress, **settings)
        wall_s, processor_s = time.perf_counter() - started, time.process_time() - processor
        stages[doing] = stages.get(doing, 0.0) + time.perf_counter() - last
        units = sum(len(layer.units) for layer in atlas.record.layers)
    print(
        f"{what}: {wall_s:.1f} s, of processors {processor_s:.1f} s",
        {k: round(v, 1) for k, v in stages.items()},
        flush=True,
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "wall_s": wall_s,
        "processor_s": processor_s,
        "stages_s": stages,
        "units": units,
        "peak_bytes": peak,
    }


def repeated(imageset: ImageSet, n: int) -> ImageSet:
    """So many pictures of a set, taken again from the start where it has fewer."""
    return imageset.subset(torch.arange(n) % len(imageset))


def fashion_cnn(folder: Path, rounds: int) -> dict[str, Any]:
    """The packaged network on 10,000 pictures, several times."""
    splits = load("fashion-mnist", data_dir=folder)
    pictures = repeated(splits.test, 10_000)
    run = open_run("fashion-cnn")
    looks = [timed("fashion-cnn", run, pictures, training=splits.train) for _ in range(rounds)]
    return {
        "pictures": len(pictures),
        "processor": os.environ.get("ATEN_CPU_CAPABILITY", "as it is"),
        "median_s": statistics.median(one["wall_s"] for one in looks),
        "median_processor_s": statistics.median(one["processor_s"] for one in looks),
        "rounds": looks,
    }


def resnet18(folder: Path) -> dict[str, Any]:
    """A network of photographs, its weights drawn."""
    photos = load(str(folder / "cats-dogs-photos.zip"), size=224)
    spec = make_spec(
        "torchvision:resnet18", class_names=photos.train.class_names, channels=3,
        height=224, width=224, mean=[], std=[],
    )  # fmt: skip
    model = build(spec, make_generator(0, "weights"))
    return {"pictures": 1000, **timed("resnet18", model, repeated(photos.train, 1000), spec=spec)}


def main() -> None:
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    networks = sys.argv[3:] or ["fashion-cnn", "resnet18"]
    keep_freed_memory()  # as the command line does
    kept = RESULTS / "full_atlas.json"
    figures = json.loads(kept.read_text())["figures"] if kept.is_file() else {}
    for name in networks:
        slower = os.environ.get("ATEN_CPU_CAPABILITY")
        figures[f"{name} ({slower})" if slower else name] = (
            fashion_cnn(folder, rounds) if name == "fashion-cnn" else resnet18(folder)
        )
        write_result("full_atlas", CLAIM, figures)


if __name__ == "__main__":
    main()
