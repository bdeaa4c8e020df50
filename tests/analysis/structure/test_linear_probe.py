"""Linear probes against scikit-learn, and against what must be so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from layerscope.analysis.structure.linear_probe import (
    STRENGTHS,
    few_threads,
    fit_decorrelated,
    principal_axes,
    probe,
    validation_mask,
)
from layerscope.errors import DataError
from layerscope.intervals import wilson_interval


def clouds(
    n: int, K: int, D: int, *, seed: int, apart: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Overlapping clouds whose features are strongly correlated and of very different scales."""
    shared = torch.Generator().manual_seed(99)
    means = torch.randn(K, D, generator=shared) * apart
    mix = torch.randn(D, D, generator=shared) / D**0.5 + torch.ones(D, D) / D
    scales = torch.logspace(-2, 2, D)
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % K
    x = (means[labels] + torch.randn(n, D, generator=generator)) @ mix * scales + 3
    return x, labels


@pytest.mark.parametrize("C", [0.01, 1.0])
@pytest.mark.parametrize(("n", "K", "D"), [(200, 4, 12), (60, 3, 90), (150, 2, 8)])
def test_coefficients_against_scikit_learn(n: int, K: int, D: int, C: float) -> None:
    x, y = clouds(n, K, D, seed=0)
    x = torch.from_numpy(StandardScaler().fit_transform(x.double().numpy())) + 0.3
    centre = x.mean(0)
    axes = principal_axes(x - centre)
    weight, bias = fit_decorrelated((x - centre) @ axes, y, n_classes=K, C=C)
    weight = weight @ axes.T
    bias = bias - weight @ centre
    # For two classes scikit-learn has one vector of weights, the difference of ours, and a penalty
    # on it that is twice as strong as on the two apart.
    reference = LogisticRegression(C=2 * C if K == 2 else C, tol=1e-9, max_iter=20_000).fit(x, y)
    if K == 2:
        weight, bias = (weight[1] - weight[0])[None], (bias[1] - bias[0])[None]
    intercept = reference.intercept_ - reference.intercept_.mean() * (K > 2)
    assert weight.numpy() == pytest.approx(reference.coef_, abs=2e-4)
    assert bias.numpy() == pytest.approx(intercept, abs=2e-4)


@pytest.mark.parametrize(("K", "D", "apart"), [(4, 12, 0.4), (10, 60, 0.3), (2, 150, 0.1)])
def test_accuracy_against_scikit_learn(K: int, D: int, apart: float) -> None:
    x, y = clouds(240, K, D, seed=0, apart=apart)
    new_x, new_y = clouds(300, K, D, seed=1, apart=apart)
    found = probe(x, y, new_x, new_y, n_classes=K)
    scaler = StandardScaler().fit(x.double().numpy())
    train, test = (scaler.transform(part.double().numpy()) for part in (x, new_x))
    held = validation_mask(y).numpy()

    def fitted(C: float, rows: np.ndarray) -> LogisticRegression:
        strength = 2 * C if K == 2 else C
        return LogisticRegression(C=strength, tol=1e-8, max_iter=20_000).fit(train[rows], y[rows])

    def loss(C: float) -> float:
        logs = fitted(C, ~held).predict_log_proba(train[held])
        return -logs[np.arange(held.sum()), y[held]].mean()

    best = min(STRENGTHS, key=loss)
    assert best == found.C
    accuracy = fitted(best, np.ones(240, dtype=bool)).score(test, new_y)
    assert found.accuracy == pytest.approx(accuracy, abs=1 / 300)
    assert found.interval == wilson_interval(round(found.accuracy * 300), 300)
    assert found.n == 300
    assert found.chance == pytest.approx(1 / K)
    assert 1 / K + 0.05 < found.accuracy < 0.99  # neither blind nor too easy to tell anything


def test_a_probe_is_the_same_each_time_and_whatever_the_scale() -> None:
    x, y = clouds(100, 3, 10, seed=0, apart=0.5)
    new_x, new_y = clouds(100, 3, 10, seed=1, apart=0.5)
    first = probe(x, y, new_x, new_y, n_classes=3)
    assert probe(x, y, new_x, new_y, n_classes=3) == first
    assert probe(x * 1000 - 5, y, new_x * 1000 - 5, new_y, n_classes=3) == first


def test_features_that_know_nothing_stay_at_chance() -> None:
    generator = torch.Generator().manual_seed(0)
    x, new_x = (torch.randn(400, 40, generator=generator) for _ in range(2))
    y = torch.arange(400) % 2
    low, high = probe(x, y, new_x, y, n_classes=2).interval
    assert low < 0.5 < high
    y = (torch.arange(400) % 5 < 3).long()  # the commoner class is 1
    silent = probe(torch.full((400, 5), 0.1), y, torch.full((9, 5), 0.1), y[:9], n_classes=2)
    assert silent.accuracy == silent.chance == pytest.approx(6 / 9)


def test_the_held_back_pictures_are_a_fifth_of_each_class() -> None:
    y = torch.tensor([0] * 50 + [1] * 12 + [2] * 4)
    held = validation_mask(y)
    assert [int(held[y == k].sum()) for k in range(3)] == [10, 2, 0]


def test_a_class_without_training_pictures_is_never_named() -> None:
    x, y = clouds(90, 3, 6, seed=0, apart=3)
    known = y != 1
    found = probe(x[known], y[known], x, y, n_classes=3)
    assert found.accuracy == pytest.approx(2 / 3)
    tiny = probe(x[:3], y[:3], x, y, n_classes=3)  # one picture of each class
    assert STRENGTHS[0] == tiny.C and tiny.accuracy > 0.8


def test_refusals() -> None:
    x, y = clouds(20, 2, 3, seed=0)
    assert probe(x, y, x, y, n_classes=2).n == 20
    for bad, match in (
        ((x, y[:9], x, y), r"training features \(20, 3\) and 9 labels"),
        ((x, y, x[:0], y[:0]), "at least one"),
        ((x, y, x[:, :2], y), "3 training features and 2 test features"),
        ((x, y * 2, x, y), "training labels run from 0 to 2; they must lie in 0 to 1"),
        ((x, y * 0, x, y), "one class"),
        ((x, y, x / 0, y), "test features hold values that are not finite"),
    ):
        with pytest.raises(DataError, match=match):
            probe(*bad, n_classes=2)


def test_a_fit_leaves_the_threads_of_its_process_as_they_were() -> None:
    """Inside, small fits have one thread, large ones torch's own; other libraries have one."""
    before, others = torch.get_num_threads(), blas_threads()
    torch.set_num_threads(2)
    try:
        for multiply_adds, threads in ((1e4, 1), (1e9, 2)):
            with pytest.raises(RuntimeError), few_threads(multiply_adds):
                assert torch.get_num_threads() == threads
                assert set(blas_threads()) == {1}
                raise RuntimeError
            assert torch.get_num_threads() == 2
            assert blas_threads() == others
    finally:
        torch.set_num_threads(before)


def blas_threads() -> list[int]:
    return [found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"]
