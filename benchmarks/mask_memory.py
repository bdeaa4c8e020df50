"""Claim: part masks take memory that does not grow with the units, nor with the pictures.

    python benchmarks/mask_memory.py

A layer of 64 and of 512 units (112 x 112 maps) on pictures of 224 px with masks of six
parts, 64 and 128 pictures; each in a process of its own, which measures the layer against the masks
(`analysis.concepts.dissection.part_overlap`). Measured is how far the peak of the process's memory
rises above what it had with pictures and masks in memory. Beside it what the maps of 64 pictures
would take if they were brought to the picture's size together. n: 1; a peak hardly varies.
Hardware: named in the result.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any

import torch
from torch import nn

from measured import write_result

SIDE, MAP, PARTS = 224, 112, 6
UNITS, PICTURES = (64, 512), (64, 128)
AT_ONCE = 64
BAR_MB = 1000.0


def peak_mb() -> float:
    """The peak of this process's memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(units: int, n: int) -> dict[str, Any]:
    """Measure one layer against the masks in this process."""
    from layerscope.analysis.concepts.dissection import part_overlap
    from layerscope.data.imageset import ImageSet
    from layerscope.graph.read import read_program
    from layerscope.graph.receptive_field import receptive_fields
    from layerscope.seed import make_generator

    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (n, 3, SIDE, SIDE), dtype=torch.uint8)
    masks = torch.zeros(n, PARTS, SIDE, SIDE, dtype=torch.bool)
    for i in range(n):
        for part in range(PARTS):
            y, x = torch.randint(0, SIDE - 60, (2,)).tolist()
            masks[i, part, y : y + 60, x : x + 60] = True
    names = tuple(f"part {p}" for p in range(PARTS))
    pictures = ImageSet(
        "noise", "test", pixels, torch.arange(n) % 2, ("a", "b"), mask_store=masks, part_names=names
    )

    def normalise(some: torch.Tensor) -> torch.Tensor:
        return some.float() / 255 - 0.5

    network = nn.Sequential(
        nn.Conv2d(3, units, 3, stride=2, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(units, 2),
    )  # fmt: skip
    program = read_program(network, normalise(pictures.take(torch.arange(2))))
    fields = receptive_fields(program.layers, height=SIDE, width=SIDE)
    before, started = peak_mb(), time.process_time()
    found = part_overlap(
        program, ["1"], fields, pictures, torch.arange(n), normalise=normalise,
        generator=make_generator(0, "places"),
    )["1"]  # fmt: skip
    return {
        "units": units,
        "pictures": n,
        "rise_mb": peak_mb() - before,
        "peak_mb": peak_mb(),
        "cpu_s": time.process_time() - started,
        "maps_of_64_pictures_mb": AT_ONCE * units * SIDE * SIDE * 4 / 2**20,
        "mean_iou": float(found.iou.mean()),
    }


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
        return
    rows = []
    for n in PICTURES:
        for units in UNITS:
            done = subprocess.run(
                [sys.executable, __file__, str(units), str(n)], capture_output=True, text=True,
                check=True,
            )  # fmt: skip
            rows.append(json.loads(done.stdout))
            print(rows[-1], flush=True)
    figures = {"rows": rows, "bar_mb": BAR_MB, "holds": max(r["rise_mb"] for r in rows) <= BAR_MB}
    path = write_result("mask_memory", __doc__.splitlines()[0].removeprefix("Claim: "), figures)
    print(path)


if __name__ == "__main__":
    main()
