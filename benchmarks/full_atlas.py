"""Claim: a full atlas of `fashion-cnn` on 10,000 pictures in at most 60 s; of ResNet-18 in minutes.

    python benchmarks/full_atlas.py DATA_FOLDER [ROUNDS]

`layerscope.look` with its default effort (statistics and patches of every unit on all pictures;
tuning, concepts and probes on 1,000, beside 5 untrained copies; ablation on 500; feature
visualisation of 64 units a layer), as a user calls it, all cores:

    fashion-cnn   the network that comes with the package on 10,000 test pictures of fashion-mnist
                  (taken again where the copy has fewer); n = ROUNDS, 3 unless told; median
    resnet18      torchvision's, its weights drawn (they change no time), at 224 px on 1,000 of the
                  photographs in cats-dogs-photos.zip (some more than once); n = 1; of networks this
                  large the budget of `pipeline/budget.py` leaves out what would take hours

Also the peak of the process's memory after each. Hardware: named in the result.
"""

from __future__ import annotations

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
from measured import write_result

CLAIM = "full atlas of fashion-cnn on 10,000 pictures in at most 60 s; of ResNet-18 in minutes"


def timed(what: str, *args: Any, **settings: Any) -> dict[str, Any]:
    """One look, its time by stage, and the process's peak memory."""
    stages: dict[str, float] = {}
    started = last = time.perf_counter()
    doing = "reading"

    def progress(now: LookProgress) -> None:
        nonlocal last, doing
        present = time.perf_counter()
        stages[doing] = stages.get(doing, 0.0) + present - last
        last = present
        doing = now.part.kind

    with tempfile.TemporaryDirectory() as folder:
        atlas = look(*args, out=Path(folder), progress=progress, **settings)
        wall_s = time.perf_counter() - started
        stages[doing] = stages.get(doing, 0.0) + time.perf_counter() - last
        units = sum(len(layer.units) for layer in atlas.record.layers)
    print(f"{what}: {wall_s:.1f} s", {k: round(v, 1) for k, v in stages.items()}, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"wall_s": wall_s, "stages_s": stages, "units": units, "peak_bytes": peak}


def repeated(imageset: ImageSet, n: int) -> ImageSet:
    """So many pictures of a set, taken again from the start where it has fewer."""
    return imageset.subset(torch.arange(n) % len(imageset))


def main() -> None:
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    keep_freed_memory()  # as the command line does
    splits = load("fashion-mnist", data_dir=folder)
    pictures = repeated(splits.test, 10_000)
    run = open_run("fashion-cnn")
    looks = [timed("fashion-cnn", run, pictures) for _ in range(rounds)]
    figures: dict[str, Any] = {
        "fashion-cnn": {
            "pictures": len(pictures),
            "median_s": statistics.median(one["wall_s"] for one in looks),
            "rounds": looks,
        }
    }
    write_result("full_atlas", CLAIM, figures)
    photos = load(str(folder / "cats-dogs-photos.zip"), size=224)
    spec = make_spec(
        "torchvision:resnet18", class_names=photos.train.class_names, channels=3,
        height=224, width=224, mean=[], std=[],
    )  # fmt: skip
    model = build(spec, make_generator(0, "weights"))
    figures["resnet18"] = {
        "pictures": 1000,
        **timed("resnet18", model, repeated(photos.train, 1000), spec=spec),
    }
    write_result("full_atlas", CLAIM, figures)


if __name__ == "__main__":
    main()
