"""The effect of ablating each unit, as plain values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from layerscope.analysis.ablation.unit_ablation import LEVELS, ablate
from layerscope.data.imageset import ImageSet
from layerscope.graph.program import Program
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.budget import Budget

# Of a layer with more units, only the first are ablated: each costs a pass behind the layer.
MOST_ABLATED = 256
CONTROLS = 20


def can_ablate(spec: ModelSpec, imageset: ImageSet) -> bool:
    """Whether the network's classes are those of these pictures."""
    return spec.class_names == imageset.class_names


def ablation_evidence(
    program: Program,
    spec: ModelSpec,
    layer: str,
    imageset: ImageSet,
    rows: torch.Tensor,
    budget: Budget,
    *,
    seed: int,
    progress: Callable[[int, int], None],
) -> list[dict[str, Any] | None]:
    """Ablate each unit of a layer in turn: a record for each, None beyond the budget.

    Args:
        program: the network.
        spec: what it takes.
        layer: whose units.
        imageset, rows: the pictures.
        budget: how many units, and pictures of these.
        seed: of what is drawn.
        progress: told (pictures done, pictures in all).
    """
    U = next(found.n_units for found in program.layers if found.name == layer)
    units, pictures = budget.ablation(layer, min(U, MOST_ABLATED), CONTROLS * LEVELS)
    if not units:
        return [None] * U
    found = ablate(
        program,
        layer,
        imageset,
        normalise=spec.normalise,
        rows=rows,
        units=range(units),
        way=budget.effort.ablation_baseline,
        controls=CONTROLS,
        seed=seed,
        most_pictures=pictures,
        progress=progress,
    )
    records: list[dict[str, Any] | None] = [found.as_json(unit) for unit in found.units]
    return records + [None] * (U - len(records))
