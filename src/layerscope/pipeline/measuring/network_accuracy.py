"""How many pictures a network names right, in the sentences that every look begins with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from layerscope.data.imageset import ImageSet
from layerscope.models.class_agreement import Agreement, agreement_of
from layerscope.models.class_names import columns_of
from layerscope.models.inference import set_logits
from layerscope.models.spec import ModelSpec
from layerscope.seed import make_generator

MOST_PICTURES, FEWEST_PICTURES = 1000, 50
MOST_MULTIPLY_ADDS = 3e11  # some six seconds of two laptop cores
FEW = 20


def pictures_to_name(rows: torch.Tensor, multiply_adds: float, seed: int) -> torch.Tensor:
    """Which of the measured pictures are named: a seeded choice, fewer for a large network."""
    paid = int(MOST_MULTIPLY_ADDS / max(1.0, multiply_adds))
    n = min(MOST_PICTURES, max(FEWEST_PICTURES, paid))
    order = torch.randperm(len(rows), generator=make_generator(seed, "named pictures"))
    return rows[order[:n].sort().values]


def network_accuracy(
    model: nn.Module, spec: ModelSpec, imageset: ImageSet, rows: torch.Tensor
) -> tuple[Agreement | None, tuple[str, ...]]:
    """Name some pictures and say how many are right.

    Args:
        model: gives logits.
        spec: what it takes and tells apart.
        imageset, rows: labelled pictures.

    Returns:
        The agreement with the labels, None where the network knows none of their classes; and what
        the user should know of it, one sentence each.
    """
    logits = set_logits(model, spec, imageset, rows)
    columns = columns_of(spec.class_names, imageset.class_names)
    found = agreement_of(logits, imageset.labels[rows], columns)
    return found, (*sentences(found, spec, imageset, columns), *flat_outputs(logits))


def sentences(
    found: Agreement | None,
    spec: ModelSpec,
    imageset: ImageSet,
    columns: Sequence[int | None],
) -> list[str]:
    """What an agreement means, one sentence each."""
    unknown = [n for n, c in zip(imageset.class_names, columns, strict=True) if c is None]
    if found is None:
        return [
            f"how many of these pictures the network names right cannot be said: it knows none of "
            f"their classes ({shown(unknown)}; its own are {shown(spec.class_names)}); --classes "
            "FILE names its outputs"
        ]
    low, high = found.interval
    told = [
        f"the network names {found.correct:,} of {found.n:,} of these pictures right: "
        f"{percent(found.accuracy)} (95 % interval {percent(low)} to {percent(high)}); always "
        f"saying the most frequent class would be {percent(found.most_frequent_frac)}"
    ]
    if unknown:
        told.append(
            f"pictures of classes that the network does not know are not counted: {shown(unknown)}"
        )
    if found.only is not None:
        told.append(
            f"WARNING: it takes every picture for {spec.class_names[found.only]!r}: the pictures "
            "reach it in another range of values than it was trained on (--scale), or it has not "
            "learned"
        )
    elif found.fits_another_order:
        told.append(
            f"WARNING: with its classes in another order {percent(found.reordered_frac)} would be "
            "right: name its outputs in their order (--classes FILE)"
        )
    elif found.is_chance and found.n >= FEW:
        told.append(
            "WARNING: labels dealt out by lot would fit as well: check the range of values "
            "(--scale), the order of the classes (--classes FILE) and the weights"
        )
    return told


def flat_outputs(logits: torch.Tensor) -> list[str]:
    """A warning of outputs that are the same for every picture, or no numbers."""
    if not logits.isfinite().all():
        return ["WARNING: some of its outputs are no finite numbers"]
    if len(logits) > 1 and float(logits.std(0).max()) == 0:
        return ["WARNING: its outputs are the same for every picture"]
    return []


def percent(share: float) -> str:
    """A share as a person writes it."""
    return f"{100 * share:.1f} %"


def shown(names: Sequence[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
