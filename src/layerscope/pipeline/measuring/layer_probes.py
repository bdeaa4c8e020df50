"""Linear probes of layers: what they learn from, and how much hangs on that choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch

from layerscope.analysis.activations.pooled_features import Features, gather_features
from layerscope.analysis.structure.linear_probe import halves, probe
from layerscope.cores import cores_apart
from layerscope.data.imageset import ImageSet
from layerscope.formats.layer_record import Probe
from layerscope.graph.program import Program
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.recording.control_ranges import least_to_most
from layerscope.seed import make_generator

# Halves of what the probe learned from that it is fitted to again.
HALVES = 5


@dataclass(frozen=True)
class ProbePictures:
    """Pictures that probes learn from, none of which is scored.

    Args:
        imageset: of the training split.
        rows: int64 (M,), which of them.
        spec: what the network takes.
        seed: of the projections of wide layers.
    """

    imageset: ImageSet = field(repr=False)
    rows: torch.Tensor = field(repr=False)
    spec: ModelSpec
    seed: int

    def features(self, program: Program, layers: Sequence[str]) -> dict[str, Features]:
        """The layers' features of these pictures, as `analysis.observe` has them of the others."""
        return gather_features(
            program, layers, self.imageset, self.rows, self.spec.normalise, seed=self.seed
        )


def probe_pictures(
    training: ImageSet | None, spec: ModelSpec, *, most: int, seed: int
) -> ProbePictures | None:
    """A seeded choice of training pictures; None where there are none, or of one class only."""
    if training is None or not most:
        return None
    order = torch.randperm(len(training), generator=make_generator(seed, "probe pictures"))
    rows = order[:most].sort().values
    if len(training.labels[rows].unique()) < 2:
        return None
    return ProbePictures(training, rows, spec, seed)


def layer_probes(
    program: Program,
    scored: Mapping[str, torch.Tensor],
    labels: torch.Tensor,
    n_classes: int,
    pictures: ProbePictures | None,
    *,
    over_halves: bool,
) -> dict[str, Probe]:
    """Fit a linear probe to each layer and score it on other pictures.

    Args:
        program: the network, or an untrained copy.
        scored: layer -> pooled features, float (N, D), of the measured pictures.
        labels: int64 (N,), theirs.
        n_classes: K.
        pictures: to learn from; None: the probe learns from one half of the measured pictures and
            is scored on the other.
        over_halves: whether it is fitted to halves of what it learned from, too.

    Returns:
        layer -> its probe, without its control; a layer is left out where there is nothing to
        learn: one class, or no picture to score.
    """
    if pictures is not None:
        learned = pictures.features(program, list(scored))
        own = pictures.imageset.labels[pictures.rows]
        tasks = {
            name: partial(
                fitted, learned[name].pooled, own, features, labels, n_classes,
                split=pictures.imageset.split, over_halves=over_halves,
            )
            for name, features in scored.items()
            if name in learned
        }  # fmt: skip
    else:
        first, second = halves(labels)
        # Of a class with a single picture the other half has none.
        if len(labels[first].unique()) < 2 or not len(second):
            return {}
        tasks = {
            name: partial(
                fitted, features[first], labels[first], features[second], labels[second], n_classes,
                split="", over_halves=over_halves,
            )
            for name, features in scored.items()
        }  # fmt: skip
    with cores_apart(len(tasks)) as workers:  # a small fit gains nothing from a second thread
        return dict(zip(tasks, workers.map(lambda task: task(), tasks.values()), strict=True))


def fitted(
    features: torch.Tensor,
    labels: torch.Tensor,
    scored: torch.Tensor,
    scored_labels: torch.Tensor,
    n_classes: int,
    *,
    split: str,
    over_halves: bool,
) -> Probe:
    """One layer's probe; `layer_probes` says what of."""
    result = probe(features, labels, scored, scored_labels, n_classes=n_classes)
    spread = None
    if over_halves:
        spread = least_to_most(
            [
                probe(
                    features[rows], labels[rows], scored, scored_labels,
                    n_classes=n_classes, strength=result.C,
                ).accuracy
                for rows in drawn_halves(labels, HALVES)
            ]
        )  # fmt: skip
    return Probe(
        accuracy=result.accuracy,
        interval=result.interval,
        n=result.n,
        chance=result.chance,
        untrained=None,
        learned_n=len(labels),
        learned_split=split,
        over_halves=spread,
    )


def drawn_halves(labels: torch.Tensor, n: int) -> list[torch.Tensor]:
    """Halves of some pictures drawn at random, each class by itself: n times int64 rows.

    None where a half would hold a single class.
    """
    found = []
    generator = make_generator(0, "halves")
    for _ in range(n):
        mixed = torch.randperm(len(labels), generator=generator)
        first, _ = halves(labels[mixed])
        rows = mixed[first].sort().values
        if len(labels[rows].unique()) > 1:
            found.append(rows)
    return found
