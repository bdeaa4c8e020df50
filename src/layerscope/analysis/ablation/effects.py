"""What changes of a layer do to the network, beside random directions of as much activity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator

from layerscope.analysis.ablation.paired_change import (
    PairedChange,
    discovery_rates,
    mean_change,
    share_interval,
)
from layerscope.analysis.ablation.random_directions import random_directions
from layerscope.analysis.ablation.replacement import ReplacedLayer
from layerscope.analysis.ablation.stacked_variants import Change, Scores


@dataclass(frozen=True)
class RandomControl:
    """What random directions do that carry as much activity as each of S changes.

    The changes' own figures stand beside, on the same pictures: what is chance in one is so in the
    other.

    Args:
        n: pictures.
        loss: float64 (draws, S), the change of the mean log loss.
        accuracy: float64 (draws, S), of the accuracy.
        class_largest: float64 (draws, S), the largest change of any class's accuracy, by size.
        own_loss: float64 (S,), of the changes themselves.
        own_class_largest: float64 (S,), likewise.
    """

    n: int
    loss: torch.Tensor = field(repr=False)
    accuracy: torch.Tensor = field(repr=False)
    class_largest: torch.Tensor = field(repr=False)
    own_loss: torch.Tensor = field(repr=False)
    own_class_largest: torch.Tensor = field(repr=False)

    @property
    def p(self) -> torch.Tensor:
        """float64 (S,): how often a random direction loses at least as much, itself counted."""
        reach = (self.loss >= self.own_loss).sum(0)
        return (1 + reach).double() / (1 + len(self.loss))


@dataclass(frozen=True)
class Effects:
    """What each of S changes of a layer does.

    Every change is the figure without less the figure with: a loss above zero and an accuracy below
    zero say that the network needed it.

    Args:
        energy: float64 (S,), how much activity it takes away: the mean over pictures of the sum
            over places of the squared difference.
        loss: of the log loss, paired by picture, in nats; q is over these S changes.
        accuracy: float64 (S,), the change.
        accuracy_interval: float64 (S, 2), 95%.
        class_accuracy: float64 (S, K), of each class; NaN for a class without pictures.
        class_interval: float64 (S, K, 2), 95% for all K classes together.
        control: None where none was run.
    """

    energy: torch.Tensor = field(repr=False)
    loss: PairedChange = field(repr=False)
    accuracy: torch.Tensor = field(repr=False)
    accuracy_interval: torch.Tensor = field(repr=False)
    class_accuracy: torch.Tensor = field(repr=False)
    class_interval: torch.Tensor = field(repr=False)
    control: RandomControl | None = field(repr=False)

    def part(self, start: int, stop: int) -> Effects:
        """Some of the changes as a family of their own, with its own false-discovery rates."""
        at = slice(start, stop)
        loss, control = self.loss, self.control
        return Effects(
            self.energy[at],
            PairedChange(loss.mean[at], loss.interval[at], loss.p[at], discovery_rates(loss.p[at])),
            self.accuracy[at],
            self.accuracy_interval[at],
            self.class_accuracy[at],
            self.class_interval[at],
            control
            and RandomControl(
                control.n,
                control.loss[:, at],
                control.accuracy[:, at],
                control.class_largest[:, at],
                control.own_loss[at],
                control.own_class_largest[at],
            ),
        )


@dataclass(frozen=True)
class ControlPlan:
    """Random directions, each drawn once and run at a few amounts of removed energy.

    Args:
        levels: ascending energies.
        draws: how many.
        changes: draw by draw, its levels in order.
    """

    levels: tuple[float, ...]
    draws: int
    changes: list[Change] = field(repr=False)


def plan_control(
    found: ReplacedLayer, levels: Sequence[float], draws: int, generator: torch.Generator
) -> ControlPlan:
    """Draw random directions that carry the energies of some levels.

    Args:
        found: the layer on the pictures.
        levels: ascending; none where nothing is taken away.
        draws: how many directions, each with those that it takes to carry the largest level.
        generator: on the CPU.
    """
    changes = []
    for _ in range(draws if levels else 0):
        drawn = random_directions(
            found.energies_along, found.n_units, most_energy=max(levels), generator=generator
        )
        changes += [Change(axes=drawn.axes, shares=drawn.shares(level)) for level in levels]
    return ControlPlan(tuple(levels), draws if levels else 0, changes)


def levels_of(energy: torch.Tensor, further: torch.Tensor) -> list[float]:
    """The energies at which controls are run, ascending; none where nothing is taken away.

    Args:
        energy: float64 (U,), of single units: their median and their largest, or every one's own
            where there are but two.
        further: float64 (…), of groups and directions: their largest.
    """
    there = energy[energy > 0].unique()
    levels = set(there.tolist()) if len(there) <= 2 else {float(there.median()), float(there[-1])}
    if len(further) and float(further.max()) > max(levels, default=0.0):
        levels.add(float(further.max()))
    return sorted(levels)


def effects_of(
    scores: Scores,
    controls: Scores,
    plan: ControlPlan,
    labels: torch.Tensor,
    n_classes: int,
    energy: torch.Tensor,
) -> Effects:
    """The figures of some changes from the scores of single pictures.

    Args:
        scores: of S changes on N pictures.
        controls: of the random directions on the first of these pictures.
        plan: which directions, at which levels.
        labels: int64 (N,).
        n_classes: K.
        energy: float64 (S,), the sum over the pictures.
    """
    n = len(labels)
    counts = torch.bincount(labels, minlength=n_classes)
    gained, lost = moved(scores, labels, n_classes)
    ups, downs = gained.sum(1), lost.sum(1)
    total = torch.full_like(ups, n)
    return Effects(
        energy=energy / n,
        loss=mean_change(scores.losses - scores.loss),
        accuracy=(ups - downs).double() / n,
        accuracy_interval=share_interval(ups, downs, total),
        class_accuracy=(gained - lost).double() / counts,
        class_interval=share_interval(
            gained, lost, counts.expand_as(gained), tests=int((counts > 0).sum())
        ),
        control=control_of(scores, controls, plan, labels, n_classes, energy),
    )


def control_of(
    scores: Scores,
    controls: Scores,
    plan: ControlPlan,
    labels: torch.Tensor,
    n_classes: int,
    energy: torch.Tensor,
) -> RandomControl | None:
    """What the random directions do at the energy of each change; None without any."""
    if not plan.draws:
        return None
    n = controls.losses.shape[1]
    # The pictures are in an order drawn at random, so that the first are a fair sample.
    same = Scores(scores.loss[:n], scores.right[:n], scores.losses[:, :n], scores.rights[:, :n])
    own, drawn = (
        figures_of(same, labels[:n], n_classes),
        figures_of(controls, labels[:n], n_classes),
    )
    at_energy = [
        between_levels(plan.levels, values.view(plan.draws, len(plan.levels)), energy)
        for values in drawn
    ]
    return RandomControl(n, *at_energy, own_loss=own[0], own_class_largest=own[2])


def figures_of(scores: Scores, labels: torch.Tensor, n_classes: int) -> tuple[torch.Tensor, ...]:
    """Mean changes of log loss and accuracy, and the largest of a class's, float64 (S,) each."""
    counts = torch.bincount(labels, minlength=n_classes)
    gained, lost = moved(scores, labels, n_classes)
    net = (gained - lost).double()
    loss = (scores.losses - scores.loss).double().mean(1)
    largest = (net / counts).abs().nan_to_num(0.0).amax(1)
    return loss, net.sum(1) / len(labels), largest


def moved(
    scores: Scores, labels: torch.Tensor, n_classes: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures of each class that became right, and that became wrong: int64 (S, K) each."""
    one_hot = torch.nn.functional.one_hot(labels, n_classes).double()
    gained = (scores.rights & ~scores.right).double() @ one_hot
    lost = (~scores.rights & scores.right).double() @ one_hot
    return gained.long(), lost.long()


def between_levels(
    levels: Sequence[float], effects: torch.Tensor, energy: torch.Tensor
) -> torch.Tensor:
    """Each draw's effect at energies between those that it was run at.

    By monotone cubics over the amplitude, the square root of the energy, from no effect at none: a
    small change of size s does a s + b s² to a loss, and straight lines over the energy would make
    the effects of small changes too small.

    Args:
        levels: L ascending energies.
        effects: float64 (draws, L).
        energy: float64 (S,), at most the largest level.

    Returns:
        float64 (draws, S).

    Source: Fritsch and Carlson, "Monotone Piecewise Cubic Interpolation", 1980.
    """
    places = np.sqrt([0.0, *levels])
    values = np.concatenate([np.zeros((len(effects), 1)), effects.numpy()], axis=1)
    wanted = np.sqrt(np.clip(energy.numpy(), 0.0, levels[-1]))
    return torch.from_numpy(PchipInterpolator(places, values, axis=1)(wanted))
