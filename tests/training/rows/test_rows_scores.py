"""Figures and simpler models against closed forms and scikit-learn."""

from __future__ import annotations

import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from layerscope.data.rows.load_rows import RowSplits, load_rows
from layerscope.data.rows.row_sets import SeriesSet
from layerscope.models.sequences.rows_spec import RowsSpec
from layerscope.training.rows.row_folds import folds_of
from layerscope.training.rows.rows_baselines import baselines_of
from layerscope.training.rows.rows_scores import (
    NETWORK,
    bootstrap_weights,
    figure,
    figures_of,
    verdict,
)


def test_a_mean_has_its_normal_interval() -> None:
    """Of many even numbers the bootstrap's interval is the normal one."""
    values = torch.rand(400, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = figure("mean", {NETWORK: values, "double": 2 * values})
    reach = 1.96 * float(values.std(correction=0)) / 20
    assert found.network.value == pytest.approx(float(values.mean()))
    low, high = found.network.interval
    assert (high - low) / 2 == pytest.approx(reach, rel=0.1)
    other = found.baselines[0]
    assert other.difference == pytest.approx(-float(values.mean()))
    assert verdict(other, higher_is_better=False) == "the network is better"
    assert verdict(other, higher_is_better=True) == "the network is worse"
    same = figure("mean", {NETWORK: values, "turned": values.flip(0)}).baselines[0]
    assert verdict(same, higher_is_better=True).startswith("no difference")


def test_blocks_keep_neighbours_together() -> None:
    """A series that hardly changes from day to day is worth far fewer rows than it has."""
    assert (bootstrap_weights(7).sum(1) - 1).abs().max() < 1e-12
    steps = torch.randn(40, generator=torch.Generator().manual_seed(1)).double()
    values = steps.repeat_interleave(25)  # forty different values, each for 25 days
    alone, blocks = (figure("mean", {NETWORK: values}, block=b).network.interval for b in (1, 50))
    assert (blocks[1] - blocks[0]) > 3 * (alone[1] - alone[0])


def test_perplexity_and_errors_in_units() -> None:
    even = torch.full((3, 4), math.log(1 / 5), dtype=torch.float64)
    words = RowsSpec("text-rnn", "next-word", n_words=5, length=4)
    found = figures_of(words, {NETWORK: even}, torch.ones(3, 4, dtype=torch.int64))
    assert found[0].network.value == pytest.approx(5)
    numbers = RowsSpec("table-mlp", "number", n_features=1)
    given = {NETWORK: torch.tensor([[1.0], [0.0]]).double()}
    absolute, squared = figures_of(numbers, given, torch.zeros(2, 1), std=10.0, unit="euros")
    assert absolute.network.value == pytest.approx(5)
    assert squared.network.value == pytest.approx(math.sqrt(50))
    assert absolute.unit == "euros"


@pytest.fixture(scope="module")
def waves(tmp_path_factory: pytest.TempPathFactory) -> RowSplits:
    """A series that comes again every year, exactly."""
    first = date(2001, 1, 1)
    days = [first + timedelta(days=i) for i in range(4 * 365)]
    lines = [f"{d.isoformat()},{d.month * 100 + d.day}" for d in days]
    path = tmp_path_factory.mktemp("waves") / "waves.csv"
    path.write_text("\n".join(["day,value", *lines]), encoding="utf-8")
    return load_rows(path, window=4)


def test_baselines_of_a_series(waves: RowSplits) -> None:
    test = waves.test
    assert isinstance(test, SeriesSet)
    known = baselines_of(waves)
    torch.testing.assert_close(
        known["the same day last year"](test).float(), test.targets, atol=1e-5, rtol=0
    )
    torch.testing.assert_close(
        known["the same as the step before"](test)[1:], test.targets[:-1], atol=1e-5, rtol=0
    )
    assert known["linear regression"](test).shape == test.targets.shape


def test_baselines_of_a_table_are_those_of_scikit_learn() -> None:
    splits = load_rows("diabetes")
    known = baselines_of(splits)
    design = np.c_[splits.train.inputs.double().numpy(), np.ones(len(splits.train))]
    weights = np.linalg.lstsq(design, splits.train.targets.double().numpy(), rcond=None)[0]
    expected = np.c_[splits.test.inputs.double().numpy(), np.ones(len(splits.test))] @ weights
    given = known["linear regression"](splits.test)
    np.testing.assert_allclose(given.numpy(), expected, atol=1e-6)
    assert known["the mean"](splits.test).abs().max() < 1e-5, "targets are scaled by training rows"
    folds = folds_of(splits)
    assert sorted(i for fold in folds for i in fold) == list(range(442))
    assert {len(fold) for fold in folds} <= {88, 89}


def test_bigrams_know_what_follows(tmp_path: Path) -> None:
    """Of a text that goes round, one word back says all; shares of words say nothing."""
    path = tmp_path / "round.txt"
    path.write_text(" ".join(["one", "two", "three", "four", "five"] * 400), encoding="utf-8")
    splits = load_rows(path)
    known = baselines_of(splits)
    assert known["bigrams"](splits.test).exp().min() > 0.99
    shares = known["word frequencies"](splits.test).exp()
    assert shares.mean() == pytest.approx(0.2, abs=0.01)
