"""Look through a network: measure every layer and write the atlas."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from layerscope.atlas.arrays import write_weights
from layerscope.atlas.read import SCHEMA, Atlas, load_atlas
from layerscope.atlas.samples import write_samples
from layerscope.atlas.units import layer_statistics, patched_units, unit_records, write_patches
from layerscope.data.imageset import ImageSet, Splits
from layerscope.errors import AtlasError
from layerscope.files import write_json
from layerscope.looking.filters import acting_on_pixels, filter_pictures
from layerscope.looking.scan import LayerScan, scan
from layerscope.looking.steps import eight_steps
from layerscope.models.cost import costs
from layerscope.models.graph import INPUT, Layer, read_graph
from layerscope.models.receptive import receptive_fields
from layerscope.models.spec import ModelSpec
from layerscope.seed import make_generator
from layerscope.sprites import write_sprite

MEASURED_KINDS = ("conv", "dense", "activation")
MOST_PICTURES = 10_000


def look(
    run: Any,
    data: Splits | ImageSet | None = None,
    *,
    spec: ModelSpec | None = None,
    out: Path | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Atlas:
    """Measure every layer of a network and write its atlas.

    Args:
        run: a run; or a network, with `spec` and `out` saying what it takes and where to write.
        data: the pictures to measure on; None takes the run's test split. Of more than 10,000 a
            seeded choice is measured.
        spec: of a bare network.
        out: the atlas folder; None is `atlas` inside the run.
        seed: of what is drawn: which pictures are walked through, which are measured.
        progress: told (pictures done, pictures in all).

    Returns:
        The atlas, read back from its folder.

    Raises:
        AtlasError: data, spec or out are missing.
        ModelError: the network cannot be read or does not take the pictures.

    Example:
        >>> atlas = look(run)                                       # doctest: +SKIP
        >>> atlas["features.1"].unit(3)["zero_frac"]                # doctest: +SKIP
        0.71
    """
    started = time.perf_counter()
    model, spec, imageset, folder = settle(run, data, spec, out)
    chosen = measured_rows(imageset, seed)
    device = next(model.parameters()).device
    layers = read_graph(model, spec.normalise(imageset.take(chosen[:1])).to(device))
    scans = scan(
        model,
        imageset,
        normalise=spec.normalise,
        layers=[layer.name for layer in layers if layer.kind in MEASURED_KINDS],
        rows=chosen,
        progress=progress,
    )
    # An atlas that a reader can open is whole: the old one goes first, its index is written last.
    (folder / "atlas.json").unlink(missing_ok=True)
    samples = write_samples(folder, model, spec, imageset, seed=seed)
    record = {
        "schema": SCHEMA,
        "made": made(seed, device),
        "model": model_record(model, spec, layers),
        "input": {
            "channels": spec.channels,
            "height": spec.height,
            "width": spec.width,
            "mean": list(spec.mean),
            "std": list(spec.std),
        },
        "data": {
            "name": imageset.name,
            "split": imageset.split,
            "n": len(chosen),
            "class_counts": torch.bincount(
                imageset.labels[chosen], minlength=imageset.n_classes
            ).tolist(),
            "fingerprint": imageset.fingerprint(),
        },
        "steps": [step_record(step) for step in eight_steps(layers)],
        "layers": layer_records(folder, model, spec, layers, scans, imageset),
        "samples": [],
    }
    record["made"]["seconds_s"] = time.perf_counter() - started
    # The samples' logits are compared with the arithmetic on the page, digit by digit.
    write_json(folder / "atlas.json", {**rounded(record), "samples": samples})
    return load_atlas(folder)


def rounded(value: Any) -> Any:
    """The same values with six significant digits: more are noise, and make the file larger."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def settle(
    run: Any, data: Splits | ImageSet | None, spec: ModelSpec | None, out: Path | None
) -> tuple[nn.Module, ModelSpec, ImageSet, Path]:
    """Find network, description, pictures and folder in what was handed over."""
    if isinstance(run, nn.Module):
        model = run
    else:
        model, spec = run.model, spec or run.spec
        data = data if data is not None else run.data
        out = out or run.path / "atlas"
    if spec is None or out is None:
        raise AtlasError("a bare network needs spec= (a ModelSpec) and out= (a folder)")
    if data is None:
        raise AtlasError("there are no pictures to measure on; hand over data=")
    imageset = data.test if isinstance(data, Splits) else data
    if not len(imageset):
        raise AtlasError(f"the {imageset.split} split of {imageset.name} is empty; give pictures")
    return model, spec, imageset, Path(out)


def measured_rows(imageset: ImageSet, seed: int) -> torch.Tensor:
    """Which pictures are measured: all, or a seeded choice of a large set, in order."""
    n = len(imageset)
    if n <= MOST_PICTURES:
        return torch.arange(n)
    order = torch.randperm(n, generator=make_generator(seed, "measured pictures"))
    return order[:MOST_PICTURES].sort().values


def made(seed: int, device: torch.device) -> dict[str, Any]:
    """When and with what an atlas was made."""
    try:
        own = version("layerscope")
    except PackageNotFoundError:
        own = "not installed"
    return {
        "layerscope": own,
        "torch": str(torch.__version__),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "device": str(device),
    }


def model_record(model: nn.Module, spec: ModelSpec, layers: Sequence[Layer]) -> dict[str, Any]:
    """What the atlas says of the network as a whole."""
    cost = costs(model, layers, channels=spec.channels, height=spec.height, width=spec.width)
    return {
        "name": spec.name,
        "parameters": sum(p.numel() for p in model.parameters()),
        "multiply_adds": sum(c.multiply_adds for c in cost.values()),
        "dense_parameters": sum(c.dense_parameters for c in cost.values()),
        "class_names": list(spec.class_names),
        "output": "sigmoid" if spec.n_logits == 1 else "softmax",
        "options": spec.options,
    }


def step_record(step: Any) -> dict[str, Any]:
    """One of the eight steps."""
    return {**asdict(step), "layers": list(step.layers)}


def layer_records(
    folder: Path,
    model: nn.Module,
    spec: ModelSpec,
    layers: Sequence[Layer],
    scans: dict[str, LayerScan],
    imageset: ImageSet,
) -> list[dict[str, Any]]:
    """Everything about every layer, its sprites written on the way."""
    cost = costs(model, layers, channels=spec.channels, height=spec.height, width=spec.width)
    fields = receptive_fields(layers, height=spec.height, width=spec.width)
    weights = write_weights(folder, model, layers)
    patched = patched_units(
        [
            len(found.statistics.total)
            for layer in layers
            if (found := scans.get(layer.name)) and units_elsewhere(layer, layers) is None
        ]
    )
    records = []
    unchanged = {INPUT}  # what still is the picture itself
    for layer in layers:
        field, found = fields[layer.name], scans.get(layer.name)
        units_in = units_elsewhere(layer, layers)
        units: list[dict[str, Any]] = []
        sprite = None
        if found is not None:
            units = unit_records(
                found, imageset, field, patched=0 if units_in is not None else patched
            )
            if units_in is None:
                path = folder / "sprites" / f"{layer.name.replace('/', '-')}.patches.webp"
                sprite = write_patches(path, units, imageset, field)
        unchanged |= {layer.name} if layer.kind == "flatten" and reads(layer, unchanged) else set()
        filters, scales = write_filters(
            folder, model, spec, layer, reads_picture=reads(layer, unchanged)
        )
        records.append(
            {
                "name": layer.name,
                "kind": layer.kind,
                "title": layer.title,
                "function": layer.function,
                "inputs": list(layer.inputs),
                "shape": list(layer.shape),
                "parameters": cost[layer.name].parameters,
                "multiply_adds": cost[layer.name].multiply_adds,
                "receptive_field": asdict(field) if field else None,
                "options": layer.options,
                **weights.get(layer.name, {"weight": None, "bias": None}),
                "filters": filters,
                "filter_scales": scales,
                "statistics": layer_statistics(found) if found else None,
                "units": units,
                "units_in": units_in,
                "patch_sprite": sprite,
            }
        )
    return records


def reads(layer: Layer, names: set[str]) -> bool:
    """Whether all that a layer reads is among some names."""
    return set(layer.inputs) <= names


def units_elsewhere(layer: Layer, layers: Sequence[Layer]) -> str | None:
    """The activation (or its batch norm's) that a layer's units fire through, if there is one."""
    if layer.kind not in ("conv", "dense"):
        return None
    name = layer.name
    for other in layers:
        if name in other.inputs:
            if other.kind == "activation":
                return other.name
            if other.kind in ("batch_norm", "add"):
                name = other.name
    return None


def write_filters(
    folder: Path, model: nn.Module, spec: ModelSpec, layer: Layer, *, reads_picture: bool
) -> tuple[dict[str, Any] | None, list[float]]:
    """The pictures of a layer's weights, where it reads the picture itself."""
    module = dict(model.named_modules()).get(layer.module or "")
    weight = getattr(module, "weight", None)
    if layer.kind not in ("conv", "dense") or weight is None:
        return None, []
    pictures = acting_on_pixels(
        weight, channels=spec.channels, height=spec.height, width=spec.width
    )
    if pictures is None or not reads_picture:
        return None, []
    tiles, scales = filter_pictures(pictures.cpu())
    path = folder / "sprites" / f"{layer.name.replace('/', '-')}.filters.webp"
    sprite = write_sprite(path, tiles, columns=8)
    return {"file": f"sprites/{path.name}", **sprite}, scales
