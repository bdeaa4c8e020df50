"""The learning-rate finder: on curves with a known answer, and on trainings."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from layerscope.data.imageset import Splits
from layerscope.errors import RecipeError
from layerscope.models.sequences.build_rows import build_rows
from layerscope.models.sequences.rows_spec import RowsSpec
from layerscope.training.experiments.rate_finder import climb, find_rate, read_curve, smooth
from layerscope.training.experiments.rate_plot import plot_rates
from layerscope.training.machine import make_fabric
from layerscope.training.recipe import Recipe
from layerscope.training.rows.rows_feed import RowsFeed
from layerscope.training.rows.rows_recipe import rows_recipe
from layerscope.training.session import train

RATES = [10 ** (-6 + 6 * i / 149) for i in range(150)]


def bowl(centre: float) -> list[float]:
    """A loss that falls along a logistic curve around a rate, and doubles at 100 times it."""
    return [
        2.0 / (1 + (rate / centre) ** 2) + 0.2 + max(0.0, rate / centre / 100 - 1) for rate in RATES
    ]


@pytest.mark.parametrize("centre", [1e-4, 1e-3, 1e-2])
def test_the_middle_of_a_known_fall_is_found(centre: float) -> None:
    search = read_curve(Recipe(), RATES, bowl(centre))
    # The running mean lags by about ten steps, a factor of 2.5 here.
    assert centre < search.suggestion < 6 * centre
    if centre < 1e-2:
        assert search.breaks_at is not None
        assert search.breaks_at > 100 * centre
    else:
        assert search.breaks_at is None


def test_smoothing_leaves_a_constant_alone() -> None:
    assert smooth([3.0] * 20) == pytest.approx([3.0] * 20)


def test_a_curve_that_never_falls_says_nothing() -> None:
    with pytest.raises(RecipeError, match="never fell below"):
        read_curve(Recipe(), RATES, [1.0 + 0.1 * math.sin(i) ** 2 for i in range(150)])


def test_a_loss_that_breaks_away_at_once_is_said() -> None:
    with pytest.raises(RecipeError, match="broke away after 4 steps"):
        read_curve(Recipe(), RATES[:4], [1.0] * 4)


def test_one_hard_batch_does_not_end_a_climb() -> None:
    """One row of 56 is far from the others, and its batch costs ten times as much at first."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(56, 2, generator=generator)
    inputs[0] = 5.0
    values = inputs.sum(1, keepdim=True)
    spec = RowsSpec("table-mlp", "number", n_features=2)
    recipe = rows_recipe("table").with_changes(batch_size=8)
    found = climb(
        build_rows(spec, generator), spec, recipe, RowsFeed(inputs, values, torch.device("cpu")),
        make_fabric("cpu", "float32"), seed=0, steps=100, progress=lambda done, total: None,
    )  # fmt: skip
    assert found.rates[-1] > 0.01
    assert 1e-4 < found.suggestion < 1


def test_too_few_steps_are_refused(striped: Splits) -> None:
    with pytest.raises(RecipeError, match="steps is 19"):
        find_rate(striped, model="digit-mlp", steps=19)


@pytest.mark.parametrize("optimiser", ["muon", "adamw", "sgd"])
def test_what_it_suggests_trains_and_the_ends_of_its_range_do_not(
    striped: Splits, tmp_path: Path, optimiser: str
) -> None:
    settings = {"optimiser": optimiser, "batch_size": 32, "schedule": "constant"}
    search = find_rate(striped, model="digit-cnn", **settings)
    assert list(search.rates) == sorted(search.rates)

    def loss_at(rate: float) -> float:
        run = train(
            striped, model="digit-cnn", epochs=2, learning_rate=rate, out=tmp_path, **settings
        )
        row = (run.path / "history.jsonl").read_text().splitlines()[-1]
        return float(row.split('"validation_loss": ')[1].split(",")[0])

    good = loss_at(search.suggestion)
    assert good < 0.5 * loss_at(search.suggestion / 1000)


def test_the_same_seed_sees_the_same_curve_and_the_plot_is_a_picture(
    striped: Splits, tmp_path: Path
) -> None:
    one, same = (
        find_rate(striped, model="digit-mlp", steps=60, seed=3, dropout_frac=0.5) for _ in range(2)
    )
    assert one == same
    plot_rates(one, tmp_path / "rates.png")
    with Image.open(tmp_path / "rates.png") as picture:
        assert picture.width > 800
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 20
