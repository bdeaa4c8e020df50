"""What the machine of `two_choice.py` goes by when it chooses: classes, words, or a profile."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from layerscope.analysis.concepts.descriptions import KINDS
from layerscope.analysis.observe import Observed, Scenes
from layerscope.analysis.pictures.part_check import part_cover
from layerscope.analysis.pictures.stimulus_ranks import auroc_of, rank_patches
from layerscope.analysis.tuning.hues import LUMA
from layerscope.analysis.tuning.responses import window_of
from layerscope.graph.layer import Layer
from layerscope.graph.receptive_field import ReceptiveField

NOTHING = "undescribed"


def means_by_class(peaks: torch.Tensor, labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """float (K, U)."""
    member = torch.nn.functional.one_hot(labels, n_classes).float()
    return member.T @ peaks / member.sum(0)[:, None].clamp(min=1)


def description_scores(
    seen: Observed, scenes: Scenes, layer: Layer, field: ReceptiveField | None, u: int,
    pairs: torch.Tensor, rows: torch.Tensor, boxes: torch.Tensor,
) -> tuple[str, torch.Tensor | None]:  # fmt: skip
    """The unit's first kind, and how much of what it is called by it is in each patch: (2, T).

    Of descriptions that hold in pictures the one that lies furthest above chance there.
    """
    found = seen.units
    held = [k for k in KINDS if k in found.values and bool(found.responds(k)[u])]
    if not held:
        return NOTHING, None
    kind = max(held, key=lambda k: float(found.auroc[k][u]))
    words = found.words[kind][u]
    imageset = scenes.imageset
    if kind == "class":
        name = words.removeprefix("not ")
        is_it = (imageset.labels[rows] == imageset.class_names.index(name)).float()
        return kind, -is_it if words.startswith("not ") else is_it
    if kind == "part":
        cover = part_cover(imageset, rows.flatten(), boxes.flatten(0, 1)[:, None])
        return kind, cover[:, imageset.part_names.index(words)].view(rows.shape)
    flat = pairs.flatten(0, 1)
    if kind == "brightness":
        sign = -1.0 if "dark" in words else 1.0
        return kind, sign * flat.mean((1, 2, 3)).view(rows.shape)
    # The stimulus, or their energy, that told the unit's strongest places in the first half best.
    scene = scenes.of(layer, field)
    group = int(seen.tunings.indices.groups[kind][u])
    top = seen.places[:, u : u + 1]
    members = scene.ranked.groups.members[group]
    by_template = auroc_of(top, scene.ranked.template[:, members])[0]
    by_energy = float(auroc_of(top, scene.ranked.energy[:, group : group + 1])[0, 0])
    ranked = rank_patches(flat, scene.battery, centre_of(scenes, layer, field))
    if by_energy >= float(by_template.max()):
        return kind, ranked.energy[:, group].view(rows.shape)
    return kind, ranked.template[:, members[by_template.argmax()]].view(rows.shape)


def centre_of(scenes: Scenes, layer: Layer, field: ReceptiveField | None) -> tuple[float, float]:
    """Where the middle of a layer's stimuli lies."""
    spec = scenes.spec
    return window_of(field, layer.shape, height=spec.height, width=spec.width)[:2]


def profile_scores(
    pairs: torch.Tensor, own: torch.Tensor, others: torch.Tensor, needs: Mapping[str, float]
) -> torch.Tensor:
    """How alike patches are to a unit's references, in what it needs: float (2, T).

    In each of colour, waves and arrangement a linear discriminant between references and random
    patches, its features taken as independent; their sum is weighted by what the unit needs.
    """
    total = torch.zeros(pairs.shape[:2])
    flat = pairs.flatten(0, 1)
    for name, of in (
        ("needs_colour", chroma), ("needs_fine_texture", waves), ("needs_arrangement", arranged),
    ):  # fmt: skip
        if name == "needs_colour" and pairs.shape[2] != 3:
            continue
        mine, random, asked = of(own), of(others), of(flat)
        spread = random.var(0) + mine.var(0) + 1e-6
        weight = (mine.mean(0) - random.mean(0)) / spread
        scale = float((random @ weight).std()) or 1.0
        total += needs.get(name, 0.5) * ((asked @ weight) / scale).view(total.shape)
    return total


def chroma(patches: torch.Tensor) -> torch.Tensor:
    """The mean and the spread of colours beside grey: float (n, 6)."""
    grey = torch.einsum("bchw,c->bhw", patches, torch.tensor(LUMA))[:, None]
    beside = (patches - grey).flatten(2)
    return torch.cat([beside.mean(2), beside.std(2)], 1)


def waves(patches: torch.Tensor) -> torch.Tensor:
    """The logarithm of the power of each wave: float (n, waves)."""
    grey = patches.mean(1)
    return (torch.fft.rfft2(grey).abs().square().flatten(1)[:, 1:] + 1e-3).log()


def arranged(patches: torch.Tensor) -> torch.Tensor:
    """The grey patch without its brightness and contrast: float (n, pixels)."""
    grey = patches.mean(1).flatten(1)
    centred = grey - grey.mean(1, keepdim=True)
    return centred / (centred.norm(dim=1, keepdim=True) + 0.05 * math.sqrt(centred.shape[1]))
