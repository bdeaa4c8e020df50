"""Whether a unit's strongest patches show the part or class that it is named after."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from msgspec import structs

from layerscope.data.imageset import ImageSet
from layerscope.formats.unit_record import DescriptionRecord, Patch, UnitEvidence

# Of nine patches six.
LEAST_FRAC = 2 / 3
NOT = "not "


def named_by_patches(
    measured: UnitEvidence, patches: Sequence[Patch], imageset: ImageSet
) -> UnitEvidence:
    """Give a unit the name of the first description that its own patches do not contradict.

    Where a part or a class would be the name and fewer than two thirds of the patches show it, the
    next description that holds in pictures is taken. If none is left, the name stays, and a
    sentence says what the patches show.

    Args:
        measured: the unit, with its descriptions in order.
        patches: its strongest.
        imageset: their pictures.
    """
    holding = [one for one in measured.descriptions if one.holds]
    if not holding or not patches:
        return measured
    counts = [patches_with(one, patches, imageset) for one in holding]
    least = LEAST_FRAC * len(patches)
    for one, count in zip(holding, counts, strict=True):
        if count is None or count >= least:
            return structs.replace(
                measured, name=one.words, kind=one.kind, named_patches=count, patches_note=None
            )
    first, count = holding[0], counts[0]
    clearly = "" if first.auroc is None else f" ({first.auroc:.2f})"
    return structs.replace(
        measured,
        name=first.words,
        kind=first.kind,
        named_patches=count,
        patches_note=(
            f"Only {count} of its {len(patches)} strongest patches show it: these are extremes. "
            f"Among the strongest 5% of all places it is what tells them best{clearly}."
        ),
    )


def patches_with(
    description: DescriptionRecord, patches: Sequence[Patch], imageset: ImageSet
) -> int | None:
    """How many patches show what a description names; None for what has no label or mask."""
    words = description.words
    if description.kind == "class":
        name = words.removeprefix(NOT)
        labels = [patch.label for patch in patches]
        is_it = [k is not None and imageset.class_names[k] == name for k in labels]
        return sum(is_it) if name == words else len(patches) - sum(is_it)
    if description.kind != "part" or words not in imageset.part_names:
        return None
    masks = imageset.masks(torch.tensor([patch.row for patch in patches]))
    part = masks[:, imageset.part_names.index(words)]
    found = 0
    for mask, patch in zip(part, patches, strict=True):
        top, left, h, w = patch.box_px
        found += bool(mask[top : top + h, left : left + w].any())
    return found
