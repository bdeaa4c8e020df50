"""The control of an atlas: untrained copies of the network, measured like the network itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from msgspec import Struct
from torch import nn

from layerscope.analysis.concepts.unit_names import Measured
from layerscope.analysis.controls.untrained_copies import calibrate_batch_norms, untrained_copy
from layerscope.analysis.observe import Observed, observe
from layerscope.analysis.structure.cka import cka_matrix, linear_cka
from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.graph.program import Program
from layerscope.graph.read import read_program
from layerscope.graph.tracing.recorded_program import RecordedProgram
from layerscope.models import build, model_names
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.measuring.layer_evidence import LayerFigures, layer_figures
from layerscope.seed import make_generator


class LayerLikeness(Struct, frozen=True, kw_only=True):
    """How alike the layers of one network are.

    Args:
        layers: names, in the order of rows and columns.
        matrix: linear CKA between each two.
    """

    layers: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]


class CopyFigures(Struct, frozen=True, kw_only=True):
    """What is kept of one untrained copy.

    Args:
        units: layer -> kind -> each unit's value.
        layers: layer -> its figures.
        cka: layer -> linear CKA with the same layer, trained; of the first copy alone.
        likeness: between the copy's layers; of the first copy alone.
    """

    units: dict[str, dict[str, tuple[float, ...]]]
    layers: dict[str, LayerFigures]
    cka: dict[str, float]
    likeness: LayerLikeness | None


def measure_copy(
    program: Program,
    spec: ModelSpec,
    trained: Mapping[str, Observed],
    imageset: ImageSet,
    rows: torch.Tensor,
    calibration: torch.Tensor,
    *,
    seed: int,
    copy: int,
) -> CopyFigures:
    """Measure one untrained copy of a network.

    Args:
        program: the network.
        spec: what it takes.
        trained: what was observed of it; the same layers are measured.
        imageset, rows: the same pictures.
        calibration: float (B, C, H, W), pictures for the copy's batch norms.
        seed: of what is drawn.
        copy: which one. The first is also compared with the network itself.
    """
    network = untrained(program.model, spec, make_generator(seed, f"untrained {copy}"))
    calibrate_batch_norms(network, calibration)
    return control_record(
        read_copy(program, network, calibration[:1]), trained, imageset, rows, spec, calibration,
        seed=seed, with_cka=copy == 0,
    )  # fmt: skip


def read_copy(program: Program, copy: nn.Module, images: torch.Tensor) -> Program:
    """A copy of a network, read; where the network decides by values, for the same layers."""
    if isinstance(program, RecordedProgram):
        return replace(program, model=copy)
    return read_program(copy, images)


def untrained(model: nn.Module, spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """The network as a training begins with it: our own drawn as ours, others by their modules."""
    if spec.name in model_names():
        return build(spec, generator).to(device_of(model))
    return untrained_copy(model, generator)


def control_record(
    program: Program,
    trained: Mapping[str, Observed],
    imageset: ImageSet,
    rows: torch.Tensor,
    spec: ModelSpec,
    images: torch.Tensor,
    *,
    seed: int,
    with_cka: bool,
) -> CopyFigures:
    """What is kept of an untrained copy: values of units and layers."""
    found = observe(program, list(trained), imageset, rows, spec, seed=seed)
    figures = layer_figures(program, found, imageset.labels[rows], imageset.n_classes, images)
    return CopyFigures(
        units={
            name: {kind: tuple(values.tolist()) for kind, values in seen.units.values.items()}
            for name, seen in found.items()
        },
        layers=figures,
        cka={
            name: float(linear_cka(trained[name].features.pooled, found[name].features.pooled))
            for name in found
        }
        if with_cka
        else {},
        likeness=likeness_of(found) if with_cka else None,
    )


def likeness_of(found: Mapping[str, Observed]) -> LayerLikeness:
    """How alike the layers of one network are."""
    layers, matrix = cka_matrix({name: seen.features.pooled for name, seen in found.items()})
    return LayerLikeness(layers=tuple(layers), matrix=tuple(map(tuple, matrix.tolist())))


def as_measured(units: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, Measured]:
    """An untrained copy's values, as the naming takes them."""
    return {
        name: Measured(
            {kind: torch.tensor(values) for kind, values in kinds.items()},
            {kind: [""] * len(values) for kind, values in kinds.items()},
        )
        for name, kinds in units.items()
    }
