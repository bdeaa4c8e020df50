"""What is settled before a training begins: its pictures, its network, its recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from layerscope.data import load
from layerscope.data.imageset import ImageSet, Splits
from layerscope.data.split import stratified_rows
from layerscope.errors import ModelError, RecipeError
from layerscope.models import ModelSpec, build, make_spec
from layerscope.models.build import model_names
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.pretrained.backbone import native_size
from layerscope.models.pretrained.starting_weights import NONE, choose_weights, load_weights
from layerscope.models.spec import Weights, is_backbone
from layerscope.seed import make_generator
from layerscope.training.input.batches import channel_statistics
from layerscope.training.input.narrow_maps import narrow_maps
from layerscope.training.input.own_module import copy_of, own_spec
from layerscope.training.optim.freezing import check_freeze
from layerscope.training.presets import Preset, make_preset
from layerscope.training.recipe import Recipe
from layerscope.training.train_settings import Settings, of_network, of_recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Gathered:
    """What a training begins with, found and loaded.

    Args:
        model: the network's name, or itself.
        splits: the pictures as they were found; the network may take them in other channels.
        source: where they can be loaded again; None where they were handed over in Python.
        size: side of the pictures in pixels; None is the set's own.
        weights: what the network begins with; None for our own networks.
        device: where it will be trained.
    """

    model: str | nn.Module
    splits: Splits
    source: str | None
    size: int | None
    weights: Weights | None
    device: torch.device


def gather(
    data: str | Path | Splits,
    *,
    model: str | nn.Module,
    fabric: Fabric,
    size: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Gathered:
    """Find the weights that a network begins with, and load the pictures in the size it takes.

    Args:
        data, model, size, weights, data_dir: as for `train`.
        fabric: of several processes, one downloads and fills the cache, and the others read it.
        progress: told (pictures done, pictures in all) while they are decoded or drawn.

    Raises:
        DataError, ModelError: what was asked for cannot be had.
    """
    if isinstance(model, str):
        model = model_called(model)
    elif weights is not None:
        raise ModelError(
            "weights are for networks named torchvision:NAME or timm:NAME; a module of your own "
            "begins with those that it has"
        )
    with fabric.rank_zero_first():
        # Before pictures are decoded for nothing.
        found = choose_weights(model, weights) if isinstance(model, str) else None
        size = size or (native_size(model) if isinstance(model, str) else None)
        if isinstance(data, Splits):
            splits = data
        else:
            splits = load(data, size=size, data_dir=data_dir, progress=progress)
    source = None if isinstance(data, Splits) else str(data)
    return Gathered(model, splits, source, size, found, fabric.device)


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
    settings: Settings | None = None,
    seed: int = 0,
) -> tuple[ModelSpec, Recipe]:
    """Settle every choice of a training before it begins.

    Args:
        gathered: pictures and weights.
        preset, recipe, settings, seed: as for `train`.

    Raises:
        ModelError, RecipeError: pictures that are too small, weights of another network, a layer
            to freeze that is not there, a field that does not exist or is out of range.
    """
    pictures = gathered.splits.train
    if recipe is not None and preset != "default":
        raise RecipeError(f"preset {preset!r} and a recipe were given; give one of them")
    own = gathered.model if isinstance(gathered.model, nn.Module) else None
    chosen = make_preset(
        preset,
        pictures.name,
        gathered.model if isinstance(gathered.model, str) else "",
        channels=pictures.channels,
        n_pictures=len(pictures),
        pretrained=gathered.weights is not None and gathered.weights.source != NONE,
    )
    chosen = Preset(recipe) if recipe else chosen
    settled = chosen.recipe.with_changes(**of_recipe(settings or {}))
    training, _ = parted(pictures, settled, seed)
    mean, std = channel_statistics(training)
    H, W = pictures.size
    if isinstance(gathered.model, str):
        spec = make_spec(
            gathered.model,
            class_names=pictures.class_names,
            channels=pictures.channels,
            height=H,
            width=W,
            mean=mean,
            std=std,
        )
    else:
        takes = Preprocessing(pictures.channels, H, W, tuple(mean), tuple(std))
        tried = pictures.take(torch.arange(min(2, len(pictures))))
        spec = own_spec(gathered.model, tried, pictures.class_names, takes)
    spec = spec.with_shape(**{**chosen.shape, **of_network(settings or {})})
    spec = replace(spec, weights=gathered.weights)
    network = first_network(spec, seed, own)
    check_freeze(network, settled)
    return spec, exact_enough(settled, network, spec, gathered.device)


def exact_enough(
    recipe: Recipe, network: nn.Module, spec: ModelSpec, device: torch.device
) -> Recipe:
    """The recipe in float32 where bfloat16 would spoil gradients: see `narrow_maps`.

    Raises:
        RecipeError: bfloat16 was asked for by name.
    """
    if device.type != "cpu" or recipe.precision == "float32":
        return recipe
    narrow = narrow_maps(network, torch.zeros(2, spec.channels, spec.height, spec.width))
    if not narrow:
        return recipe
    if recipe.precision == "bfloat16":
        side, stride = narrow[0]
        raise RecipeError(
            f"precision is bfloat16, but a convolution of stride {stride} reads maps of {side} px, "
            "and there a processor's bfloat16 leaves gradients unset; take precision=float32, or "
            "larger pictures"
        )
    return recipe.with_changes(precision="float32")


def first_network(spec: ModelSpec, seed: int, own: nn.Module | None = None) -> nn.Module:
    """The network that a training begins with: fresh, but for the weights that it was given.

    Args:
        spec: of the network.
        seed: draws its weights.
        own: the module that was handed over, which is copied with the weights that it has.
    """
    model = same_network(spec, seed, own)
    if own is None:
        load_weights(model, spec)
    return model


def same_network(spec: ModelSpec, seed: int, own: nn.Module | None = None) -> nn.Module:
    """A network of the same layers, for weights that are put in: see `first_network`."""
    return copy_of(own) if own is not None else build(spec, make_generator(seed, "weights"))


def parted(pictures: ImageSet, recipe: Recipe, seed: int) -> tuple[ImageSet, ImageSet]:
    """The pictures to learn from, and those to choose by."""
    rows, held_out = parted_rows(pictures, recipe, seed)
    return pictures.subset(rows), pictures.subset(held_out, split="validation")


def parted_rows(pictures: ImageSet, recipe: Recipe, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows to learn from, and those to choose by."""
    return stratified_rows(pictures, recipe.validation_frac, make_generator(seed, "validation"))
