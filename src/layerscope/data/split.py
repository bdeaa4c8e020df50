"""Parting a set in two, with every class in both parts."""

from __future__ import annotations

import torch

from layerscope.data.imageset import ImageSet


def stratified(
    imageset: ImageSet, frac: float, generator: torch.Generator, *, part: str = "validation"
) -> tuple[ImageSet, ImageSet]:
    """Set a share of every class apart.

    Args:
        imageset: what to part.
        frac: the share to set apart, above 0 and under 1.
        generator: draws which.
        part: the split's name of what is set apart.

    Returns:
        The rest and the part, both in the set's order. A class of two or more has at least one
        picture in each; a class of one stays in the rest.
    """
    kept, chosen = stratified_rows(imageset, frac, generator)
    return imageset.subset(kept), imageset.subset(chosen, split=part)


def stratified_rows(
    imageset: ImageSet, frac: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows of the rest and of the part that `stratified` makes: two rising int64 tensors."""
    taken = []
    for k in range(imageset.n_classes):
        members = (imageset.labels == k).nonzero()[:, 0]
        n = len(members)
        count = min(max(1, round(frac * n)), n - 1) if n > 1 else 0
        taken.append(members[torch.randperm(n, generator=generator)[:count]])
    chosen = torch.cat(taken).sort().values
    kept = torch.ones(len(imageset), dtype=torch.bool)
    kept[chosen] = False
    return kept.nonzero()[:, 0], chosen
