"""The ablation of every layer that is looked at closely, each a stage of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from msgspec.structs import replace

from layerscope.analysis.observe import Observed
from layerscope.analysis.structure.representation_geometry import duplicate_units
from layerscope.data.imageset import ImageSet
from layerscope.formats.unit_record import UnitEvidence
from layerscope.graph.program import Program
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.budget import Budget
from layerscope.pipeline.effects.ablation_evidence import LayerAblations, ablation_evidence
from layerscope.pipeline.effects.directions_evidence import DirectionsFound
from layerscope.pipeline.effects.unit_groups import unit_groups
from layerscope.pipeline.look_progress import Part, Tell
from layerscope.pipeline.stages import Stages


def add_ablations(
    units: dict[str, list[UnitEvidence]],
    names: Sequence[str],
    found: Mapping[str, Observed],
    program: Program,
    spec: ModelSpec,
    imageset: ImageSet,
    rows: torch.Tensor,
    budget: Budget,
    *,
    directions: Mapping[str, DirectionsFound],
    seed: int,
    stages: Stages,
    progress: Tell,
    skipped: list[str],
) -> dict[str, LayerAblations]:
    """Add its ablation to each unit's record; returns what was found of groups and directions.

    A layer that it cannot be done for is named in `skipped`; `directions` are ablated too.
    """
    groups = {
        name: unit_groups(
            duplicate_units(found[name].features.at_places.flatten(0, 1)), units[name]
        )
        for name in names
    }

    def make(name: str, _: Path) -> LayerAblations:
        along = directions.get(name)
        return ablation_evidence(
            program, spec, name, imageset, rows, budget, groups=groups[name],
            directions=along and along.directions, kept=along and along.kept, seed=seed,
            progress=partial(progress, Part("ablation", name)),
        )  # fmt: skip

    done = stages.run_layers(
        "ablation",
        make,
        LayerAblations,
        names,
        skipped=skipped,
        otherwise="no unit of {layer} was ablated",
        needs={
            name: [[group.kind, group.words, list(group.units)] for group in groups[name]]
            for name in names
        },
    )
    for name, result in done.items():
        units[name] = [
            replace(unit, ablation=record)
            for unit, record in zip(units[name], result.units, strict=True)
        ]
    return done
