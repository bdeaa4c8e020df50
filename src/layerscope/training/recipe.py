"""`Recipe`: every choice of a training, as one frozen record."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from layerscope.errors import RecipeError, nearest

OPTIMISERS = ("muon", "adamw", "adam", "sgd")
SCHEDULES = ("one-cycle", "cosine", "plateau", "constant")
AUGMENTATIONS = ("none", "shift", "flip", "flip-shift", "strong", "flip-strong")
PRECISIONS = ("auto", "float32", "bfloat16")

# What each optimiser is used with where nothing is known: torch's defaults for AdamW and Adam at
# the rates of one-cycle training, and the decay of He et al., 2016, section 3.4, for SGD.
USUAL: dict[str, dict[str, float]] = {
    "muon": {"learning_rate": 0.03, "weight_decay": 0.02},
    "adamw": {"learning_rate": 0.003, "weight_decay": 0.01},
    "adam": {"learning_rate": 0.003, "weight_decay": 0.0},
    "sgd": {"learning_rate": 0.05, "weight_decay": 0.0005},
}


@dataclass(frozen=True)
class Recipe:
    """Every choice of a training.

    Args:
        epochs: passes over the training pictures.
        batch_size: pictures a step, over all processes.
        optimiser: "muon" (fastest here), "adamw", "adam" or "sgd" (Nesterov momentum 0.9).
        learning_rate: the highest one of the schedule.
        schedule: "one-cycle" (up, then down to nothing), "cosine" (down), "plateau" (a tenth
            whenever the validation loss stops falling) or "constant".
        warmup_frac: share of the steps that "one-cycle" climbs.
        plateau_epochs: how long the validation loss may stay where it is before "plateau" cuts.
        weight_decay: how strongly weights are drawn to zero, a step and learning rate.
        augment: what happens to each picture of a batch: "none", "shift" (up to a 24th of its
            side), "flip" (left to right), "flip-shift", "strong" (turned, scaled, shifted further,
            lit differently, a square cut out), or "flip-strong".
        label_smoothing_frac: share of each target spread over all classes.
        gradient_clip: largest norm of all gradients together; 0 leaves them.
        stop_after_epochs: ends the training once validation has not become better for so many
            epochs; 0 never does.
        validation_frac: share of the training pictures set apart to choose by.
        precision: "float32", "bfloat16", or "auto", the faster one on this machine.
        freeze: a layer's path: everything up to and including it stays as it is; "head" (or "all")
            leaves only the head to learn; "" freezes nothing.
        unfreeze_epoch: from this epoch on everything learns; 0 is never.
        backbone_rate_frac: learning rate of everything but the head, relative to the head's.
    """

    epochs: int = 5
    batch_size: int = 128
    optimiser: str = "muon"
    learning_rate: float = 0.03
    schedule: str = "one-cycle"
    warmup_frac: float = 0.1
    plateau_epochs: int = 3
    weight_decay: float = 0.02
    augment: str = "none"
    label_smoothing_frac: float = 0.0
    gradient_clip: float = 0.0
    stop_after_epochs: int = 0
    validation_frac: float = 0.1
    precision: str = "auto"
    freeze: str = ""
    unfreeze_epoch: int = 0
    backbone_rate_frac: float = 1.0

    def __post_init__(self) -> None:
        for f in fields(self):
            default: object = f.default
            _of_kind(f.name, getattr(self, f.name), type(default))
        _at_least("epochs", self.epochs, 1)
        _at_least("batch_size", self.batch_size, 1)
        _at_least("plateau_epochs", self.plateau_epochs, 1)
        _at_least("stop_after_epochs", self.stop_after_epochs, 0)
        _one_of("optimiser", self.optimiser, OPTIMISERS)
        _one_of("schedule", self.schedule, SCHEDULES)
        _one_of("augment", self.augment, AUGMENTATIONS)
        _one_of("precision", self.precision, PRECISIONS)
        if not 0 < self.learning_rate <= 10:
            raise RecipeError(
                f"learning_rate is {self.learning_rate}; it must lie above 0 and not above 10: "
                "try 0.001 to 0.01"
            )
        for name in ("weight_decay", "gradient_clip"):
            _at_least(name, getattr(self, name), 0)
        for name in ("warmup_frac", "label_smoothing_frac"):
            if not 0 <= getattr(self, name) < 1:
                raise RecipeError(
                    f"{name} is {getattr(self, name)}; it is a share, from 0 up to (not at) 1"
                )
        _at_least("unfreeze_epoch", self.unfreeze_epoch, 0)
        if not 0 <= self.backbone_rate_frac <= 1:
            raise RecipeError(
                f"backbone_rate_frac is {self.backbone_rate_frac}; it is a share of the head's "
                "learning rate, from 0 to 1"
            )
        if not 0 < self.validation_frac <= 0.5:
            raise RecipeError(
                f"validation_frac is {self.validation_frac}; it must lie above 0 and not above "
                "0.5: without a validation split nothing can be chosen fairly"
            )

    def with_changes(self, **changes: Any) -> Recipe:
        """The same recipe with some fields changed.

        Another optimiser brings its own learning rate and weight decay, unless they are given too:
        the steps of one are no measure for another.

        Raises:
            RecipeError: there is no such field, or its value is out of range.
        """
        known = [f.name for f in fields(Recipe)]
        for name in changes:
            if name not in known:
                raise RecipeError(f"a recipe has no field {name!r}{nearest(name, known)}")
        if changes.get("optimiser", self.optimiser) != self.optimiser:
            changes = {**USUAL.get(changes["optimiser"], {}), **changes}
        return replace(self, **changes)


def _of_kind(name: str, value: Any, kind: type) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int and not (number and isinstance(value, int)):
        raise RecipeError(f"{name} is {value!r}; it must be a whole number")
    if kind is float and not (number and math.isfinite(value)):
        raise RecipeError(f"{name} is {value!r}; it must be a finite number")
    if kind is str and not isinstance(value, str):
        raise RecipeError(f"{name} is {value!r}; it must be a word")


def _at_least(name: str, value: float, lowest: float) -> None:
    if value < lowest:
        raise RecipeError(f"{name} is {value}; it must be at least {lowest}")


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise RecipeError(f"{name} is {value!r}{nearest(value, choices)}")
