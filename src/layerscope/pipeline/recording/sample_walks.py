"""Some pictures walked through the whole network, for the page to show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch

from layerscope.batch_budget import pictures_at_once
from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.formats.atlas_record import SampleRecord
from layerscope.graph.layer import Layer
from layerscope.graph.program import Program
from layerscope.graph.tracing.recorded_program import RecordedProgram
from layerscope.models.own_pictures import OwnPictures
from layerscope.models.probabilities import predicted, to_probs
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.recording.array_files import write_arrays
from layerscope.seed import make_generator

MOST_SAMPLES = 10
LEAST_SAMPLES = 4
# Of activations: what keeps a small network's page under 6 MB.
BUDGET_BYTES = 3_500_000
# Of the activations of a large network, which is kept as float16: then layers are left out.
MOST_BYTES = 8_000_000
# The first to go: what they show can be seen in the layer before or behind them.
MINOR_KINDS = ("batch_norm", "dropout", "add", "other")


def choose_rows(imageset: ImageSet, n: int, *, seed: int) -> list[int]:
    """Choose pictures at random, the classes in turn, so that none is picked for its looks."""
    order = torch.randperm(len(imageset), generator=make_generator(seed, "samples")).tolist()
    by_class: dict[int, list[int]] = {}
    for row in order:
        by_class.setdefault(int(imageset.labels[row]), []).append(row)
    rows: list[int] = []
    for turn in range(n):
        for k in sorted(by_class):
            if turn < len(by_class[k]) and len(rows) < n:
                rows.append(by_class[k][turn])
    return rows


def shown_layers(layers: Sequence[Layer], sizes: dict[str, int]) -> list[str]:
    """Choose the layers whose activations are kept, in their order.

    Args:
        layers: all of them.
        sizes: of each one's activations for one picture, as float32, in bytes.
    """
    most = BUDGET_BYTES // 4
    first_conv = next((layer for layer in layers if layer.kind == "conv"), None)
    read_first = first_conv.inputs if first_conv else ()  # the page's arithmetic begins there
    major_first = sorted(
        (layer for layer in layers if sizes[layer.name] <= most),
        key=lambda layer: (
            layer.kind in MINOR_KINDS and layer.name not in read_first,
            sizes[layer.name],
        ),
    )
    kept, total = set(), 0
    for layer in major_first:
        total += LEAST_SAMPLES * sizes[layer.name] // 2  # as float16
        if total > MOST_BYTES:
            break
        kept.add(layer.name)
    return [layer.name for layer in layers if layer.name in kept]


def outputs_of(
    program: Program, images: torch.Tensor
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The logits, and what every layer that was reached put out, by picture; on the CPU."""
    outputs: dict[str, torch.Tensor] = {}
    shapes = {layer.name: layer.shape for layer in program.layers}

    def keep(name: str, value: torch.Tensor) -> None:
        # Attention turns its queries, keys and values so that these come before the pictures.
        if value.shape == (len(images), *shapes[name]):
            outputs[name] = value.cpu().clone()

    return program.run(images, keep).cpu(), outputs


def write_samples(
    folder: Path,
    program: Program,
    spec: ModelSpec,
    imageset: ImageSet,
    *,
    seed: int,
    own: OwnPictures | None = None,
) -> tuple[SampleRecord, ...]:
    """Walk some pictures through the network and write what every layer put out.

    As many pictures as the budget holds, 4 to 10. Where even 4 are too much, activations are kept
    as float16; a layer of one picture that alone would take a quarter of the budget is left out of
    `activations`. Of a network too large for that still, batch norms and sums are left out, then
    the largest layers. Pictures that somebody brings come first, and all of them.

    Returns:
        The atlas's `samples`.
    """
    sizes = {layer.name: 4 * math.prod(layer.shape) for layer in program.layers}
    shown = shown_layers(program.layers, sizes)
    each = sum(sizes[name] for name in shown)
    half = LEAST_SAMPLES * each > BUDGET_BYTES
    dtype = torch.float16 if half else torch.float32
    each = each // 2 if half else each
    n = min(MOST_SAMPLES, max(LEAST_SAMPLES, BUDGET_BYTES // max(1, each)))
    n_own = len(own) if own else 0
    rows = choose_rows(imageset, max(LEAST_SAMPLES, n - n_own), seed=seed)
    pixels = imageset.take(torch.tensor(rows))
    if own:
        pixels = torch.cat([own.pixels, pixels])
    images = spec.normalise(pixels.to(device_of(program.model)))
    # Where a network decides by values, each picture goes its own way.
    alone = isinstance(program, RecordedProgram)
    at_once = pictures_at_once(
        len(images),
        outputs=[layer.shape for layer in program.layers],
        on_gpu=images.device.type != "cpu",
    )
    walks = [outputs_of(program, part) for part in images.split(1 if alone else at_once)]
    logits = torch.cat([found for found, _ in walks])
    probs = to_probs(logits.float())
    said = predicted(logits)
    outputs = [{n: v[i] for n, v in o.items()} for found, o in walks for i in range(len(found))]
    tensors: dict[str, torch.Tensor] = {}
    for i in range(len(images)):
        tensors[f"{i}/pixels"] = pixels[i].clone()
        for name in shown:
            if name in outputs[i]:
                tensors[f"{i}/{name}"] = outputs[i][name].to(dtype).clone()
    homes = write_arrays(folder / "arrays" / "samples.safetensors", tensors)
    known: list[tuple[int | None, str, int | None]] = [
        *((None, id_, None) for id_ in (own.ids if own else ())),
        *((row, imageset.picture_id(row), imageset.label_of(row)) for row in rows),
    ]
    return tuple(
        SampleRecord(
            row=row,
            id=id_,
            label=label,
            predicted=int(said[i]),
            logits=tuple(logits[i].tolist()),
            probs=tuple(probs[i].tolist()),
            pixels=homes[f"{i}/pixels"],
            activations={name: homes[f"{i}/{name}"] for name in shown if name in outputs[i]},
        )
        for i, (row, id_, label) in enumerate(known)
    )
