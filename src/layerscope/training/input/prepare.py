"""What is settled before a training begins: its pictures, its network, its recipe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layerscope.data import load
from layerscope.data.imageset import ImageSet, Splits
from layerscope.data.split import stratified_rows
from layerscope.errors import RecipeError
from layerscope.models import ModelSpec, build, make_spec
from layerscope.models.build import model_names
from layerscope.models.pretrained.backbone import native_size
from layerscope.models.pretrained.starting_weights import NONE, choose_weights, load_weights
from layerscope.models.spec import Weights, is_backbone
from layerscope.seed import make_generator
from layerscope.training.input.batches import channel_statistics
from layerscope.training.optim.freezing import check_freeze
from layerscope.training.presets import Preset, make_preset
from layerscope.training.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric
    from torch import nn


@dataclass(frozen=True)
class Gathered:
    """What a training begins with, found and loaded.

    Args:
        model: the network's name.
        splits: the pictures as they were found; the network may take them in other channels.
        source: where they can be loaded again; None where they were handed over in Python.
        size: side of the pictures in pixels; None is the set's own.
        weights: what the network begins with; None for our own networks.
    """

    model: str
    splits: Splits
    source: str | None
    size: int | None
    weights: Weights | None


def gather(
    data: str | Path | Splits,
    *,
    model: str,
    fabric: Fabric,
    size: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | None = None,
) -> Gathered:
    """Find the weights that a network begins with, and load the pictures in the size it takes.

    Args:
        data, model, size, weights, data_dir: as for `train`.
        fabric: of several processes, one downloads and fills the cache, and the others read it.

    Raises:
        DataError, ModelError: what was asked for cannot be had.
    """
    model = model_called(model)
    with fabric.rank_zero_first():
        found = choose_weights(model, weights)  # before pictures are decoded for nothing
        size = size or native_size(model)
        splits = data if isinstance(data, Splits) else load(data, size=size, data_dir=data_dir)
    source = None if isinstance(data, Splits) else str(data)
    return Gathered(model, splits, source, size, found)


def model_called(name: str) -> str:
    """The network that is meant, however its name is capitalised; any other name as it is.

    Example:
        >>> model_called("Fashion-CNN")
        'fashion-cnn'
    """
    plain = name.lower()
    return plain if plain in model_names() or is_backbone(plain) else name


def prepare(
    gathered: Gathered,
    *,
    preset: str = "default",
    recipe: Recipe | None = None,
    shape: dict[str, Any] | None = None,
    changes: dict[str, Any] | None = None,
    seed: int = 0,
) -> tuple[ModelSpec, Recipe]:
    """Settle every choice of a training before it begins.

    Args:
        gathered: pictures and weights.
        preset, recipe, shape, seed: as for `train`.
        changes: recipe fields.

    Raises:
        ModelError, RecipeError: pictures that are too small, weights of another network, a layer
            to freeze that is not there, a field that does not exist or is out of range.
    """
    pictures = gathered.splits.train
    if recipe is not None and preset != "default":
        raise RecipeError(f"preset {preset!r} and a recipe were given; give one of them")
    chosen = make_preset(
        preset,
        pictures.name,
        gathered.model,
        channels=pictures.channels,
        n_pictures=len(pictures),
        pretrained=gathered.weights is not None and gathered.weights.source != NONE,
    )
    chosen = Preset(recipe) if recipe else chosen
    settled = chosen.recipe.with_changes(**(changes or {}))
    training, _ = parted(pictures, settled, seed)
    mean, std = channel_statistics(training)
    H, W = pictures.size
    spec = make_spec(
        gathered.model,
        class_names=pictures.class_names,
        channels=pictures.channels,
        height=H,
        width=W,
        mean=mean,
        std=std,
    ).with_shape(**{**chosen.shape, **(shape or {})})
    spec = replace(spec, weights=gathered.weights)
    check_freeze(first_network(spec, seed), settled)
    return spec, settled


def first_network(spec: ModelSpec, seed: int) -> nn.Module:
    """The network that a training begins with: fresh, but for the weights that it was given."""
    model = build(spec, make_generator(seed, "weights"))
    load_weights(model, spec)
    return model


def parted(pictures: ImageSet, recipe: Recipe, seed: int) -> tuple[ImageSet, ImageSet]:
    """The pictures to learn from, and those to choose by."""
    rows, held_out = parted_rows(pictures, recipe, seed)
    return pictures.subset(rows), pictures.subset(held_out, split="validation")


def parted_rows(pictures: ImageSet, recipe: Recipe, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows to learn from, and those to choose by."""
    return stratified_rows(pictures, recipe.validation_frac, make_generator(seed, "validation"))
