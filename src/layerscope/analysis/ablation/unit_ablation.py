"""Ablation: what a network loses without one unit, beside the same for random directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import torch

from layerscope.analysis.ablation.random_directions import random_directions
from layerscope.analysis.ablation.replacement import Baseline, replace_layer
from layerscope.analysis.ablation.stacked_variants import Change, correct_without
from layerscope.batch_budget import pictures_at_once
from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.errors import DataError, LayerNotFoundError, ModelError
from layerscope.graph.program import Program
from layerscope.seed import make_generator

BASELINES: tuple[Baseline, ...] = get_args(Baseline)
# Each control draw is run at so many amounts of removed energy and read off between them.
LEVELS = 4


@dataclass(frozen=True)
class Ablations:
    """How much each unit of a layer does for the network's accuracy.

    Every change is accuracy without minus accuracy with: below zero where the unit helps.

    Args:
        layer: its name.
        baseline: what stood in for the unit: its "mean" map, that of another picture
            ("resample"), or "zero".
        n: pictures.
        units: U unit numbers.
        class_counts: int64 (K,), pictures of each class.
        accuracy: of the whole network on these pictures.
        class_accuracy: float64 (K,); not a number for a class without pictures.
        change: float64 (U,), of the accuracy.
        class_change: float64 (U, K), of each class's accuracy.
        energy: float64 (U,), how far the replaced map is from the unit's own: the mean over
            pictures of the sum over places of the squared difference.
        control: float64 (draws, U), the change of accuracy when random directions were replaced
            with the same energy; `ablate` says how.
    """

    layer: str
    baseline: Baseline
    n: int
    units: tuple[int, ...]
    class_counts: torch.Tensor = field(repr=False)
    accuracy: float
    class_accuracy: torch.Tensor = field(repr=False)
    change: torch.Tensor = field(repr=False)
    class_change: torch.Tensor = field(repr=False)
    energy: torch.Tensor = field(repr=False)
    control: torch.Tensor = field(repr=False)


def ablate(
    program: Program,
    layer: str,
    imageset: ImageSet,
    *,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    rows: torch.Tensor | None = None,
    units: Sequence[int] | None = None,
    baseline: Baseline = "mean",
    controls: int = 20,
    seed: int = 0,
    most_pictures: int = 512,
    batch_size: int = 64,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Ablations:
    """Ablate each unit of a layer in turn and count what the network gets wrong without it.

    The network runs on from the layer's cached output, so that a unit costs only the layers behind
    it. "mean" replaces a unit's map by its mean over the pictures, place by place: what it tells
    about a picture is gone, what it adds to all pictures stays. "resample" gives each picture the
    unit's map of another one: also a map that the network has seen. "zero" is what most programs
    do, and often something that the network has never seen.

    The control asks whether that unit mattered, or any change of that size would. Let D (U numbers
    at each picture and place) be the change that replaces *all* units by the baseline. The ablation
    of unit u adds D's part along the axis of u. A control adds D's part along random directions
    instead: as many, at right angles to each other, as carry the same energy (sum of squares over
    pictures and places) as D has along u, the last of them in part. So it removes as much
    of the layer's activity, by the same baseline, and never more along a direction than lies there.
    The random directions mix all units, u too (one in U parts); behind a ReLU they can lead to
    values below zero, which a unit's own ablation by mean or by another map cannot. Each draw runs
    at `LEVELS` energies, quantiles of those of the units, and is read off in between on straight
    lines from (0, 0); with no more units than levels each is run at its own.

    Args:
        program: what `read_program` gave; the network is left as it was.
        layer: one of its layers.
        imageset: pictures and labels.
        normalise: pixels uint8 (B, C, H, W) -> images.
        rows: int64, which pictures; None takes all.
        units: which units; None takes all.
        baseline: what stands in for the unit.
        controls: draws of random directions; 0 for none.
        seed: of the choice of pictures, of the other pictures and of the directions.
        most_pictures: of more, so many are drawn, in the classes' own shares.
        batch_size: pictures at a time; of large ones fewer are taken.
        progress: told (pictures done, pictures in all).

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
    rows = drawn_evenly(imageset.labels, rows, most_pictures, make_generator(seed, "ablation rows"))
    if len(rows) < 2:
        raise DataError(
            f"{len(rows)} pictures of {imageset.name!r} are given; at least 2 are needed"
        )
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
    for unit in chosen:
        if not 0 <= unit < found.n_units:
            raise LayerNotFoundError(
                f"there is no unit {unit} in {layer!r}; they run from 0 to {found.n_units - 1}"
            )
    energy = found.unit_energies()[list(chosen)]
    changes: list[Change] = [Change(unit=unit) for unit in chosen]
    levels = levels_of(energy)
    controls = controls if len(levels) else 0
    generator = make_generator(seed, f"ablation directions/{layer}")
    for _ in range(controls):
        drawn = random_directions(
            found.energies_along,
            found.n_units,
            most_energy=max(levels),
            generator=generator,
        )
        changes += [Change(axes=drawn.axes, shares=drawn.shares(level)) for level in levels]
    # A unit that the replacement leaves as it is (a dead one) needs no run.
    idle = [not bool(e > 0) for e in energy] + [False] * (len(changes) - len(chosen))
    run = [change for change, still in zip(changes, idle, strict=True) if not still]
    labels = imageset.labels[rows]
    base, after = correct_without(found, run, labels, imageset.n_classes, progress=progress)
    right = base.expand(len(changes), -1).clone()  # (changes, K) pictures answered rightly
    right[~torch.tensor(idle, dtype=torch.bool)] = after
    counts = torch.bincount(labels, minlength=imageset.n_classes)
    n, U = len(rows), len(chosen)
    change = (right - base).double()
    overall = change.sum(1) / n
    control = np.zeros((controls, U))
    for draw in range(controls):
        at = U + draw * len(levels)
        effects = [0.0, *overall[at : at + len(levels)].tolist()]
        control[draw] = np.interp(energy.numpy(), [0.0, *levels], effects)
    return Ablations(
        layer=layer,
        baseline=baseline,
        n=n,
        units=chosen,
        class_counts=counts,
        accuracy=float(base.sum()) / n,
        class_accuracy=base.double() / counts,
        change=overall[:U],
        class_change=change[:U] / counts,
        energy=energy / n,
        control=torch.from_numpy(control),
    )


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


def levels_of(energy: torch.Tensor) -> list[float]:
    """The energies at which controls are run, ascending; none where no unit has any."""
    there = energy[energy > 0].unique()
    if len(there) <= LEVELS:
        return there.tolist()
    return there.quantile(torch.linspace(0, 1, LEVELS, dtype=there.dtype)).tolist()
