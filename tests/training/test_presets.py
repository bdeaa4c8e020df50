"""Presets: what each of them promises."""

from __future__ import annotations

import pytest

from layerscope.errors import RecipeError
from layerscope.models.nets.classic import CLASSICS
from layerscope.training.presets import PRESETS, make_preset

NETWORKS = [*(classic.name for classic in CLASSICS), "compact"]


def recipe_of(name: str, model: str, data: str = "mnist", channels: int = 1):
    return make_preset(name, data, model, channels=channels, n_pictures=60_000).recipe


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("model", NETWORKS)
def test_every_preset_fits_every_network(preset: str, model: str) -> None:
    assert recipe_of(preset, model).epochs >= 1


@pytest.mark.parametrize("model", NETWORKS)
def test_quick_takes_fewer_epochs_than_the_default_and_best_more(model: str) -> None:
    quick, default, best = (recipe_of(name, model) for name in ("quick", "default", "best"))
    assert quick.epochs < default.epochs < best.epochs


@pytest.mark.parametrize(
    ("model", "batch_size"), [("digit-mlp", 64), ("fashion-cnn", 64), ("catdog-cnn", 32)]
)
def test_tutorial_is_what_the_tutorials_do(model: str, batch_size: int) -> None:
    recipe = recipe_of("tutorial", model)
    assert (recipe.optimiser, recipe.learning_rate, recipe.schedule) == ("adam", 1e-3, "constant")
    assert (recipe.batch_size, recipe.epochs, recipe.augment) == (batch_size, 5, "none")
    assert (recipe.weight_decay, recipe.label_smoothing_frac) == (0.0, 0.0)


@pytest.mark.parametrize("preset", ["default", "quick", "best"])
def test_colour_pictures_and_clothes_may_be_mirrored_and_digits_not(preset: str) -> None:
    assert "flip" in recipe_of(preset, "compact", "photos", channels=3).augment
    assert "flip" in recipe_of(preset, "compact", "fashion-mnist").augment
    assert "flip" not in recipe_of(preset, "compact", "mnist").augment


@pytest.mark.parametrize("model", [classic.name for classic in CLASSICS])
def test_presets_leave_the_classic_networks_as_they_are(model: str) -> None:
    for name in PRESETS:
        preset = make_preset(name, "mnist", model, channels=1, n_pictures=60_000)
        assert preset.shape == {}


def test_a_mistyped_preset_is_named() -> None:
    with pytest.raises(RecipeError, match="did you mean 'quick'"):
        recipe_of("quik", "compact")
