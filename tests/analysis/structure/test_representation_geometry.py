"""Dimension, separation, duplicates and sparsity against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import f_oneway

from layerscope.analysis.structure.representation_geometry import (
    class_separation,
    duplicate_units,
    effective_dimension,
    sparsity,
)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


def with_variances(variances: list[float], n: int) -> torch.Tensor:
    """Features of exactly these variances along some directions that are not the axes."""
    D = len(variances)
    exact, _ = torch.linalg.qr(torch.cat([torch.ones(n, 1).double(), normal(n, D)], 1))
    turn, _ = torch.linalg.qr(normal(D, D, seed=1))
    return exact[:, 1:] * torch.tensor(variances).double().sqrt() @ turn + 7


@pytest.mark.parametrize(
    ("variances", "expected"),
    [([1.0] * 6, 6), ([5.0, 0, 0, 0], 1), ([3.0, 1.0], 16 / 10), ([4.0, 2, 1, 1], 64 / 22)],
)
@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_dimension_in_closed_form(variances: list[float], expected: float, scale: float) -> None:
    features = with_variances(variances, 50) * scale
    assert effective_dimension(features) == pytest.approx(expected)
    repeated = torch.cat([features] * 30, 1)  # more features than pictures
    assert effective_dimension(repeated) == pytest.approx(expected)


def test_dimension_against_the_spectrum_and_at_its_ends() -> None:
    for features in (normal(30, 8) @ normal(8, 12, seed=1), normal(6, 40)):
        values = np.linalg.eigvalsh(np.cov(features.numpy().T))
        expected = values.sum() ** 2 / (values**2).sum()
        assert effective_dimension(features) == pytest.approx(expected)
    assert effective_dimension(torch.full((9, 4), 0.1)) == 0.0
    # The size of the sample alone: d directions look like 1 / (1/d + 1/N).
    assert effective_dimension(normal(400, 100)) == pytest.approx(80, rel=0.03)


def test_separation_in_constructed_cases() -> None:
    labels = torch.arange(60) % 3
    means = normal(3, 5)
    assert class_separation(means[labels], labels) == pytest.approx(1)
    assert class_separation(torch.full((60, 5), 0.1), labels) == 0.0
    same = normal(20, 5).repeat_interleave(3, 0)  # each class has the very same features
    assert class_separation(same, labels) == pytest.approx(0, abs=1e-12)
    blind = class_separation(normal(6000, 20), torch.arange(6000) % 3)
    assert blind == pytest.approx(2 / 5999, rel=0.5)
    # Class means at +-1 and noise at +-2 about them, exactly: 1 / (1 + 4).
    y = torch.tensor([0, 0, 1, 1])
    known = torch.tensor([[-3.0], [1], [-1], [3]])
    assert class_separation(known, y) == pytest.approx(0.2)


def test_separation_against_scipy() -> None:
    labels = torch.tensor([0] * 12 + [4] * 25 + [2] * 7)
    features = normal(44, 6) + labels[:, None] * torch.linspace(0, 1, 6)
    F = f_oneway(*(features[labels == k].numpy() for k in (0, 2, 4))).statistic
    # F = (between / (K - 1)) / (within / (N - K))
    expected = F * 2 / (F * 2 + 41)
    each = [class_separation(features[:, [d]], labels) for d in range(6)]
    assert each == pytest.approx(expected.tolist())
    weights = features.var(0).numpy()
    assert class_separation(features, labels) == pytest.approx((expected * weights).sum() / weights.sum())  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("absolute", [False, True])
def test_duplicates_against_brute_force(absolute: bool) -> None:
    base = normal(80, 8)
    near = base[:, :4] + 0.25 * normal(80, 4, seed=1)
    responses = torch.cat([base, 3 * near + 5, -base[:, 4:6], torch.full((80, 2), 0.1)], 1)
    found = duplicate_units(responses.float(), absolute=absolute)
    expected = {}
    for i in range(14):
        for j in range(i + 1, 14):
            r = np.corrcoef(responses[:, i], responses[:, j])[0, 1]
            if (abs(r) if absolute else r) > 0.95:
                expected[i, j] = r
    assert len(expected) == (5 if absolute else 3)  # one of the four is a little too noisy
    assert {(i, j): r for i, j, r in found} == pytest.approx(expected, abs=1e-5)
    strengths = [abs(r) for _, _, r in found]
    assert strengths == sorted(strengths, reverse=True)
    assert len(duplicate_units(responses, above=0.999)) == 0


def test_sparsity_at_its_ends_and_between() -> None:
    assert sparsity(torch.ones(3, 8)) == pytest.approx(0)
    assert sparsity(-5 * torch.eye(8)) == pytest.approx(1)
    # Two of four: (1 - (1/2)² / (1/2)) / (1 - 1/4).
    assert sparsity(torch.tensor([[2.0, 0, 2, 0]])) == pytest.approx(2 / 3)
    # A picture that no unit responds to does not count.
    assert sparsity(torch.tensor([[2.0, 0, 2, 0], [0, 0, 0, 0]])) == pytest.approx(2 / 3)
    assert sparsity(torch.zeros(3, 8)) == 0.0
