"""One network through `layerscope look`, in a process of its own; prints a row of JSON.

    cd benchmarks; python -m openings.one torchvision resnet18 torchvision:resnet18 64 PICTURES

The network's weights are random. `look` measures all its layers at the smallest effort (statistics
and patches; with units' evidence for the small ones), on eight pictures.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from layerscope.errors import LayerscopeError
from layerscope.formats.atlas_record import ReplayRecord
from layerscope.formats.layer_record import LayerRecord
from layerscope.graph.read import read_program
from layerscope.models.preprocessing import InputOptions
from layerscope.models.spec import is_backbone
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.pipeline.subject import find_subject
from openings.checks import receptive_fields, unit_values

N_PICTURES = 8
SMALLEST = Effort(pictures=N_PICTURES, untrained=2, ablation_pictures=4, featurevis_steps=1)
WITH_EVIDENCE = ("people",)  # the smallest networks: every stage of a look is run
DRAWN = 0


@contextmanager
def silent() -> Iterator[None]:
    """Nothing but the row goes to standard output."""
    out = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(out, 1)
        os.close(out)


def row_of(kind: str, opened_by: str, size: int | None, pictures: Path) -> dict[str, Any]:
    """Open a network, look at it, and hold what the atlas says against hooks and gradients."""
    torch.manual_seed(DRAWN)
    with tempfile.TemporaryDirectory() as home:
        if kind == "transformers":
            from openings import hf_networks

            opened_by = str(hf_networks.save(opened_by.partition(":")[2], Path(home)))
        started = time.perf_counter()
        subject = find_subject(
            opened_by,
            data=str(pictures),
            weights="none" if is_backbone(opened_by) else None,
            options=InputOptions(size=size) if size and kind != "keras" else None,
            out=Path(home) / "look",
        )
        opened_s = time.perf_counter() - started
        chosen = subject.pictures.subset(torch.arange(min(N_PICTURES, len(subject.pictures))))
        told = list(subject.told)
        atlas = look(
            subject.model,
            chosen,
            spec=subject.spec,
            out=Path(home) / "look" / "atlas",
            effort=SMALLEST if kind in WITH_EVIDENCE else None,
            tell=told.append,
        )
        record = atlas.record
    seconds = time.perf_counter() - started
    images = subject.spec.normalise(chosen.pixels)
    return {
        "status": "opened",
        "read": type(read_program(subject.model, images[:1])).__name__.removesuffix("Program"),
        "preprocessing": subject.spec.preprocessing.text(),
        "size": list(images.shape[1:]),
        "told": told,
        "replay_difference": worst_of(record.model.replay),
        "not_captured": list(record.model.not_captured),
        "n_layers": len(record.layers),
        "n_measured": sum(bool(layer.units) for layer in record.layers),
        "n_units": sum(len(layer.units) for layer in record.layers),
        "unit_axes": unit_axes(record.layers),
        "values": unit_values(subject.model, images, record.layers),
        "fields": receptive_fields(subject.model, images, record.layers),
        "open_s": opened_s,
        "look_s": seconds,
        "cpu_s": time.process_time(),
    }


def unit_axes(layers: Sequence[LayerRecord]) -> dict[str, int]:
    """Along which axes units lie, and of how many measured layers."""
    axes: dict[str, int] = {}
    for layer in layers:
        if layer.units:
            axes[str(layer.unit_axis)] = axes.get(str(layer.unit_axis), 0) + 1
    return axes


def worst_of(replay: ReplayRecord) -> float | None:
    """The largest difference between the network's own logits and its layers'."""
    known = [d for d in (replay.program_difference, replay.layer_difference) if d is not None]
    return max(known, default=None)


def main() -> None:
    kind, name, opened_by, size, pictures = sys.argv[1:6]
    row: dict[str, Any] = {"kind": kind, "name": name, "opened_by": opened_by}
    with silent():
        try:
            row |= row_of(kind, opened_by, int(size) or None, Path(pictures))
        except LayerscopeError as error:
            row |= {"status": "refused", "why": str(error)}
        except Exception as error:  # what a user must never see
            row |= {"status": "broken", "why": f"{type(error).__name__}: {error}"[:500]}
    print(json.dumps(row))


if __name__ == "__main__":
    main()
