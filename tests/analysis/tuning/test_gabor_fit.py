"""Gabor functions are found where they are, and not where they are not."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.optimize import least_squares

from layerscope.analysis.tuning.gabor_fit import fit_gabors


def gabor(
    angle_deg: float,
    frequency: float,
    phase_deg: float,
    *,
    size: int = 11,
    sigma: tuple[float, float] = (2.2, 2.6),
    middle: tuple[float, float] = (0.0, 0.0),
) -> torch.Tensor:
    """Drawn point by point: float (size, size)."""
    turn, phase = math.radians(angle_deg), math.radians(phase_deg)
    picture = torch.zeros(size, size)
    for row in range(size):
        for column in range(size):
            right, up = column - (size - 1) / 2 - middle[0], (size - 1) / 2 - row - middle[1]
            a = up * math.cos(turn) - right * math.sin(turn)
            b = right * math.cos(turn) + up * math.sin(turn)
            bell = math.exp(-(a**2) / (2 * sigma[0] ** 2) - b**2 / (2 * sigma[1] ** 2))
            picture[row, column] = bell * math.cos(2 * math.pi * frequency * a - phase)
    return picture


def turn_apart(one: float, other: float, period: float = 180.0) -> float:
    return abs((one - other + period / 2) % period - period / 2)


@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0, 90.0, 137.0])
@pytest.mark.parametrize("phase", [0.0, 90.0, 200.0])
def test_the_numbers_of_a_gabor_function_come_back(angle: float, phase: float) -> None:
    drawn = 0.3 * gabor(angle, 0.2, phase, middle=(0.7, -0.4)) + 0.05
    fit = fit_gabors(drawn.view(1, 1, 11, 11))
    assert fit.r2.item() > 0.999
    assert bool(fit.counts[0])
    assert turn_apart(fit.angle_deg.item(), angle) < 1
    assert fit.frequency_cycles_px.item() == pytest.approx(0.2, abs=0.005)
    assert turn_apart(fit.phase_deg.item(), phase, 360) < 5
    assert fit.sigma_px[0].tolist() == pytest.approx([2.2, 2.6], abs=0.1)


def test_it_fits_as_well_as_scipy_from_the_true_start() -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.stack([gabor(a, f, 40.0) for a, f in ((10, 0.15), (75, 0.25), (160, 0.3))])
    noisy = clean + 0.15 * torch.randn(3, 11, 11, generator=generator)
    ours = fit_gabors(noisy[:, None]).r2
    for i, (a, f) in enumerate(((10, 0.15), (75, 0.25), (160, 0.3))):

        def rest(p: list[float], i: int = i) -> list[float]:
            drawn = p[0] * gabor(p[1], p[2], p[3], sigma=(p[4], p[5]), middle=(p[6], p[7]))
            return (drawn + p[8] - noisy[i]).flatten().double().tolist()

        start = [1.0, a, f, 40.0, 2.2, 2.6, 0.0, 0.0, 0.0]
        found = least_squares(rest, start, max_nfev=12, diff_step=1e-3)
        total = (noisy[i] - noisy[i].mean()).square().sum().item()
        assert ours[i].item() >= 1 - 2 * found.cost / total - 0.002


def test_colour_strengths_do_not_matter_but_patterns_that_differ_do() -> None:
    one, other = gabor(30, 0.2, 90), gabor(120, 0.2, 90)
    same = torch.stack([one, -0.5 * one, 0.1 * one])
    mixed = torch.stack([one, other, 0 * one])
    fit = fit_gabors(torch.stack([same, mixed]))
    assert fit.r2[0] > 0.999
    assert turn_apart(fit.angle_deg[0].item(), 30) < 1
    assert fit.r2[1] < 0.7
    assert not bool(fit.counts[1])


def test_noise_blobs_and_constants_do_not_count() -> None:
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(20, 1, 11, 11, generator=generator)
    assert not fit_gabors(noise).counts.any()
    blob = gabor(0, 0.0, 0, sigma=(2.0, 2.0)).view(1, 1, 11, 11)
    fit = fit_gabors(blob)
    assert fit.r2.item() > 0.99
    assert not bool(fit.counts[0])
    assert fit_gabors(torch.ones(1, 1, 7, 7)).r2.item() == 0


def test_filters_too_small_to_tell_are_not_fitted() -> None:
    fit = fit_gabors(torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0)))
    assert fit.r2.isnan().all()
    assert not fit.counts.any()
    assert not fit_gabors(torch.randn(1, 1, 5, 5)).r2.isnan().any()
