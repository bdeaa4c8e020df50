"""One network through `layerscope look`; prints a row of JSON.

    cd benchmarks; python -m openings.one torchvision torchvision:resnet18 64 PICTURES

The network's weights are random. On eight pictures, one look has statistics and patches of all its
layers, and another, at the smallest effort, all evidence of three of them: the first, a middle one
and the last, where a picture costs less than `CLOSELY_BELOW` multiply-adds. Of the smallest
networks one look has the evidence of all layers. Of those with more than `MANY_LAYERS`, four
pictures and `SPREAD` layers, evenly spread, have to do, and the middle one of them is looked at
closely: a look costs by the layer. At the least, two pictures and one layer.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from layerscope.errors import LayerscopeError
from layerscope.formats.atlas_record import ReplayRecord
from layerscope.formats.layer_record import LayerRecord
from layerscope.graph.layer import Layer
from layerscope.graph.read import read_program
from layerscope.models.logits import to_logits
from layerscope.models.preprocessing import InputOptions
from layerscope.models.spec import is_backbone
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.pipeline.look_request import MEASURED_KINDS
from layerscope.pipeline.subject import find_subject
from openings.checks import receptive_fields, unit_values

N_PICTURES = 8
SMALLEST = Effort(
    pictures=N_PICTURES, untrained=2, ablation_pictures=4, featurevis_steps=1, stimuli="coarse",
    dependence_patches=1, dependence_copies=1,
)  # fmt: skip
SMALL = ("people",)  # kinds of which all layers get all evidence
CLOSELY_BELOW = 3e7
MANY_LAYERS, SPREAD, FEW_PICTURES, LEAST_PICTURES = 60, 12, 4, 2
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


def row_of(
    kind: str, opened_by: str, size: int | None, pictures: Path, *, least: bool = False
) -> dict[str, Any]:
    """What became of a network: opened, refused in a sentence, or broken."""
    with silent():
        try:
            return looked_at(kind, opened_by, size, pictures, least=least)
        except LayerscopeError as error:
            return {"status": "refused", "why": str(error)}
        except Exception as error:  # what a user must never see
            where = traceback.extract_tb(error.__traceback__)[-1]
            told = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
            return {"status": "broken", "why": told[:500]}


def looked_at(
    kind: str, opened_by: str, size: int | None, pictures: Path, *, least: bool
) -> dict[str, Any]:
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
        some = subject.spec.normalise(subject.pictures.take(torch.arange(1)))
        program = read_program(to_logits(subject.model, some).model, some)
        spread = spread_layers(program.layers)
        n = min(FEW_PICTURES if spread else N_PICTURES, len(subject.pictures))
        if least:
            with_units = [layer.name for layer in program.layers if layer.kind in MEASURED_KINDS]
            spread, n = [with_units[len(with_units) // 2]], LEAST_PICTURES
        chosen = subject.pictures.subset(torch.arange(n))
        told = list(subject.told)
        atlas = look(
            subject.model,
            chosen,
            spec=subject.spec,
            out=Path(home) / "look" / "atlas",
            effort=SMALLEST if kind in SMALL and not spread else None,
            only=spread,
            tell=told.append,
        )
        record = atlas.record
        seconds = time.perf_counter() - started
        closely: list[LayerRecord] = [layer for layer in record.layers if layer.evidence]
        missing = list(record.model.not_captured) if closely else []
        if not (closely or least) and record.model.multiply_adds < CLOSELY_BELOW:
            measured = [la.name for la in record.layers if la.units and la.units_in is None]
            chosen_layers = {measured[0], measured[len(measured) // 2], measured[-1]}
            chosen_layers = {measured[len(measured) // 2]} if spread else chosen_layers
            again = look(
                subject.model,
                chosen,
                spec=subject.spec,
                out=Path(home) / "closely" / "atlas",
                effort=SMALLEST,
                only=sorted(chosen_layers, key=measured.index),
            ).record
            closely = [layer for layer in again.layers if layer.evidence]
            missing = [s for s in again.model.not_captured if s not in record.model.not_captured]
    closely_s = time.perf_counter() - started - seconds
    images = subject.spec.normalise(chosen.pixels)
    return {
        "status": "opened",
        "read": type(program).__name__.removesuffix("Program"),
        "preprocessing": subject.spec.preprocessing.text(),
        "size": list(images.shape[1:]),
        "told": told,
        "replay_difference": worst_of(record.model.replay),
        "not_captured": list(record.model.not_captured),
        "n_layers": len(record.layers),
        "n_measured": sum(bool(layer.units) for layer in record.layers),
        "spread": bool(spread),
        "least": least,
        "n_units": sum(len(layer.units) for layer in record.layers),
        "unit_axes": unit_axes(record.layers),
        "values": unit_values(subject.model, images, record.layers),
        "fields": receptive_fields(subject.model, images, record.layers),
        "closely": [layer.name for layer in closely],
        "closely_missing": missing,
        "closely_s": closely_s,
        "open_s": opened_s,
        "look_s": seconds,
        "cpu_s": time.process_time(),
    }


def spread_layers(layers: Sequence[Layer]) -> list[str] | None:
    """Some layers with units, evenly spread, the first and the last among them; None: all."""
    names = [layer.name for layer in layers if layer.kind in MEASURED_KINDS]
    if len(layers) <= MANY_LAYERS or len(names) <= SPREAD:
        return None
    return [names[i * (len(names) - 1) // (SPREAD - 1)] for i in range(SPREAD)]


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


if __name__ == "__main__":
    kind, opened_by, size, pictures = sys.argv[1:5]
    print(json.dumps(row_of(kind, opened_by, int(size) or None, Path(pictures))))
