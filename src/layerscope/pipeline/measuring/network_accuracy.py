"""How many pictures a network names right, and what every look says of it first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from layerscope.analysis.pictures.class_check import compares_classes
from layerscope.data.imageset import ImageSet
from layerscope.formats.atlas_record import AccuracyRecord
from layerscope.models.class_agreement import Agreement, agreement_of
from layerscope.models.class_names import columns_of
from layerscope.models.inference import set_logits
from layerscope.models.spec import ModelSpec
from layerscope.seed import make_generator

MOST_PICTURES, FEWEST_PICTURES = 1000, 50
# Where there is nothing to compare with, outputs need only be seen to differ.
UNCOMPARED_PICTURES = 16
MOST_MULTIPLY_ADDS = 3e11  # some six seconds of two laptop cores
FEW = 20
# Accuracy and balanced accuracy are said apart from this difference on.
SAME_FRAC = 0.005
OF_CLASSES = "class selectivity, class separation and probes"
UNLABELLED = (
    "these pictures have no labels: how many the network names right cannot be said; class "
    "selectivity, class separation, probes and ablation are left out"
)


def pictures_to_name(rows: torch.Tensor, multiply_adds: float, seed: int) -> torch.Tensor:
    """Which of the measured pictures are named: a seeded choice, fewer for a large network."""
    paid = int(MOST_MULTIPLY_ADDS / max(1.0, multiply_adds))
    n = min(MOST_PICTURES, max(FEWEST_PICTURES, paid))
    order = torch.randperm(len(rows), generator=make_generator(seed, "named pictures"))
    return rows[order[:n].sort().values]


@dataclass(frozen=True)
class NetworkAccuracy:
    """How many pictures a network names right, and what a user should know of it.

    Args:
        agreement: of its predictions with the labels; None where there is nothing to compare.
        notes: one sentence each.
        warnings: what makes its figures doubtful, one sentence each.
    """

    agreement: Agreement | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def record(self) -> AccuracyRecord | None:
        """As the atlas has it."""
        found = self.agreement
        return found and AccuracyRecord(
            n=found.n,
            correct=found.correct,
            accuracy=found.accuracy,
            interval=found.interval,
            balanced_accuracy=found.balanced_accuracy,
            n_classes=found.n_classes,
            most_frequent_frac=found.most_frequent_frac,
            permuted_frac=found.permuted_frac,
        )


def network_accuracy(
    model: nn.Module, spec: ModelSpec, imageset: ImageSet, rows: torch.Tensor
) -> NetworkAccuracy:
    """Name some pictures and say how many are right.

    Args:
        model: gives logits.
        spec: what it takes and tells apart.
        imageset, rows: the pictures.
    """
    columns = columns_of(spec.class_names, imageset.class_names)
    compares = imageset.is_labelled and any(c is not None for c in columns)
    named = rows if compares else rows[:: -(-len(rows) // UNCOMPARED_PICTURES)]
    logits = set_logits(model, spec, imageset, named)
    doubts = tuple(flat_outputs(logits))
    if not imageset.is_labelled:
        return NetworkAccuracy(None, (UNLABELLED,), doubts)
    unknown = [n for n, c in zip(imageset.class_names, columns, strict=True) if c is None]
    found = agreement_of(logits, imageset.labels[named], columns)
    few = uncompared(imageset, rows)
    if found is None:
        note = (
            f"how many of these pictures the network names right cannot be said: it knows none of "
            f"their classes ({shown(unknown)}; its own are {shown(spec.class_names)}); --classes "
            "FILE names its outputs"
        )
        return NetworkAccuracy(None, (note, *few), doubts)
    notes = [shares(found), *few]
    if unknown:
        notes.append(
            f"pictures of classes that the network does not know are not counted: {shown(unknown)}"
        )
    return NetworkAccuracy(found, tuple(notes), (*warnings(found, spec), *doubts))


def uncompared(imageset: ImageSet, rows: torch.Tensor) -> list[str]:
    """Why classes cannot be compared on some pictures; nothing where they can."""
    labels = imageset.labels[rows]
    if compares_classes(labels):
        return []
    if len(labels) > 1 and len(labels.unique()) > 1:
        return [f"of each class there is a single picture: {OF_CLASSES} are left out"]
    name = imageset.class_names[int(labels[0])]
    return [f"all of these pictures are of one class ({name}): {OF_CLASSES} are left out"]


def shares(found: Agreement) -> str:
    """An agreement in one sentence."""
    low, high = found.interval
    balanced = ""
    if found.n_classes > 1 and abs(found.balanced_accuracy - found.accuracy) > SAME_FRAC:
        balanced = (
            f"; balanced over its {found.n_classes} classes {percent(found.balanced_accuracy)}"
        )
    return (
        f"the network names {found.correct:,} of {found.n:,} of these pictures right: "
        f"{percent(found.accuracy)} (95% interval {percent(low)} to {percent(high)}){balanced}; "
        f"always saying the most frequent class would be {percent(found.most_frequent_frac)}"
    )


def warnings(found: Agreement, spec: ModelSpec) -> list[str]:
    """What makes an agreement doubtful, one sentence each."""
    if found.only is not None and found.n_classes > 1:
        return [
            f"it takes every picture for {spec.class_names[found.only]!r}: the pictures reach it "
            "in another range of values than it was trained on (--scale), or it has not learned"
        ]
    if found.fits_another_order:
        return [
            f"with its classes in another order {percent(found.reordered_frac)} would be right: "
            "name its outputs in their order (--classes FILE)"
        ]
    if found.is_chance and found.n >= FEW and found.n_classes > 1:
        return [
            "permuted labels would fit as well: check the range of values (--scale), the "
            "order of the classes (--classes FILE) and the weights"
        ]
    return []


def flat_outputs(logits: torch.Tensor) -> list[str]:
    """A warning of outputs that are the same for every picture, or no numbers."""
    if not logits.isfinite().all():
        return ["some of its outputs are no finite numbers"]
    if len(logits) > 1 and float(logits.std(0).max()) == 0:
        return ["its outputs are the same for every picture"]
    return []


def percent(share: float) -> str:
    """A share as a person writes it."""
    return f"{100 * share:.1f}%"


def shown(names: Sequence[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
