"""What a look is asked to measure: which network, which pictures of which set, which layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from layerscope.data.folders.ink import Ink
from layerscope.data.imageset import ImageSet, Splits
from layerscope.errors import AtlasError, LayerNotFoundError, nearest
from layerscope.graph.layer import Layer
from layerscope.graph.state_guard import opened
from layerscope.models.class_names import in_network_order
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.preliminaries import AS_TRAINED
from layerscope.pipeline.recording.layer_records import units_elsewhere
from layerscope.seed import make_generator

MEASURED_KINDS = (
    "conv", "conv1d", "conv3d", "conv_transpose", "dense", "activation", "recurrent", "attention",
)  # fmt: skip
MOST_PICTURES = 10_000
# Layers are compared on at least so many pictures (`analysis.structure.cka`).
LEAST_EVIDENCE = 4


def scanned_layers(layers: Sequence[Layer], only: Sequence[str] | None) -> list[str]:
    """The layers whose units are measured: all that have any, or those that are asked for.

    The network's outputs are among them whatever operation gives them, such as a product with
    weights or a mean over places. A convolution that is asked for brings the activation along that
    its units are seen through.

    Raises:
        LayerNotFoundError: there is no such layer, or it has no units.
    """
    known = [
        layer.name
        for layer in layers
        if layer.kind in MEASURED_KINDS or (layer is layers[-1] and len(layer.shape) == 1)
    ]
    if only is None:
        return known
    for name in only:
        if name not in known:
            raise LayerNotFoundError(f"no layer {name!r} has units{nearest(name, known)}")
    wanted = {*only, *(units_elsewhere(name, layers) for name in only)}
    return [name for name in known if name in wanted]


def settle(
    run: Any, data: Splits | ImageSet | None, spec: ModelSpec | None, out: str | Path | None
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
    return opened(model), spec, in_network_order(imageset, spec.class_names), Path(out)


def training_of(run: Any, data: Splits | ImageSet | None) -> ImageSet | None:
    """The training split that belongs to the pictures that are looked at."""
    if data is None and not isinstance(run, nn.Module):
        data = run.data
    return data.learned if isinstance(data, Splits) else None


def too_few(imageset: ImageSet, effort: Effort | None) -> list[str]:
    """Why no evidence can be had of these pictures, however much is asked; nothing where it can."""
    n = len(imageset)
    if effort is None or n >= LEAST_EVIDENCE:
        return []
    some = "1 picture is" if n == 1 else f"{n} pictures are"
    return [f"{some} too few to compare layers on; give {LEAST_EVIDENCE}"]


def found_by(run: Any) -> str:
    """Who says which values a network takes, where nobody had to look for them."""
    return "as described" if isinstance(run, nn.Module) else AS_TRAINED


def ink_of(run: Any) -> Ink | None:
    """How the pictures are laid out that a run learned from; None for a bare network."""
    record = None if isinstance(run, nn.Module) else run.record.data.ink
    return Ink(fit_frac=record.fit_frac, by_mass=record.by_mass) if record else None


def measured_rows(imageset: ImageSet, seed: int) -> torch.Tensor:
    """Which pictures are measured: all, or a seeded choice of a large set, in order."""
    n = len(imageset)
    if n <= MOST_PICTURES:
        return torch.arange(n)
    order = torch.randperm(n, generator=make_generator(seed, "measured pictures"))
    return order[:MOST_PICTURES].sort().values
