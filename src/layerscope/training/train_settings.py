"""Every choice of a training and its network, as keyword arguments: `epochs=3, pooling="avg"`."""

from __future__ import annotations

from dataclasses import fields
from typing import TypedDict, cast

from layerscope.formats.quantities import Setting
from layerscope.training.recipe import Recipe


class Settings(TypedDict, total=False):
    """The fields of `Recipe` and of `NetShape`, which say what each does; any may be left out.

    `layers` and `width` are shorthands for `widths` and `hidden` (`ModelSpec.with_shape`).
    """

    epochs: int
    batch_size: int
    optimiser: str
    learning_rate: float
    schedule: str
    warmup_frac: float
    plateau_epochs: int
    weight_decay: float
    augment: str
    label_smoothing_frac: float
    gradient_clip: float
    stop_after_epochs: int
    validation_frac: float
    precision: str
    freeze: str
    unfreeze_epoch: int
    backbone_rate_frac: float

    widths: tuple[int, ...]
    hidden: tuple[int, ...]
    kernel: int
    padding: int
    pooling: str
    pool_last: bool
    activation: str
    batch_norm: bool
    residual: bool
    dropout_frac: float
    single_logit: bool
    layers: int
    width: int


RECIPE_FIELDS = frozenset(field.name for field in fields(Recipe))


def by_name(settings: Settings) -> dict[str, Setting]:
    """The settings as a plain mapping."""
    return cast("dict[str, Setting]", {**settings})


def of_recipe(settings: Settings) -> dict[str, Setting]:
    """The settings that are fields of a recipe."""
    return {name: value for name, value in by_name(settings).items() if name in RECIPE_FIELDS}


def of_network(settings: Settings) -> dict[str, Setting]:
    """The settings that are no fields of a recipe: the network knows them, or refuses them."""
    return {name: value for name, value in by_name(settings).items() if name not in RECIPE_FIELDS}
