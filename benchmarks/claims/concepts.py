"""How many units of a network get the name of a part or of an object."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from layerscope.data.imageset import ImageSet, Splits
from layerscope.formats.unit_record import UnitEvidence
from layerscope.graph.read import read_program
from layerscope.models.inference import set_logits
from layerscope.models.probabilities import predicted
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look_request import scanned_layers
from layerscope.pipeline.measuring.evidence import gather_evidence
from layerscope.pipeline.recording.layer_records import units_elsewhere
from layerscope.pipeline.stages import Stages
from layerscope.seed import make_generator
from layerscope.training.runs.checkpoint import read_checkpoint
from layerscope.training.runs.run_folder import Run
from layerscope.training.session import train

CONCEPTS = ("part", "class")


@dataclass(frozen=True)
class Concepts:
    """The units of a network that are named after a part or an object.

    Units of one network are not independent: how sure the share is, other seeds and the untrained
    copies say, no interval over units.

    Args:
        named: how many.
        units: of how many.
        untrained_named: how many of its untrained copies' units together, each judged against the
            other copies.
        untrained_units: of how many.
        layers: layer -> (named, units).
    """

    named: int
    units: int
    untrained_named: int
    untrained_units: int
    layers: dict[str, tuple[int, int]]

    @property
    def share(self) -> float:
        return self.named / self.units

    @property
    def untrained_share(self) -> float:
        return self.untrained_named / self.untrained_units


def concepts(
    model: nn.Module,
    spec: ModelSpec,
    imageset: ImageSet,
    *,
    pictures: int,
    untrained: int,
    seed: int = 0,
    only: Sequence[str] | None = None,
) -> Concepts:
    """Name a network's units by the atlas's own path, `gather_evidence`, and count."""
    program = read_program(model, spec.normalise(imageset.take(torch.arange(1))))
    measured = [
        name
        for name in scanned_layers(program.layers, only)
        if units_elsewhere(name, program.layers) is None
    ]
    with tempfile.TemporaryDirectory() as folder:
        effort = Effort(
            pictures, untrained, ablation_pictures=0, featurevis_steps=0, dependence_patches=0,
            probe_pictures=0, directions="none",
        )  # fmt: skip
        record = gather_evidence(
            program, spec, imageset, measured, effort=effort, seed=seed,
            stages=Stages(Path(folder) / "kept", Path(folder) / "atlas"),
            progress=lambda *_: None,
        )  # fmt: skip
    assert record.network
    counts, controls = {}, 0.0
    for rung in record.network.ladder:
        trained = [unit for unit in record.units[rung.layer] if by_training(unit)]
        counts[rung.layer] = (len(trained), rung.n_units)
        shares = [rung.responds[kind] for kind in CONCEPTS if kind in rung.responds]
        controls += max(share.untrained_mean or 0 for share in shares) * rung.n_units * untrained
    units = sum(n for _, n in counts.values())
    return Concepts(
        sum(named for named, _ in counts.values()),
        units,
        round(controls),
        untrained * units,
        counts,
    )


def by_training(unit: UnitEvidence) -> bool:
    """Whether a unit responds to a part or class, and training explains it."""
    return any(one.kind in CONCEPTS and one.training == "training" for one in unit.descriptions)


def shuffled(splits: Splits, seed: int) -> Splits:
    """The same pictures to learn from, under one another's labels; those to test on keep theirs."""
    order = torch.randperm(len(splits.train), generator=make_generator(seed, "shuffled labels"))
    return Splits(replace(splits.train, labels=splits.train.labels[order]), splits.test)


def first(imageset: ImageSet, n: int) -> ImageSet:
    """The first pictures of a set."""
    return imageset.subset(torch.arange(min(n, len(imageset))))


def small_run(
    splits: Splits, model: str, folder: Path, *, seed: int, epochs: int = 5, **changes: Any
) -> Run:
    """Train a small network; it keeps the weights of its last epoch.

    A run's own are those chosen on validation, which means nothing where labels are shuffled: what
    was memorised would be thrown away.
    """
    if model == "compact":
        changes = {"widths": (16, 32, 32, 32), **changes}
    run = train(
        splits, model=model, preset="quick", epochs=epochs, out=folder, device="cpu",
        seed=seed, **changes,
    )  # fmt: skip
    state = read_checkpoint(run.path)
    assert state and state.epoch == epochs
    run.model.load_state_dict(state.weights)
    return run


def fits(run: Run, imageset: ImageSet) -> float:
    """The share of a set's pictures that a run names as the set's labels say."""
    said = predicted(set_logits(run.model, run.spec, imageset))
    return float((said == imageset.labels).double().mean())
