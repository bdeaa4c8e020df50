"""How much of a network is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints

from layerscope.errors import AtlasError


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Args:
        pictures: for classes and parts, and to score probes on.
        untrained: copies that serve as the control, at least 2.
        stimuli: steps in which synthetic stimuli cover angles, phases and sizes: "fine", or
            "coarse", a sixth as many, which give no interval of a strength.
        ablation_pictures: 0 leaves ablation out.
        ablation_baseline: what replaces an ablated unit: "mean", "resample" or "zero"
            (`analysis.ablation.unit_ablation.ablate`).
        featurevis_steps: of feature visualisation; 0 leaves it out.
        featurevis_variants: images of each unit; with more than one, one of its whole map as well.
        closely: in how many layers units are ablated and get images, the last ones that have
            maps; 0 is all layers.
        directions: how the directions of a layer are found: "nmf", "pca", "dictionary", "auto"
            (nmf where no value is below zero, else pca), or "none".
        dependence_patches: of each unit, for its dependence profile; 0 leaves it out.
        dependence_copies: untrained copies that get such profiles too.
        probe_pictures: of the training split, that probes learn from; 0, or without such a split:
            one half of `pictures`.

    Raises:
        AtlasError: too little for a control, or for anything.
    """

    pictures: int = 1000
    untrained: int = 20
    ablation_pictures: int = 1000
    ablation_baseline: Literal["mean", "resample", "zero"] = "mean"
    featurevis_steps: int = 128
    featurevis_variants: int = 2
    closely: int = 0
    stimuli: Literal["fine", "coarse"] = "fine"
    directions: Literal["auto", "nmf", "pca", "dictionary", "none"] = "auto"
    dependence_patches: int = 9
    dependence_copies: int = 3
    probe_pictures: int = 2500

    def __post_init__(self) -> None:
        # Each copy is judged against the others, as the network is against all of them.
        if self.untrained < 2:
            copies = "copy" if self.untrained == 1 else "copies"
            raise AtlasError(f"{self.untrained} untrained {copies} is no control; give at least 2")
        for name in ("ablation_baseline", "stimuli", "directions"):
            value, choices = getattr(self, name), get_args(get_type_hints(type(self))[name])
            if value not in choices:
                raise AtlasError(f"{name} is {value!r}; there are {', '.join(choices)}")
        if self.pictures < 1:
            raise AtlasError(f"pictures is {self.pictures}; measure on at least 1")


FULL = Effort()
QUICK = Effort(
    pictures=400, probe_pictures=1000, untrained=5, ablation_pictures=0, featurevis_steps=0,
    dependence_patches=0,
)  # fmt: skip
# A page with everything on it within a minute, all that takes long in one layer.
DEMO = Effort(
    pictures=300,
    probe_pictures=300,
    untrained=3,
    ablation_pictures=100,
    featurevis_steps=48,
    featurevis_variants=1,
    closely=1,
    directions="none",
    dependence_patches=4,
    dependence_copies=1,
)
