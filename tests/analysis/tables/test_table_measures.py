"""Measures of tables and series against scikit-learn's and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.inspection import partial_dependence as sk_dependence
from sklearn.inspection import permutation_importance as sk_importance
from sklearn.linear_model import LinearRegression
from torch import nn

from layerscope.analysis.controls.untrained_copies import untrained_copy
from layerscope.analysis.tables.error_against_baseline import compare_errors
from layerscope.analysis.tables.feature_tuning import activations, curves, feature_tuning
from layerscope.analysis.tables.forecast_interval import coverage, forecast_interval
from layerscope.analysis.tables.partial_dependence import grid_of, partial_dependence
from layerscope.analysis.tables.permutation_importance import permutation_importance
from layerscope.errors import DataError


def gen(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def linear() -> tuple[LinearRegression, torch.Tensor, torch.Tensor]:
    x = torch.randn(200, 3, generator=gen(0))
    y = x @ torch.tensor([3.0, 1.0, 0.0]) + 0.1 * torch.randn(200, generator=gen(1))
    return LinearRegression().fit(x.numpy(), y.numpy()), x, y


def squared(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (outputs - targets).square()


def predict_of(fit: LinearRegression):
    weight, bias = torch.from_numpy(fit.coef_), float(fit.intercept_)
    return lambda x: x @ weight + bias


def test_importance_is_scikit_learns(linear) -> None:
    fit, x, y = linear
    found = permutation_importance(
        predict_of(fit), x, y, squared, [[0], [1], [2]], gen(0), repeats=40
    )
    oracle = sk_importance(
        fit, x.numpy(), y.numpy(), scoring="neg_mean_squared_error", n_repeats=40, random_state=0
    )
    np.testing.assert_allclose(found.change.mean, oracle.importances_mean, rtol=0.05, atol=0.01)
    np.testing.assert_allclose(found.repeats.std(0), oracle.importances_std, rtol=0.5, atol=0.01)
    low, high = found.change.interval[2].tolist()
    assert low < 0 < high or abs(high) < 1e-3  # the third column says nothing
    assert found.change.interval[0, 0] > 0


def test_columns_of_one_category_are_dealt_out_together() -> None:
    which = torch.nn.functional.one_hot(torch.arange(60) % 3, 3).float()
    seen: list[torch.Tensor] = []

    def predict(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return x[:, 0]

    permutation_importance(predict, which, which[:, 0], squared, [[0, 1, 2]], gen(0), repeats=2)
    assert all(torch.equal(x.sum(1), torch.ones(60)) for x in seen)


def test_partial_dependence_is_scikit_learns(linear) -> None:
    fit, x, _ = linear
    values = grid_of(x[:, 0], points=5)
    assert values[0] == pytest.approx(float(x[:, 0].quantile(0.02)))
    found = partial_dependence(predict_of(fit), x, [0], values[:, None])
    oracle = sk_dependence(fit, x.numpy(), [0], kind="both", custom_values={0: values.numpy()})
    np.testing.assert_allclose(found.mean, oracle["average"][0], rtol=1e-4)
    np.testing.assert_allclose(found.each.T, oracle["individual"][0], rtol=1e-4, atol=1e-4)
    assert grid_of(torch.tensor([2.0, 1.0, 2.0])).tolist() == [1.0, 2.0]


def test_a_unit_that_copies_a_column_follows_it() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1))
    with torch.no_grad():
        net[0].weight[5] = 2 * torch.eye(6)[3]
    x = torch.randn(300, 6, generator=gen(0))
    copies = [untrained_copy(net, gen(seed)) for seed in range(20)]
    found = feature_tuning(net, copies, "0", x)
    assert found.follows(5) == 3 and found.correlation[5, 3] == pytest.approx(1.0)
    assert sum(found.follows(u) is not None for u in range(24) if u != 5) <= 1
    at, means = curves(activations(net, "0", x), x[:, 3], bins=4)
    torch.testing.assert_close(
        means[5], 2 * at + float(net[0].bias[5].detach()), rtol=1e-4, atol=1e-4
    )


def test_untrained_units_follow_nothing() -> None:
    x, named = torch.randn(150, 6, generator=gen(0)), 0
    for seed in range(6):
        net = untrained_copy(nn.Sequential(nn.Linear(6, 32), nn.ReLU()), gen(100 + seed))
        copies = [untrained_copy(net, gen(1000 * seed + k)) for k in range(20)]
        found = feature_tuning(net, copies, "0", x)
        named += sum(found.follows(u) is not None for u in range(32))
    assert named <= 0.05 * 6 * 32


def test_the_mean_is_beaten_and_ones_own_errors_are_not(linear) -> None:
    fit, x, y = linear
    ours = squared(predict_of(fit)(x), y)
    mean, same = compare_errors(ours, {"the mean": squared(y.mean(), y), "the same": ours})
    assert mean.verdict == "better" and mean.error == pytest.approx(float(y.var(correction=0)))
    assert same.verdict == "no difference seen" and same.difference == 0
    assert compare_errors(squared(y.mean(), y), {"ours": ours})[0].verdict == "worse"
    with pytest.raises(DataError, match="at least 2"):
        compare_errors(ours[:1], {})


def test_intervals_hold_what_they_promise() -> None:
    held = []
    for seed in range(40):
        fitted = forecast_interval(torch.randn(99, generator=gen(seed)), wanted=0.8)
        held.append(coverage(fitted, torch.randn(500, generator=gen(500 + seed)))[0])
    assert np.mean(held) == pytest.approx(0.8, abs=0.02)
    with pytest.raises(DataError, match="needs 19"):
        forecast_interval(torch.randn(18, generator=gen(0)), wanted=0.9)
    nineteen = torch.arange(19.0)
    assert forecast_interval(nineteen, wanted=0.9).high == 18
