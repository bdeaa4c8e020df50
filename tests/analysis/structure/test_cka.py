"""CKA against its definition by similarity matrices, and its invariances."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from layerscope.analysis.structure.cka import cka_matrix, linear_cka
from layerscope.errors import DataError


def normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


def defined(x: np.ndarray, y: np.ndarray, *, debiased: bool) -> float:
    """CKA as the papers write it: HSIC of two similarity matrices, with H, traces and all."""
    n = len(x)
    ones = np.ones(n)
    H = np.eye(n) - np.outer(ones, ones) / n

    def hsic(K: np.ndarray, L: np.ndarray) -> float:
        if not debiased:
            return np.trace(K @ H @ L @ H) / (n - 1) ** 2
        K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
        middle = (ones @ K @ ones) * (ones @ L @ ones) / ((n - 1) * (n - 2))
        return (np.trace(K @ L) + middle - 2 / (n - 2) * (ones @ K @ L @ ones)) / (n * (n - 3))

    K, L = x @ x.T, y @ y.T
    return hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L))


@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize(("n", "D", "E"), [(40, 5, 9), (12, 30, 7), (5, 2, 64)])
def test_against_the_definition(n: int, D: int, E: int, debiased: bool) -> None:
    x = normal(n, D, seed=0) + 4
    y = normal(n, E, seed=1) + x @ normal(D, E, seed=2) - 3
    expected = defined(x.numpy(), y.numpy(), debiased=debiased)
    assert linear_cka(x, y, debiased=debiased) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("debiased", [True, False])
def test_the_matrix_holds_the_pairs(debiased: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("layerscope.analysis.structure.cka.BLOCK_VALUES", 4 * 60 * 7)  # seven rows
    x = normal(60, 20, seed=0)
    features = {
        "a": x,
        "b": x.clamp(min=0) * 1e4,
        "c": normal(60, 300, seed=1),
        "still": torch.full((60, 3), 0.1, dtype=torch.float32),
    }
    layers, matrix = cka_matrix(features, debiased=debiased)
    assert layers == ("a", "b", "c", "still")
    pairs = [[linear_cka(v, w, debiased=debiased) for w in features.values()] for v in features.values()]  # fmt: skip  # noqa: E501
    assert matrix.numpy() == pytest.approx(np.array(pairs), abs=1e-5)
    assert torch.equal(matrix, matrix.T)
    assert matrix.diagonal().tolist() == pytest.approx([1, 1, 1, 0], abs=1e-9)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    st.integers(0, 10**6), st.integers(2, 12), st.floats(1e-3, 1e3), st.booleans(),
    st.floats(-10, 10),
)  # fmt: skip
def test_turns_scales_and_shifts_change_nothing(
    seed: int, D: int, scale: float, debiased: bool, shift: float
) -> None:
    x, y = normal(20, D, seed=seed), normal(20, 6, seed=seed + 1)
    turn, _ = torch.linalg.qr(normal(D, D, seed=seed + 2))
    assert linear_cka(x, scale * x @ turn + shift, debiased=debiased) == pytest.approx(1)
    before = linear_cka(x, y, debiased=debiased)
    after = linear_cka(scale * x @ turn + shift, y, debiased=debiased)
    assert after == pytest.approx(before, abs=1e-7)
    assert linear_cka(y, x, debiased=debiased) == pytest.approx(before, abs=1e-9)
    assert -1 <= before <= 1


def test_stretching_one_direction_does_change_it() -> None:
    x = normal(200, 10, seed=0)
    stretch = torch.diag(torch.tensor([30.0] + [1.0] * 9)).double()
    assert linear_cka(x, x @ stretch) < 0.6  # invertible, and still not the same geometry


def test_unrelated_features_come_near_0_only_without_bias() -> None:
    x, y = normal(300, 512, seed=0), normal(300, 512, seed=1)
    assert abs(linear_cka(x, y)) < 0.02
    assert linear_cka(x, y, debiased=False) > 0.5


def test_a_known_value() -> None:
    """Two independent directions of variance 1, of which one layer sees both and the other one."""
    signs = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]).repeat(2, 1)
    # xx: two products of 8² each; xy and yy: one. 64 / sqrt(128 * 64).
    assert linear_cka(signs, signs[:, :1], debiased=False) == pytest.approx(0.5**0.5)


def test_refusals() -> None:
    x = normal(4, 3, seed=0)
    assert linear_cka(x, x) == pytest.approx(1)
    with pytest.raises(DataError, match="at least 4"):
        linear_cka(x[:3], x[:3])
    with pytest.raises(DataError, match="a: 4, b: 3"):
        cka_matrix({"a": x, "b": x[:3]})
    with pytest.raises(DataError, match="given were none"):
        cka_matrix({})
    with pytest.raises(DataError, match="b hold values that are not finite"):
        cka_matrix({"a": x, "b": x / 0})
