"""The effect of ablating each unit."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from layerscope.analysis.ablation.unit_ablation import LEVELS, Ablations, ablate
from layerscope.data.imageset import ImageSet
from layerscope.formats.unit_record import Ablation, ControlRange
from layerscope.graph.program import Program
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.budget import Budget

# Of a layer with more units, only the first are ablated: each costs a pass behind the layer.
MOST_ABLATED = 256
CONTROLS = 20
CONTROL_RUNS = CONTROLS * LEVELS


def can_ablate(spec: ModelSpec, imageset: ImageSet) -> bool:
    """Whether the network's answers can be right or wrong about these pictures."""
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
) -> list[Ablation | None]:
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
    units, pictures = budget.ablation(layer, min(U, MOST_ABLATED), CONTROL_RUNS)
    if not units:
        return [None] * U
    found = ablate(
        program,
        layer,
        imageset,
        normalise=spec.normalise,
        rows=rows,
        units=range(units),
        baseline=budget.effort.ablation_baseline,
        controls=CONTROLS,
        seed=seed,
        most_pictures=pictures,
        progress=progress,
    )
    records: list[Ablation | None] = [ablation_record(found, i) for i in range(len(found.units))]
    return records + [None] * (U - len(records))


def ablation_record(found: Ablations, place: int) -> Ablation:
    """What the ablation of one unit did.

    Args:
        found: the ablations of a layer.
        place: of the unit among those that were measured.
    """
    changes = found.class_change[place].tolist()
    return Ablation(
        baseline=found.baseline,
        n=found.n,
        accuracy_change=float(found.change[place]),
        class_accuracy_change=tuple(None if math.isnan(change) else change for change in changes),
        control=control_of(found.control[:, place]) if len(found.control) else None,
    )


def control_of(draws: torch.Tensor) -> ControlRange:
    """The mean of a control's draws, and what 95 % of them lie between."""
    low, high = draws.quantile(torch.tensor([0.025, 0.975], dtype=draws.dtype)).tolist()
    return ControlRange(mean=float(draws.mean()), low=low, high=high)
