"""Presets: recipes with names, each for a set and a network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from layerscope.errors import RecipeError, nearest
from layerscope.models.spec import is_backbone
from layerscope.training.recipe import Recipe

PRESETS = ("default", "quick", "best", "tutorial")


@dataclass(frozen=True)
class Preset:
    """A recipe, and what it changes of the network.

    Args:
        recipe: every choice of the training.
        shape: fields of `NetShape` to change; the classic networks stay as they are.
    """

    recipe: Recipe
    shape: dict[str, Any] = field(default_factory=dict)


def make_preset(
    name: str,
    data_name: str,
    model_name: str,
    *,
    channels: int,
    n_pictures: int,
    pretrained: bool = False,
) -> Preset:
    """Look up a preset.

    The values were chosen on validation splits (`docs/design.md` says how); no test split was
    looked at for them.

    Args:
        name: "default" (a good figure in few epochs), "quick" (the tutorial's own figure in the
            least time), "best" (the highest figure, however long it takes) or "tutorial" (what the
            tutorials do, to see the difference).
        data_name: the set's name.
        model_name: the network's name.
        channels: 1 or 3. Colour pictures are photographs here, which stay what they are when
            mirrored; grey ones may be letters or digits, which do not.
        n_pictures: how many there are to train on.
        pretrained: whether a library's network begins with weights, published or from a file.

    Raises:
        RecipeError: there is no such preset.

    Example:
        >>> make_preset("tutorial", "mnist", "digit-cnn", channels=1, n_pictures=60_000).recipe
        ... # doctest: +SKIP
    """
    if name not in PRESETS:
        raise RecipeError(f"there is no preset {name!r}{nearest(name, PRESETS)}")
    mirrored = channels == 3 or data_name == "fashion-mnist"
    if name == "tutorial":
        return Preset(tutorial_recipe(model_name))
    recipe = default_recipe(model_name, mirrored=mirrored, n_pictures=n_pictures)
    if is_backbone(model_name):
        recipe = backbone_recipe(recipe, pretrained=pretrained)
    if name == "quick":
        return Preset(quick_recipe(recipe, model_name))
    if name == "best":
        return best_preset(recipe, model_name, mirrored=mirrored)
    return Preset(recipe)


def default_recipe(model_name: str, *, mirrored: bool, n_pictures: int) -> Recipe:
    """A good figure in few epochs."""
    recipe = Recipe(augment="flip" if mirrored else "shift")
    if model_name == "digit-mlp":
        # Memorises its pictures after three epochs unless it may not be too sure of them.
        recipe = replace(recipe, label_smoothing_frac=0.1)
    if model_name == "compact":
        # Strong enough to memorise its pictures: it gains from seeing them moved.
        augment = "flip-shift" if mirrored else "shift"
        recipe = replace(recipe, epochs=10, augment=augment, weight_decay=0.05)
    if n_pictures < 20_000:
        recipe = replace(recipe, batch_size=32)
    return recipe


def backbone_recipe(default: Recipe, *, pretrained: bool) -> Recipe:
    """For a network of torchvision or timm: few and careful steps from what it knows already."""
    recipe = default.with_changes(batch_size=32, optimiser="adamw", learning_rate=1e-3)
    if pretrained:
        # A random head sends noise back: it learns alone first. What is learned already then
        # moves a little.
        return replace(recipe, freeze="head", unfreeze_epoch=2, backbone_rate_frac=0.1)
    return recipe


def quick_recipe(default: Recipe, model_name: str) -> Recipe:
    """The tutorial's own figure in the least time: as few and as large steps as reach it."""
    settings: dict[str, dict[str, Any]] = {
        "digit-mlp": {"epochs": 4, "batch_size": 256},
        "digit-cnn": {"epochs": 2, "batch_size": 128, "label_smoothing_frac": 0.1},
        "fashion-cnn": {
            "epochs": 3,
            "batch_size": 64,
            "augment": "none",
            "label_smoothing_frac": 0.1,
        },
        "catdog-cnn": {"epochs": 2, "batch_size": 64, "learning_rate": 0.05},
    }
    return replace(default, **settings.get(model_name, {"epochs": max(1, default.epochs // 3)}))


def best_preset(default: Recipe, model_name: str, *, mirrored: bool) -> Preset:
    """The highest figure: many epochs of pictures that never look the same twice."""
    recipe = replace(
        default,
        epochs=30,
        augment="flip-strong" if mirrored else "strong",
        label_smoothing_frac=0.1,
        batch_size=64,
    )
    if model_name == "compact":
        return Preset(replace(recipe, weight_decay=0.05), {"widths": (64, 128, 256, 256)})
    return Preset(recipe)


def tutorial_recipe(model_name: str) -> Recipe:
    """What the tutorials do: Adam at 0.001, five epochs, pictures as they are.

    Keras takes batches of 32 unless it is told otherwise; the others say 64.
    """
    return Recipe(
        epochs=5,
        batch_size=32 if model_name in ("catdog-cnn", "dog-classifier") else 64,
        optimiser="adam",
        learning_rate=1e-3,
        schedule="constant",
        weight_decay=0.0,
        precision="float32",
    )
