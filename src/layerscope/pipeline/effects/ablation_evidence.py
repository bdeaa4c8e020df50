"""The effect of ablating each unit of a layer, groups of them, and directions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from msgspec import Struct

from layerscope.analysis.ablation.effects import Effects
from layerscope.analysis.ablation.unit_ablation import Ablations, ablate, drawn_evenly
from layerscope.analysis.directions.kept_parts import (
    KeptAccuracy,
    KeptVariance,
    kept_accuracy,
)
from layerscope.analysis.directions.layer_directions import LayerDirections
from layerscope.data.imageset import ImageSet
from layerscope.formats.layer_record import GroupAblation
from layerscope.formats.unit_record import Ablation, ClassChange, ControlRange
from layerscope.graph.program import Program
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.budget import Budget, control_pictures
from layerscope.pipeline.effects.unit_groups import UnitGroup
from layerscope.pipeline.recording.control_ranges import least_to_most, middle_95_percent
from layerscope.seed import make_generator

# Of a layer with more units, only the first are ablated: each costs a pass behind the layer.
MOST_ABLATED = 256
# Random directions, each run at the energies of `effects.levels_of`: three at most.
CONTROLS = 100
CONTROL_RUNS = 3 * CONTROLS
LARGEST_CLASSES = 2
MOST_KEPT_PICTURES = 400


class KeptScores(Struct, frozen=True, kw_only=True):
    """The accuracy of the network with a few units, or directions, of a layer alone.

    Args:
        units: that explain most of the layer's variance.
        components: as many principal components.
        random: as many random directions.
    """

    units: float
    components: float
    random: ControlRange | None


class LayerAblations(Struct, frozen=True, kw_only=True):
    """What the ablations of one layer did.

    Args:
        units: of each unit; None beyond the budget.
        groups: of each group.
        along: of each direction.
        kept: with a few units or directions alone, for each number of them.
        accuracy: of the whole network on the same pictures; None where none were kept alone.
        kept_n: these pictures.
    """

    units: tuple[Ablation | None, ...]
    groups: tuple[GroupAblation, ...] = ()
    along: tuple[Ablation, ...] = ()
    kept: tuple[KeptScores, ...] = ()
    accuracy: float | None = None
    kept_n: int = 0


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
    groups: Sequence[UnitGroup] = (),
    directions: LayerDirections | None = None,
    kept: KeptVariance | None = None,
    seed: int,
    progress: Callable[[int, int], None],
) -> LayerAblations:
    """Ablate each unit of a layer in turn, then groups and directions.

    Args:
        program: the network.
        spec: what it takes.
        layer: whose units.
        imageset, rows: the pictures.
        budget: how many units, and pictures of these.
        groups: units that are ablated together as well.
        directions: of the layer.
        kept: units and components that are kept alone.
        seed: of what is drawn.
        progress: told (runs done, runs in all).
    """
    U = next(found.n_units for found in program.layers if found.name == layer)
    units, pictures = budget.ablation(layer, min(U, MOST_ABLATED), CONTROL_RUNS)
    if not units:
        return LayerAblations(units=(None,) * U)
    if units < U:  # what cannot be paid for one by one is not run together either
        groups, directions, kept = (), None, None
    found = ablate(
        program,
        layer,
        imageset,
        normalise=spec.normalise,
        rows=rows,
        units=range(units),
        groups=[group.units for group in groups],
        directions=directions,
        baseline=budget.effort.ablation_baseline,
        controls=CONTROLS,
        seed=seed,
        most_pictures=pictures,
        controlled=control_pictures(pictures),
        progress=progress,
    )
    alone_scores = None
    if kept is not None:
        some = drawn_evenly(
            imageset.labels, rows, min(pictures, MOST_KEPT_PICTURES), make_generator(seed, "kept")
        )
        alone_scores = kept_accuracy(
            program, layer, imageset, some, kept, normalise=spec.normalise, seed=seed
        )
    records = [ablation_record(found, found.single, i) for i in range(len(found.units))]
    alone = found.single.loss.mean
    return LayerAblations(
        units=(*records, *[None] * (U - len(records))),
        groups=tuple(
            GroupAblation(
                kind=group.kind,
                words=group.words,
                units=group.units,
                single_loss_change=float(alone[list(group.units)].sum()),
                ablation=ablation_record(found, found.together, i),
            )
            for i, group in enumerate(groups)
        ),
        along=tuple(
            ablation_record(found, found.along, k) for k in range(len(found.along.accuracy))
        ),
        kept=kept_scores(alone_scores) if alone_scores else (),
        accuracy=alone_scores.whole if alone_scores else None,
        kept_n=alone_scores.n if alone_scores else 0,
    )


def kept_scores(found: KeptAccuracy) -> tuple[KeptScores, ...]:
    """The same for each number that is kept."""
    return tuple(
        KeptScores(
            units=float(found.units[i]),
            components=float(found.components[i]),
            random=least_to_most(draws.tolist()),
        )
        for i, draws in enumerate(found.random.unbind(1))
    )


def ablation_record(found: Ablations, effects: Effects, i: int) -> Ablation:
    """What one change did.

    Args:
        found: the ablations of a layer.
        effects: those of its units, of its groups or of its directions.
        i: which of them.
    """
    changes = effects.class_accuracy[i].tolist()
    known = [k for k, change in enumerate(changes) if not math.isnan(change)]
    largest = sorted(known, key=lambda k: -abs(changes[k]))[:LARGEST_CLASSES]
    control = effects.control
    loss = effects.loss
    return Ablation(
        baseline=found.baseline,
        n=found.n,
        accuracy_change=float(effects.accuracy[i]),
        accuracy_interval=pair(effects.accuracy_interval[i]),
        class_accuracy_change=tuple(None if math.isnan(change) else change for change in changes),
        control=middle_95_percent(control.accuracy[:, i]) if control else None,
        loss_change=float(loss.mean[i]),
        loss_interval=pair(loss.interval[i]),
        p=float(loss.p[i]),
        q=float(loss.q[i]),
        loss_control=middle_95_percent(control.loss[:, i]) if control else None,
        loss_beside_control=float(control.own_loss[i]) if control else None,
        control_n=control.n if control else 0,
        control_draws=len(control.loss) if control else 0,
        control_frac=float((control.loss[:, i] >= control.own_loss[i]).double().mean())
        if control
        else None,
        largest_class_changes=tuple(
            ClassChange(label=k, change=changes[k], interval=pair(effects.class_interval[i, k]))
            for k in largest
        ),
        class_control_p95=float(control.class_largest[:, i].quantile(0.95)) if control else None,
    )


def pair(values: torch.Tensor) -> tuple[float, float]:
    """An interval's two ends."""
    low, high = values.tolist()
    return low, high
