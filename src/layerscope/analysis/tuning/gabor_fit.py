"""How well a filter is described by a Gabor function: a wave under a bell."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

LEAST_PX = 5
GOOD_R2 = 0.7
LEAST_CYCLES = 0.15  # within one sigma across the wave; with less the function is a mere blob
STARTS = 3
STEPS = 40


@dataclass(frozen=True)
class GaborFits:
    """The best Gabor function of each of U filters; all NaN for filters under 5 x 5.

    A Gabor function has 7 numbers besides its height and a filter of 3 x 3 has 9, so that anything
    fits it. Even of 5 x 5 in one channel half the variance of pure noise is explained, and under a
    tenth of 11 x 11: compare with an untrained network's filters.

    Args:
        r2: float (U,), share of the weights' variance about their mean that the fit explains.
        angle_deg: float (U,) in [0, 180), of the wave's crests: 0 horizontal, 90 vertical.
        frequency_cycles_px: float (U,).
        phase_deg: float (U,) in [0, 360): 0 or 180 is even (a line), 90 or 270 odd (an edge).
        sigma_px: float (U, 2), of the bell across and along the crests.
        fitted: float (U, h, w), the functions themselves, for the filters' main channel pattern.
    """

    r2: torch.Tensor
    angle_deg: torch.Tensor
    frequency_cycles_px: torch.Tensor
    phase_deg: torch.Tensor
    sigma_px: torch.Tensor
    fitted: torch.Tensor = field(repr=False)

    @property
    def counts(self) -> torch.Tensor:
        """bool (U,): R² of at least 0.7, with enough of a wave under the bell to be one."""
        cycles = self.frequency_cycles_px * self.sigma_px[:, 0]
        return (self.r2 >= GOOD_R2) & (cycles >= LEAST_CYCLES)


def fit_gabors(weight: torch.Tensor) -> GaborFits:
    """Fit a Gabor function to each unit's weights by least squares.

    A filter of several channels is one pattern in space times one strength per channel, as far as
    that goes (the first part of its singular value decomposition); what does not is unexplained.
    The sine's and the cosine's heights and a constant are solved for exactly; the other six
    numbers start from the best of a grid and are refined together (Levenberg-Marquardt).

    Args:
        weight: float (U, C, h, w).

    Returns:
        A fit for each unit.

    Source: Gabor functions for receptive fields: Jones and Palmer, "An Evaluation of the
    Two-Dimensional Gabor Filter Model of Simple Receptive Fields in Cat Striate Cortex", 1987.
    Solving the linear numbers inside: Golub and Pereyra, "The Differentiation of Pseudo-Inverses
    and Nonlinear Least Squares Problems Whose Variables Separate", 1973.
    """
    units, channels, h, w = weight.shape
    if h < LEAST_PX or w < LEAST_PX or not units:
        nan = torch.full((units,), math.nan)
        return GaborFits(
            nan, nan, nan, nan, nan[:, None].expand(-1, 2), torch.full((units, h, w), math.nan)
        )
    flat = weight.detach().cpu().double().reshape(units, channels, h * w)
    left, strength, right = torch.linalg.svd(flat, full_matrices=False)
    pattern = right[:, 0] * strength[:, :1]  # (U, h * w)
    # a decomposition leaves the sign open: that of the stronger channels is meant
    sign = torch.where(left[:, :, 0].sum(1, keepdim=True) < 0, -1.0, 1.0)
    pattern, channel = pattern * sign, left[:, :, 0] * sign
    u, v = centred_grid(h, w)
    starts = best_starts(pattern, u, v, h, w)  # (U, STARTS, 6)
    refined, r = refine(starts.flatten(0, 1), pattern.repeat_interleave(STARTS, 0), u, v, max(h, w))
    choice = r.square().sum(1).view(units, STARTS).argmin(1) + torch.arange(units) * STARTS
    params = refined[choice]
    basis = basis_of(params, u, v)
    heights = solve(basis, pattern)
    fitted = torch.einsum("ukp,uk->up", basis, heights)
    rest = flat - channel[:, :, None] * fitted[:, None]
    total = (flat - flat.mean((1, 2), keepdim=True)).square().sum((1, 2))
    r2 = torch.where(total > 1e-20, 1 - rest.square().sum((1, 2)) / total.clamp(min=1e-20), 0.0)
    # rounded, so that a hair under 0 is 0 and not 180
    turned = torch.rad2deg(params[:, 2]).round(decimals=4)
    # crests turned by half a turn are the same crests, seen from the other side
    mirrored = torch.where(torch.remainder(turned, 360.0) >= 180, -1.0, 1.0)
    phase = mirrored * torch.rad2deg(torch.atan2(heights[:, 1], heights[:, 0]))
    return GaborFits(
        r2=r2.clamp(min=0).float(),
        angle_deg=torch.remainder(turned, 180.0).float(),
        frequency_cycles_px=params[:, 3].exp().float(),
        phase_deg=torch.remainder(phase, 360.0).float(),
        sigma_px=params[:, 4:].exp().float(),
        fitted=fitted.view(units, h, w).float(),
    )


def centred_grid(h: int, w: int) -> tuple[torch.Tensor, torch.Tensor]:
    """float64 (h * w,) twice: pixels right of and above a filter's middle."""
    v, u = torch.meshgrid(
        (h - 1) / 2 - torch.arange(h, dtype=torch.float64),
        torch.arange(w, dtype=torch.float64) - (w - 1) / 2,
        indexing="ij",
    )
    return u.flatten(), v.flatten()


def basis_of(params: torch.Tensor, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """The functions whose sum a filter is fitted by.

    Args:
        params: float (N, 6): middle right and up in pixels, the crests' angle in radians, and the
            logarithms of frequency and of sigma across and along.
        u, v: float (P,).

    Returns:
        float (N, 3, P): cosine and sine under the bell, and a constant.
    """
    x, y, angle, frequency, across, along = params.T[:, :, None]
    du, dv = u - x, v - y
    a = dv * angle.cos() - du * angle.sin()
    b = du * angle.cos() + dv * angle.sin()
    bell = torch.exp(-0.5 * ((a / across.exp()).square() + (b / along.exp()).square()))
    turn = 2 * math.pi * frequency.exp() * a
    return torch.stack([bell * turn.cos(), bell * turn.sin(), torch.ones_like(bell)], 1)


def solve(basis: torch.Tensor, pattern: torch.Tensor) -> torch.Tensor:
    """Heights float (N, 3) that fit patterns (N, P) best; a trace of ridge keeps them finite."""
    gram = basis @ basis.mT
    scale = gram.diagonal(dim1=1, dim2=2).amax(1)[:, None, None].clamp(min=1e-12)
    ridge = 1e-6 * scale * torch.eye(3, dtype=gram.dtype)
    return torch.linalg.solve(gram + ridge, basis @ pattern[:, :, None])[:, :, 0]


def best_starts(
    pattern: torch.Tensor, u: torch.Tensor, v: torch.Tensor, h: int, w: int
) -> torch.Tensor:
    """The best points of a coarse grid: float (U, STARTS, 6)."""
    side = max(h, w)
    places = torch.tensor([-0.2, 0.0, 0.2], dtype=torch.float64)
    frequencies = torch.tensor([0.5 / side, 1 / side, 0.12, 0.18, 0.26, 0.38]).double()
    grid = torch.cartesian_prod(
        places * w,
        places * h,
        torch.arange(12, dtype=torch.float64) * math.pi / 12,
        frequencies.unique().log(),
        (torch.tensor([0.13, 0.25], dtype=torch.float64) * side).log(),
        torch.zeros(1, dtype=torch.float64),
    )
    grid[:, 5] = grid[:, 4] + math.log(1.3)  # bells are a little longer than wide
    basis = basis_of(grid, u, v)
    # orthonormal functions, so that what they explain is a sum of squares
    orthonormal = torch.linalg.qr(basis.mT)[0]  # (N, P, 3)
    explained = torch.zeros(len(pattern), len(grid), dtype=torch.float64)
    for k in range(3):
        explained += (pattern @ orthonormal[:, :, k].T).square()
    return grid[explained.topk(STARTS, dim=1).indices]


def refine(
    params: torch.Tensor, pattern: torch.Tensor, u: torch.Tensor, v: torch.Tensor, side: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Improve many fits at once.

    Args:
        params: float (N, 6), see `basis_of`.
        pattern: float (N, P).
        u, v: float (P,).
        side: of the filter, in pixels: no bell is wider, no wave longer than twice it.

    Returns:
        Better parameters, and what they leave, float (N, P).
    """
    half, log_side = side / 2, math.log(side)
    low = torch.tensor([-half, -half, -math.inf, math.log(0.5 / side), -0.4, -0.4]).double()
    high = torch.tensor([half, half, math.inf, math.log(0.5), log_side, log_side]).double()

    def rest(at: torch.Tensor) -> torch.Tensor:
        basis = basis_of(at, u, v)
        return pattern - torch.einsum("nkp,nk->np", basis, solve(basis, pattern))

    damping = torch.full((len(params), 1, 1), 1e-2, dtype=torch.float64)
    r = rest(params)
    step_px = 1e-5 * torch.eye(6, dtype=torch.float64)
    for _ in range(STEPS):
        slope = torch.stack([(rest(params + step_px[k]) - r) / 1e-5 for k in range(6)], 2)
        normal = slope.mT @ slope  # (N, 6, 6)
        size = normal.diagonal(dim1=1, dim2=2).clamp(min=1e-9)
        move = torch.linalg.solve(
            normal + damping * torch.diag_embed(size), -(slope.mT @ r[:, :, None])
        )[:, :, 0]
        tried = torch.maximum(torch.minimum(params + move.clamp(-1, 1), high), low)
        left = rest(tried)
        better = left.square().sum(1) < r.square().sum(1)
        params = torch.where(better[:, None], tried, params)
        r = torch.where(better[:, None], left, r)
        damping = torch.where(better[:, None, None], damping / 3, damping * 4).clamp(1e-9, 1e6)
    return params, r
