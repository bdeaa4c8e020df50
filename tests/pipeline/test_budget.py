"""What a large network is asked: less, by a rule, and never nothing by accident."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from layerscope.analysis.tuning.stimuli import COARSE, FINE
from layerscope.graph.read import read_program
from layerscope.models import build, make_spec
from layerscope.pipeline import budget as budgets
from layerscope.pipeline.budget import (
    FEW_PICTURES,
    FEWEST_PICTURES,
    MOST_ABLATION,
    MOST_VISUALISED,
    Budget,
    budget_for,
    control_pictures,
)
from layerscope.pipeline.effort import FULL


def test_a_classic_network_is_asked_everything() -> None:
    spec = make_spec(
        "fashion-cnn", class_names=("a", "b"), channels=1, height=28, width=28, mean=[0], std=[1]
    )
    model = build(spec, torch.Generator().manual_seed(0))
    program = read_program(model, torch.zeros(1, 1, 28, 28))
    budget = budget_for(FULL, program, spec)
    assert budget.effort == FULL
    # 32 * 26 * 26 * 9 multiply-adds of the first convolution.
    assert budget.to["features.1"] == 32 * 26 * 26 * 9
    assert budget.to[program.layers[-1].name] == budget.total
    for layer in ("features.1", "features.4"):
        assert budget.ablation(layer, 64, 80) == (64, 1000)
        assert budget.made(layer, 64) == 64


def test_a_large_network_is_asked_within_the_budget() -> None:
    to = {"first": 1e8, "middle": 9e8, "late": 1.79e9, "last": 1.8e9}
    budget = Budget(FULL, to, 1.8e9)
    assert budget.ablation("first", 64, 80) == (0, 0)
    assert budget.ablation("last", 512, 80) == (512, 1000)
    for layer in to:
        units, pictures = budget.ablation(layer, 512, 80)
        behind = max(budget.total - to[layer], 1)
        drawn = 80 * bool(units) * control_pictures(pictures)
        assert (units * pictures + drawn) * behind <= MOST_ABLATION
        assert pictures in (0, FEWEST_PICTURES, FEW_PICTURES, 1000)
        made = budget.made(layer, 64)
        assert 1 <= made <= 64
        assert made == 1 or made * FULL.featurevis_steps * 3 * to[layer] <= MOST_VISUALISED


def test_a_network_that_cannot_be_resumed_costs_all_of_itself() -> None:
    to = {"first": 1e8, "last": 1e9}
    assert Budget(FULL, to, 1e9).ablation("last", 512, 80) == (512, 1000)
    assert Budget(FULL, to, 1e9, resumes=False).ablation("last", 512, 80) == (0, 0)


def test_nothing_asked_is_nothing_done() -> None:
    budget = Budget(replace(FULL, ablation_pictures=0), {"a": 10.0, "b": 20.0}, 20.0)
    assert budget.ablation("a", 8, 80) == (0, 0)


@pytest.mark.parametrize(("total_px", "copies"), [(32, 20), (224, 2)])
def test_of_a_large_network_two_copies_have_to_do(total_px: int, copies: int) -> None:
    spec = make_spec(
        "catdog-cnn", class_names=("a", "b"), channels=3, height=total_px, width=total_px,
        mean=[0] * 3, std=[1] * 3,
    )  # fmt: skip
    model = build(spec, torch.Generator().manual_seed(0))
    program = read_program(model, torch.zeros(1, 3, total_px, total_px))
    assert budget_for(FULL, program, spec).effort.untrained == copies


def test_of_a_very_large_network_less_still_is_measured_and_it_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = make_spec(
        "fashion-cnn", class_names=("a", "b"), channels=1, height=28, width=28, mean=[0], std=[1]
    )
    model = build(spec, torch.Generator().manual_seed(0))
    program = read_program(model, torch.zeros(1, 1, 28, 28))
    small = budget_for(FULL, program, spec)
    assert (small.told, small.effort, small.stimuli, small.in_one_pass) == ("", FULL, FINE, False)
    monkeypatch.setattr(budgets, "LARGE_NETWORK", small.total - 1)
    large = budget_for(FULL, program, spec)
    assert large.stimuli == FINE
    assert large.fields < small.fields
    assert "2 untrained copies instead of 20" in large.told
    assert "synthetic" not in large.told
    monkeypatch.setattr(budgets, "VERY_LARGE_NETWORK", small.total - 1)
    largest = budget_for(FULL, program, spec)
    assert largest.stimuli == COARSE
    assert largest.effort.featurevis_steps == budgets.STEPS_OF_VERY_LARGE
    assert "synthetic stimuli in steps of 30° instead of 15°" in largest.told
    assert "48 steps for each optimised image instead of 128" in largest.told
    assert "one optimised image of a unit instead of 2" in largest.told
    assert largest.effort.featurevis_variants == 1
    # Most of it is a convolution, whose products are not rounded.
    monkeypatch.setattr(budgets, "bfloat16_is_faster", lambda device: True)
    assert not budget_for(FULL, program, spec).rounds
    # What was not asked for is not said to be less.
    little = replace(FULL, untrained=2, featurevis_steps=4, stimuli="coarse")
    told = budget_for(little, program, spec).told
    assert "copies" not in told
    assert "steps" not in told


@pytest.mark.parametrize("fast", [True, False])
def test_products_are_rounded_where_that_is_faster_and_it_says_so(
    monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    spec = make_spec(
        "digit-mlp", class_names=("a", "b"), channels=1, height=28, width=28, mean=[0], std=[1]
    )
    model = build(spec, torch.Generator().manual_seed(0))
    program = read_program(model, torch.zeros(1, 1, 28, 28))
    monkeypatch.setattr(budgets, "bfloat16_is_faster", lambda device: fast)
    assert not budget_for(FULL, program, spec).rounds  # exact where nothing takes long
    monkeypatch.setattr(budgets, "LARGE_NETWORK", 0)
    monkeypatch.setattr(budgets, "VERY_LARGE_NETWORK", 0)
    found = budget_for(FULL, program, spec)
    assert found.rounds == fast
    assert ("rounded to bfloat16" in found.told) == fast
