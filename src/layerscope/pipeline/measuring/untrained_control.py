"""The control of an atlas: untrained copies of the network, measured like the network itself."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from msgspec import Struct
from torch import nn

from layerscope.analysis.activations.memory_format import in_fastest_format
from layerscope.analysis.concepts.descriptions import KindMeasures
from layerscope.analysis.controls.untrained_copies import calibrate_batch_norms, untrained_copy
from layerscope.analysis.observe import Observed, Scenes, observe
from layerscope.batch_budget import pictures_at_once
from layerscope.device import device_of
from layerscope.graph.program import Program
from layerscope.graph.read import read_copy
from layerscope.models import build, model_names
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.budget import Budget, looked_at_closely
from layerscope.pipeline.effects.directions_evidence import directions_of
from layerscope.pipeline.effort import FULL, Effort
from layerscope.pipeline.measuring.cka_evidence import (
    CopyLikeness,
    LayerLikeness,
    copy_likeness,
    likeness_of,
)
from layerscope.pipeline.measuring.dependence_evidence import copy_figures
from layerscope.pipeline.measuring.layer_evidence import LayerFigures, layer_figures
from layerscope.pipeline.measuring.layer_probes import ProbePictures
from layerscope.seed import make_generator

# More would wait for each other's turn at the interpreter.
MOST_AT_ONCE = 4


class UnitValues(Struct, frozen=True, kw_only=True):
    """What one kind says of a layer's units.

    Args:
        values: of the kind's measure.
        holds: whether it is there where pictures drive the unit most.
        auroc: how clearly; NaN for a unit that hardly ever fires.
    """

    values: tuple[float, ...]
    holds: tuple[bool, ...]
    auroc: tuple[float | None, ...]


class CopyFigures(Struct, frozen=True, kw_only=True):
    """What is kept of one untrained copy.

    Args:
        units: layer -> kind -> each unit's value, whether it holds in pictures, and how clearly.
        layers: layer -> its figures.
        directions: layer -> kind -> the same of its directions, of the copies whose layers are
            measured.
        cka: layer -> how alike it is to the same layer, trained, and to thumbnails.
        likeness: between the copy's layers; of the first copy alone.
        dependence: layer -> figures of its units' dependence profiles, for the copies that get any.
    """

    units: dict[str, dict[str, UnitValues]]
    layers: dict[str, LayerFigures]
    directions: dict[str, dict[str, UnitValues]]
    cka: dict[str, CopyLikeness]
    likeness: LayerLikeness | None
    dependence: dict[str, dict[str, float]] = {}


def measure_copy(
    program: Program,
    trained: Mapping[str, Observed],
    scenes: Scenes,
    calibration: torch.Tensor,
    *,
    seed: int,
    copy: int,
    with_layers: bool,
    fields: tuple[int, int],
    probing: ProbePictures | None = None,
    effort: Effort = FULL,
    profiled: Mapping[str, int] | None = None,
) -> CopyFigures:
    """Measure one untrained copy of a network.

    Args:
        program: the network.
        trained: what was observed of it; the same layers are measured.
        scenes: the same pictures and stimuli.
        calibration: float (B, C, H, W), pictures for the copy's batch norms.
        seed: of what is drawn.
        copy: which one.
        with_layers: whether whole layers are measured too: most of a copy's time.
        fields: (pictures, units) for effective receptive fields.
        probing: what probes learn from; None: half of the measured pictures.
        effort: how directions are found, and how many patches a dependence profile has.
        profiled: layer -> units that get such a profile.
    """
    network = untrained(program.model, scenes.spec, make_generator(seed, f"untrained {copy}"))
    at_once = pictures_at_once(
        len(calibration),
        outputs=[layer.shape for layer in program.layers],
        on_gpu=calibration.device.type != "cpu",
    )
    calibrate_batch_norms(network, calibration, batch_size=at_once)
    with in_fastest_format(network, calibration[:1]):
        return control_record(
            read_copy(program, network, calibration[:1]), trained, scenes, calibration,
            with_layers=with_layers, with_likeness=copy == 0, probing=probing, fields=fields,
            effort=effort, profiled=profiled or {},
        )  # fmt: skip


def copies_at_once(budget: Budget, spec: ModelSpec, device: torch.device) -> int:
    """How many copies are measured at the same time, each by its share of the threads.

    Several of a small network, whose operations are too short to be parted among threads; of one
    that is built here, for foreign code may not bear it.
    """
    small = not budget.told and device.type == "cpu" and spec.name in model_names()
    return min(torch.get_num_threads(), MOST_AT_ONCE) if small else 1


def untrained(model: nn.Module, spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """The network as a training begins with it: our own drawn as ours, others by their modules."""
    if spec.name in model_names():
        return build(spec, generator).to(device_of(model))
    return untrained_copy(model, generator)


def control_record(
    program: Program,
    trained: Mapping[str, Observed],
    scenes: Scenes,
    images: torch.Tensor,
    *,
    with_layers: bool,
    with_likeness: bool,
    fields: tuple[int, int],
    probing: ProbePictures | None,
    effort: Effort,
    profiled: Mapping[str, int],
) -> CopyFigures:
    """What is kept of an untrained copy: values of units and layers."""
    imageset = scenes.imageset
    found = observe(program, list(trained), scenes, intervals=False)
    labels = imageset.labels[scenes.rows]
    hidden = [name for name in found if name != program.layers[-1].name]
    closely = looked_at_closely(hidden, program.layers, effort.closely)
    along = directions_of(program, found, closely, scenes, effort) if with_layers else {}
    return CopyFigures(
        units={name: kind_values(seen.units) for name, seen in found.items()},
        directions={name: kind_values(one.units) for name, one in along.items()},
        layers=layer_figures(
            program, found, labels, imageset.n_classes, images, probing, fields=fields
        )
        if with_layers
        else {},
        cka=copy_likeness(trained, found, scenes.thumbnails),
        likeness=likeness_of(found) if with_likeness else None,
        dependence=copy_figures(
            program, found, scenes, profiled, patches=effort.dependence_patches
        ),
    )


def kind_values(units: KindMeasures) -> dict[str, UnitValues]:
    """What is kept of every kind."""
    return {kind: unit_values(units, kind) for kind in units.values}


def unit_values(units: KindMeasures, kind: str) -> UnitValues:
    """What is kept of one kind; JSON has no NaN."""
    return UnitValues(
        values=tuple(units.values[kind].tolist()),
        holds=tuple(units.holds[kind].tolist()),
        auroc=tuple(None if a != a else a for a in units.auroc[kind].tolist()),
    )


def as_measured(units: Mapping[str, Mapping[str, UnitValues]]) -> dict[str, KindMeasures]:
    """An untrained copy's values, as descriptions and the ladder take them."""
    return {
        name: KindMeasures(
            values={kind: torch.tensor(one.values) for kind, one in kinds.items()},
            words={},
            holds={kind: torch.tensor(one.holds) for kind, one in kinds.items()},
            auroc={
                kind: torch.tensor([torch.nan if a is None else a for a in one.auroc]).double()
                for kind, one in kinds.items()
            },
        )
        for name, kinds in units.items()
    }
