"""Ablation: what a network loses without one unit, or several, beside random directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import get_args

import torch

from layerscope.analysis.ablation.effects import (
    Effects,
    effects_of,
    levels_of,
    plan_control,
)
from layerscope.analysis.ablation.replacement import Baseline, ReplacedLayer, replace_layer
from layerscope.analysis.ablation.stacked_variants import Change, Scores, scores_without
from layerscope.analysis.directions.layer_directions import LayerDirections
from layerscope.batch_budget import pictures_at_once
from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.errors import DataError, LayerNotFoundError, ModelError
from layerscope.graph.program import Program
from layerscope.seed import make_generator

BASELINES: tuple[Baseline, ...] = get_args(Baseline)


@dataclass(frozen=True)
class Ablations:
    """How much units of a layer, alone and together, do for the network.

    Every change is the figure without minus the figure with: an accuracy below zero and a loss
    above zero say that the unit helps.

    Args:
        layer: its name.
        baseline: what stood in for the unit: its "mean" map, that of another picture ("resample"),
            or "zero".
        n: pictures.
        units: U unit numbers.
        class_counts: int64 (K,), pictures of each class.
        accuracy: of the whole network on these pictures.
        loss: its mean log loss, in nats.
        class_accuracy: float64 (K,); not a number for a class without pictures.
        single: the effect of each unit.
        groups: units that were ablated together.
        together: the effect of each group.
        along: the effect of each direction; empty without directions.
    """

    layer: str
    baseline: Baseline
    n: int
    units: tuple[int, ...]
    class_counts: torch.Tensor = field(repr=False)
    accuracy: float
    loss: float
    class_accuracy: torch.Tensor = field(repr=False)
    single: Effects = field(repr=False)
    groups: tuple[tuple[int, ...], ...]
    together: Effects = field(repr=False)
    along: Effects = field(repr=False)

    @property
    def change(self) -> torch.Tensor:
        """float64 (U,), of the accuracy."""
        return self.single.accuracy

    @property
    def class_change(self) -> torch.Tensor:
        """float64 (U, K), of each class's accuracy."""
        return self.single.class_accuracy

    @property
    def energy(self) -> torch.Tensor:
        """float64 (U,): how far each unit's stand-in is from its own map: the mean over pictures of
        the sum over places of the squared difference.
        """
        return self.single.energy

    @property
    def control(self) -> torch.Tensor:
        """float64 (draws, U), the change of accuracy when random directions are replaced."""
        control = self.single.control
        return control.accuracy if control else torch.zeros(0, len(self.units))


def ablate(
    program: Program,
    layer: str,
    imageset: ImageSet,
    *,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    rows: torch.Tensor | None = None,
    units: Sequence[int] | None = None,
    groups: Sequence[Sequence[int]] = (),
    directions: LayerDirections | None = None,
    baseline: Baseline = "mean",
    controls: int = 100,
    seed: int = 0,
    most_pictures: int = 1000,
    controlled: int = 250,
    batch_size: int = 64,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Ablations:
    """Ablate each unit of a layer in turn and measure what the network gets wrong without it.

    The network runs on from the layer's cached output, so that a unit costs only the layers behind
    it. "mean" replaces a unit's map by its mean over the pictures, place by place: what it tells
    about a picture is gone, what it adds to all pictures stays. "resample" gives each picture the
    unit's map of another one: also a map that the network has seen. "zero" is what most programs
    do, and often something that the network has never seen.

    The same pictures are classified with and without: the log loss, which moves before any picture
    changes sides, has a paired test and a false-discovery rate over the layer's units.

    The control asks whether that unit mattered, or any change of that size would. Let D (U numbers
    at each picture and place) be the change that replaces *all* units by the baseline. The ablation
    of unit u adds D's part along the axis of u. A control adds D's part along random directions
    instead: as many, at right angles to each other, as carry the same energy (sum of squares over
    pictures and places) as D has along u, the last of them in part. So it removes as much
    of the layer's activity, by the same baseline, and never more along a direction than lies there.
    The random directions mix all units, u too (one in U parts); behind a ReLU they can lead to
    values below zero, which a unit's own ablation by mean or by another map cannot. Each draw runs
    at a few energies, on the first of the pictures, and is read off between them
    (`between_levels`).

    Args:
        program: what `read_program` gave; the network is left as it was.
        layer: one of its layers.
        imageset: pictures and labels.
        normalise: pixels uint8 (B, C, H, W) -> images.
        rows: int64, which pictures; None takes all.
        units: which units; None takes all.
        groups: units that are ablated together, beside each alone.
        directions: of the layer, each ablated too.
        baseline: what stands in for the unit.
        controls: draws of random directions; 0 for none.
        seed: of the choice of pictures, of the other pictures and of the directions.
        most_pictures: of more, so many are drawn, in the classes' own shares.
        controlled: pictures that the random directions are run on.
        batch_size: pictures at a time; of large ones fewer are taken.
        progress: told (runs done, runs in all).

    Raises:
        LayerNotFoundError: there is no such layer, or no such unit.
        ModelError: there is no such baseline, or the network does not take the pictures.
        DataError: there are too few pictures.

    Source: Morcos et al., "On the importance of single directions for generalization", ICLR 2018,
    section 2.2 (ablation of single units and of random directions); Zhou et al., "Revisiting the
    Importance of Individual Units in CNNs via Ablation", 2018 (change of each class's accuracy).
    """
    if baseline not in BASELINES:
        raise ModelError(
            f"there is no ablation baseline {baseline!r}; there are: {', '.join(BASELINES)}"
        )
    rows = torch.arange(len(imageset)) if rows is None else rows
    generator = make_generator(seed, "ablation rows")
    rows = drawn_evenly(imageset.labels, rows, most_pictures, generator)
    if len(rows) < 2:
        raise DataError(
            f"{len(rows)} pictures of {imageset.name!r} are given; at least 2 are needed"
        )
    rows = rows[torch.randperm(len(rows), generator=generator)]
    found = replace_layer(
        program,
        layer,
        lambda batch: normalise(imageset.take(batch)),
        rows,
        baseline=baseline,
        batch_size=pictures_at_once(
            imageset.batch_of(batch_size),
            outputs=[found.shape for found in program.layers],
            on_gpu=device_of(program.model).type != "cpu",
        ),
        generator=make_generator(seed, f"ablation partners/{layer}"),
    )
    chosen = tuple(range(found.n_units)) if units is None else tuple(int(unit) for unit in units)
    parts = tuple(tuple(int(unit) for unit in group) for group in groups)
    for unit in (*chosen, *(unit for group in parts for unit in group)):
        if not 0 <= unit < found.n_units:
            raise LayerNotFoundError(
                f"there is no unit {unit} in {layer!r}; they run from 0 to {found.n_units - 1}"
            )
    n_along = len(directions) if directions else 0
    changes = [Change(units=(unit,)) for unit in chosen]
    changes += [Change(units=group) for group in parts]
    changes += [Change(directions=directions.one(k)) for k in range(n_along) if directions]
    of_unit = found.unit_energies()
    own = of_unit[list(chosen)]
    further = torch.cat(
        [
            torch.tensor([float(of_unit[list(group)].sum()) for group in parts]).double(),
            direction_energies(found, directions) if directions else torch.zeros(0).double(),
        ]
    )
    energy = torch.cat([own, further])
    plan = plan_control(
        found,
        levels_of(own, further),
        controls,
        make_generator(seed, f"ablation directions/{layer}"),
    )
    # What the replacement leaves as it is (a dead unit) needs no run.
    moves = energy > 0
    labels = imageset.labels[rows]
    ran, drawn = scores_without(
        found,
        [change for change, there in zip(changes, moves.tolist(), strict=True) if there],
        plan.changes,
        labels,
        controlled=min(controlled, len(rows)),
        progress=progress,
    )
    losses = ran.loss.expand(len(changes), -1).clone()
    rights = ran.right.expand(len(changes), -1).clone()
    losses[moves], rights[moves] = ran.losses, ran.rights
    scores = Scores(ran.loss, ran.right, losses, rights)
    effects = effects_of(scores, drawn, plan, labels, imageset.n_classes, energy)
    counts = torch.bincount(labels, minlength=imageset.n_classes)
    right = torch.bincount(labels[ran.right], minlength=imageset.n_classes)
    U, G = len(chosen), len(parts)
    return Ablations(
        layer=layer,
        baseline=baseline,
        n=len(rows),
        units=chosen,
        class_counts=counts,
        accuracy=float(ran.right.double().mean()),
        loss=float(ran.loss.double().mean()),
        class_accuracy=right.double() / counts,
        single=effects.part(0, U),
        groups=parts,
        together=effects.part(U, U + G),
        along=effects.part(U + G, U + G + n_along),
    )


def direction_energies(found: ReplacedLayer, directions: LayerDirections) -> torch.Tensor:
    """The sum of squared changes that the ablation of each direction makes, float64 (K,)."""
    energy = torch.zeros(len(directions), dtype=torch.float64)
    for batch in found.batches():
        output = batch.cached.output
        apart = directions.apart(
            batch.stand_in.movedim(found.unit_axis, -1), output.movedim(found.unit_axis, -1)
        )
        energy += apart.reshape(-1, len(directions)).square().sum(0).cpu().double()
    return energy


def drawn_evenly(
    labels: torch.Tensor, rows: torch.Tensor, most: int, generator: torch.Generator
) -> torch.Tensor:
    """At most so many rows, drawn so that each class keeps its share; ascending."""
    if len(rows) <= most:
        return rows.sort().values
    mixed = rows[torch.randperm(len(rows), generator=generator)]
    by_class = mixed[labels[mixed].argsort(stable=True)]
    places = (torch.arange(most) + 0.5) * len(rows) / most
    return by_class[places.long()].sort().values
