"""Muon against its definition: a step along the nearest orthogonal matrix."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from layerscope.training.optim.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(6, 6), (4, 30), (30, 4), (1, 9)])
def test_orthogonalise_keeps_singular_vectors_and_evens_out_singular_values(shape) -> None:
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    inside = u.T @ orthogonalise(matrix) @ vh.T
    spread = torch.diagonal(inside)
    assert torch.allclose(inside, torch.diag(spread), atol=1e-8)  # the same singular vectors
    assert s.max() / s.min() > 1.5 or len(s) == 1
    strong = s / s.norm() > 0.05
    assert ((spread[strong] > 0.6) & (spread[strong] < 1.3)).all()


@pytest.mark.parametrize("spread", [1e-1, 1e-5])
@pytest.mark.parametrize("steps", [1, 3, 4, 5, 7])
def test_orthogonalise_is_the_plain_newton_schulz_iteration(spread: float, steps: int) -> None:
    matrix = torch.randn(24, 90, generator=torch.Generator().manual_seed(1))
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    matrix = u @ torch.diag(torch.logspace(0, math.log10(spread), 24)) @ vh
    x = matrix.double() / matrix.double().norm()
    for _ in range(steps):
        x = 3.4445 * x - 4.7750 * (x @ x.T) @ x + 2.0315 * (x @ x.T) @ (x @ x.T) @ x
    # float32 rounds each product to 1e-7; seven steps enlarge that by no more than 100.
    assert torch.allclose(orthogonalise(matrix, steps=steps).double(), x, atol=1e-4)


def test_first_step_of_a_matrix_is_the_orthogonalised_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = nn.Parameter(torch.randn(5, 12, generator=generator))
    before, weight.grad = weight.detach().clone(), torch.randn(5, 12, generator=generator)
    Muon([weight], [], learning_rate=0.1, weight_decay=0.5).step()
    expected = before * (1 - 0.1 * 0.5) - 0.1 * orthogonalise(weight.grad)
    assert torch.allclose(weight, expected, atol=1e-6)


def test_convolutions_step_as_matrices_with_a_row_per_output_channel() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = nn.Parameter(torch.randn(8, 3, 3, 3, generator=generator))
    flat = nn.Parameter(weight.detach().flatten(1).clone())
    weight.grad = torch.randn(8, 3, 3, 3, generator=generator)
    flat.grad = weight.grad.flatten(1).clone()
    for parameter in (weight, flat):
        Muon([parameter], [], learning_rate=0.1).step()
    assert torch.allclose(weight.flatten(1), flat)


def test_the_others_step_as_torchs_adam() -> None:
    generator = torch.Generator().manual_seed(0)
    ours = nn.Parameter(torch.randn(7, generator=generator))
    theirs = nn.Parameter(ours.detach().clone())
    muon = Muon([], [ours], learning_rate=0.1, others_rate=0.03)
    adam = torch.optim.Adam([theirs], lr=0.1 * 0.03)
    for _ in range(5):
        ours.grad = torch.randn(7, generator=generator)
        theirs.grad = ours.grad.clone()
        muon.step()
        adam.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_frozen_parameters_stay() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    Muon([weight], [], learning_rate=1.0, weight_decay=1.0).step()
    assert torch.equal(weight, torch.ones(2, 2))
