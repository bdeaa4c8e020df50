"""Recipes refuse what cannot work, and their schedules have the shape they promise."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from layerscope.errors import RecipeError
from layerscope.training.optim.schedule import has_stalled, learning_rate, plateau_frac
from layerscope.training.recipe import Recipe


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"optimiser": "adamm"}, "did you mean 'adam'"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"augment": "flips"}, "did you mean 'flip"),
        ({"precision": "float16"}, "did you mean"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"learning_rate": 11.0}, "not above 10"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1"),
        ({"warmup_frac": 1.0}, "warmup_frac is 1.0"),
        ({"validation_frac": 0.0}, "validation_frac is 0.0"),
        ({"validation_frac": 0.6}, "validation_frac is 0.6"),
        ({"plateau_epochs": 0}, "plateau_epochs is 0"),
        ({"stop_after_epochs": -1}, "stop_after_epochs is -1"),
        ({"epoch": 3}, "did you mean 'epochs'"),
    ],
)
def test_settings_out_of_range_are_refused(changes, message) -> None:
    with pytest.raises(RecipeError, match=message):
        Recipe().with_changes(**changes)


def test_settings_at_the_edge_are_taken() -> None:
    changes = {"epochs": 1, "learning_rate": 10.0, "validation_frac": 0.5, "warmup_frac": 0.0}
    assert Recipe().with_changes(**changes).validation_frac == 0.5


def test_one_cycle_climbs_to_the_peak_and_falls_to_nearly_nothing() -> None:
    recipe = Recipe(learning_rate=0.5, warmup_frac=0.2)
    rates = [learning_rate(recipe, step, 100) for step in range(100)]
    assert max(rates) == rates[20] == 0.5
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[60] == pytest.approx(0.25)
    assert 0 < rates[-1] <= 0.5 / 80


def test_cosine_and_constant() -> None:
    cosine = Recipe(schedule="cosine", learning_rate=1.0)
    assert learning_rate(cosine, 0, 100) == 1.0
    assert learning_rate(cosine, 50, 100) == pytest.approx(0.5)
    assert learning_rate(Recipe(schedule="constant", learning_rate=0.1), 99, 100) == 0.1


@settings(max_examples=200, deadline=None)
@given(
    losses=st.lists(st.sampled_from([0.3, 0.49999, 0.5, 0.50001, 0.6, 0.7]), max_size=30),
    patience=st.integers(1, 4),
)
def test_plateau_cuts_when_torch_would(losses: list[float], patience: int) -> None:
    recipe = Recipe(schedule="plateau", plateau_epochs=patience)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    torchs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, patience=patience, eps=0.0)
    for i, loss in enumerate(losses):
        torchs.step(loss)
        ours = plateau_frac(recipe, losses[: i + 1])
        assert ours == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)


def test_only_plateau_cuts() -> None:
    assert plateau_frac(Recipe(schedule="constant"), [0.1] * 50) == 1.0


def test_stalled_counts_from_the_first_best_epoch() -> None:
    recipe = Recipe(stop_after_epochs=2)
    assert not has_stalled(recipe, [])
    assert not has_stalled(recipe, [0.5, 0.6, 0.6])
    assert has_stalled(recipe, [0.5, 0.6, 0.6, 0.6])
    assert not has_stalled(recipe, [0.5, 0.6, 0.5, 0.7])
    assert not has_stalled(Recipe(), [0.6] + [0.5] * 50)


def test_another_optimiser_brings_its_own_rate_unless_one_is_given() -> None:
    recipe = Recipe()
    assert recipe.with_changes(optimiser="adamw").learning_rate == 0.003
    assert recipe.with_changes(optimiser="sgd").weight_decay == 0.0005
    assert recipe.with_changes(optimiser="sgd", learning_rate=0.2).learning_rate == 0.2
    assert recipe.with_changes(optimiser="muon").learning_rate == recipe.learning_rate
    with pytest.raises(RecipeError, match="did you mean 'adamw'"):
        recipe.with_changes(optimiser="adamww")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weight_decay": math.nan}, "weight_decay is nan; it must be a finite number"),
        ({"learning_rate": math.inf}, "learning_rate is inf; it must be a finite number"),
        ({"epochs": 2.5}, "epochs is 2.5; it must be a whole number"),
        ({"epochs": "5"}, "epochs is '5'; it must be a whole number"),
        ({"batch_size": True}, "batch_size is True; it must be a whole number"),
        ({"validation_frac": "0.1"}, "validation_frac is '0.1'; it must be a finite number"),
        ({"schedule": None}, "schedule is None; it must be a word"),
    ],
)
def test_values_of_another_kind_are_refused(change: dict, said: str) -> None:
    Recipe(weight_decay=0, epochs=2)
    with pytest.raises(RecipeError, match=said):
        Recipe(**change)
