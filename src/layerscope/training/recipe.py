"""`Recipe`: every choice of a training, as one frozen record."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from layerscope.errors import RecipeError, nearest
from layerscope.models.spec import is_backbone

OPTIMISERS = ("muon", "adamw", "adam", "sgd")
SCHEDULES = ("one-cycle", "cosine", "constant")
AUGMENTATIONS = ("none", "shift", "flip", "flip-shift")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Recipe:
    """Every choice of a training.

    Args:
        epochs: passes over the training pictures.
        batch_size: pictures a step, over all processes.
        optimiser: "muon" (fastest here), "adamw", "adam" or "sgd" (Nesterov momentum 0.9).
        learning_rate: the highest one of the schedule.
        schedule: "one-cycle" (up, then down to nothing), "cosine" (down) or "constant".
        warmup_frac: share of the steps that "one-cycle" climbs.
        weight_decay: how strongly weights are drawn to zero, a step and learning rate.
        augment: what happens to each picture of a batch: "none", "shift" (up to a 24th of its
            side), "flip" (left to right), or "flip-shift".
        label_smoothing_frac: share of each target spread over all classes.
        gradient_clip: largest norm of all gradients together; 0 leaves them.
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
    weight_decay: float = 0.02
    augment: str = "none"
    label_smoothing_frac: float = 0.0
    gradient_clip: float = 0.0
    validation_frac: float = 0.1
    precision: str = "auto"
    freeze: str = ""
    unfreeze_epoch: int = 0
    backbone_rate_frac: float = 1.0

    def __post_init__(self) -> None:
        _at_least("epochs", self.epochs, 1)
        _at_least("batch_size", self.batch_size, 1)
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

        Raises:
            RecipeError: there is no such field, or its value is out of range.
        """
        known = [f.name for f in fields(Recipe)]
        for name in changes:
            if name not in known:
                raise RecipeError(f"a recipe has no field {name!r}{nearest(name, known)}")
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; `Recipe(**value)` gives the same recipe back."""
        return asdict(self)


def default_recipe(
    data_name: str, model_name: str, *, channels: int, n_pictures: int, published: bool = True
) -> Recipe:
    """Choose a recipe for a set and a network.

    The values were chosen on validation splits (`docs/design.md` says how); no test split was
    looked at for them.

    Args:
        data_name: the set's name.
        model_name: the network's name.
        channels: 1 or 3. Colour pictures are photographs here, which stay what they are when
            mirrored; grey ones may be letters or digits, which do not.
        n_pictures: how many there are to train on.
        published: whether a library's network begins with weights, published or from a file.
    """
    mirrored = channels == 3 or data_name == "fashion-mnist"
    recipe = Recipe(augment="flip" if mirrored else "shift")
    if is_backbone(model_name):
        recipe = replace(recipe, batch_size=32, optimiser="adamw", learning_rate=0.001)
        if published:
            # A head drawn by lot sends noise back: it learns alone first. What is learned already
            # then moves a little.
            return replace(recipe, freeze="head", unfreeze_epoch=2, backbone_rate_frac=0.1)
        return recipe
    if model_name == "digit-mlp":
        # Knows its pictures by heart after three epochs unless it may not be too sure of them.
        recipe = replace(recipe, label_smoothing_frac=0.1)
    if model_name == "compact":
        # Strong enough to learn its pictures by heart: it gains from seeing them moved.
        augment = "flip-shift" if mirrored else "shift"
        recipe = replace(recipe, epochs=10, augment=augment, weight_decay=0.05)
    if n_pictures < 20_000:
        recipe = replace(recipe, batch_size=32)
    return recipe


def _at_least(name: str, value: float, lowest: float) -> None:
    if value < lowest:
        raise RecipeError(f"{name} is {value}; it must be at least {lowest}")


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise RecipeError(f"{name} is {value!r}{nearest(value, choices)}")
