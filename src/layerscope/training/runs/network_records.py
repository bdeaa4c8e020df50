"""A network's description and a recipe as run and plan hold them, and back."""

from __future__ import annotations

from dataclasses import asdict

from msgspec import structs

from layerscope.formats.run_record import (
    NetShapeRecord,
    NetworkRecord,
    RecipeRecord,
    WeightsRecord,
)
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec, NetShape, Weights
from layerscope.training.recipe import Recipe


def network_record(spec: ModelSpec) -> NetworkRecord:
    """A network's description, as run and plan hold it."""
    return NetworkRecord(
        name=spec.name,
        class_names=spec.class_names,
        shape=NetShapeRecord(**asdict(spec.shape)),
        weights=WeightsRecord(**asdict(spec.weights)) if spec.weights else None,
        **asdict(spec.preprocessing),
    )


def spec_of(record: NetworkRecord) -> ModelSpec:
    """The network's description that a run or a plan holds.

    Raises:
        ModelError: it is not one that this version builds.
    """
    takes = {
        field.name: getattr(record, field.name)
        for field in structs.fields(record)
        if field.name not in ("name", "class_names", "shape", "weights")
    }
    return ModelSpec(
        name=record.name,
        class_names=record.class_names,
        preprocessing=Preprocessing(**takes),
        shape=NetShape(**structs.asdict(record.shape)),
        weights=Weights(**structs.asdict(record.weights)) if record.weights else None,
    )


def recipe_record(recipe: Recipe) -> RecipeRecord:
    """A recipe, as run and plan hold it."""
    return RecipeRecord(**asdict(recipe))


def recipe_of(record: RecipeRecord) -> Recipe:
    """The recipe that a run or a plan holds.

    Raises:
        RecipeError: it is not one of this version.
    """
    return Recipe(**structs.asdict(record))
