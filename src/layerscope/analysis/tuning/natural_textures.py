"""Textures as a set's own pictures have them, such as fur and weave, synthesised as stimuli."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from layerscope.analysis.dependence.patch_clusters import k_means

TEXTURES, DRAWS = 4, 8
# Patches whose brightness deviates by less, of full scale, are plain.
LEAST_CONTRAST = 0.04
FEWEST_PATCHES = 20
SMALLEST_PX = 8
# Spectra are compared at this side.
COMPARED_PX = 16
ROUNDS = 8
# A texture whose waves lie this unevenly over directions has an angle.
ORIENTED = 0.5
COARSE_CYCLES, FINE_CYCLES = 3.0, 5.0


@dataclass(frozen=True)
class NaturalTexture:
    """One texture of a set.

    Args:
        words: such as "fine natural texture at 45°".
        cycles_px: the mean frequency of its waves.
        draws: float (V, s, s) in [-1, 1], V pictures of it that differ in their phases.
    """

    words: str
    cycles_px: float
    draws: torch.Tensor


def natural_textures(
    patches: torch.Tensor, generator: torch.Generator, *, window_px: float | None = None
) -> list[NaturalTexture]:
    """Synthesise the textures that occur in patches of a set's pictures.

    Patches are clustered by their spectra; the middle one of each cluster lends its spectrum and
    its histogram to pictures that are otherwise random: they have the coarseness, the directions
    and the contrasts of the patch, and none of its shapes. Colour is left to the colours.

    Args:
        patches: float (n, C, s, s) in [0, 1], of the size of the window that they are to fill.
        generator: draws starts and phases.
        window_px: side of that window where patches were made smaller; None: s.

    Returns:
        At most 4, those of most patches first; none for windows under 8 px or plain pictures.

    Source: spectrum and histogram matched by turns, Schreiber and Schmitz, "Improved Surrogate Data
    for Nonlinearity Tests", 1996; as textures: Heeger and Bergen, 1995, without their pyramid.
    """
    s = patches.shape[2]
    grey = patches.mean(1)
    grey = grey[grey.flatten(1).std(1) >= LEAST_CONTRAST]
    if s < SMALLEST_PX or len(grey) < FEWEST_PATCHES:
        return []
    power = spectra(F.adaptive_avg_pool2d(grey[:, None], min(s, COMPARED_PX))[:, 0])
    likeness = power.sqrt().flatten(1)  # Hellinger's distance between spectra
    _, labels = k_means(likeness[None], TEXTURES, generator)
    found = []
    for k in torch.bincount(labels[0], minlength=TEXTURES).argsort(descending=True).tolist():
        members = (labels[0] == k).nonzero()[:, 0]
        if not len(members):
            continue
        away = (likeness[members] - likeness[members].mean(0)).norm(dim=1)
        model = grey[members[away.argmin()]]
        cycles_px, words = waves_of(spectra(model[None])[0])
        cycles = cycles_px * s
        size = "coarse" if cycles < COARSE_CYCLES else "fine" if cycles > FINE_CYCLES else "medium"
        draws = torch.stack([like(model, generator) for _ in range(DRAWS)])
        found.append(
            NaturalTexture(
                f"{size} natural texture{words}", cycles_px * s / (window_px or s), draws
            )
        )
    return found


def spectra(grey: torch.Tensor) -> torch.Tensor:
    """The share of each wave in a picture's power, its mean left out: float (n, s, s // 2 + 1)."""
    s = grey.shape[-1]
    # Faded out towards the border, which would be an edge when the waves go round.
    window = torch.hann_window(s + 2)[1:-1]
    faded = (grey - grey.mean((1, 2), keepdim=True)) * window * window[:, None]
    power = torch.fft.rfft2(faded).abs().square()
    power[:, 0, 0] = 0
    return power / power.sum((1, 2), keepdim=True).clamp(min=1e-12)


def waves_of(power: torch.Tensor) -> tuple[float, str]:
    """The mean frequency of a spectrum in cycles a pixel, and the angle of its lines, if any.

    Args:
        power: float (s, s // 2 + 1), shares.
    """
    s = power.shape[0]
    down, right = torch.fft.fftfreq(s)[:, None], torch.fft.rfftfreq(s)[None]
    cycles_px = float((power * (down.square() + right.square()).sqrt()).sum())
    # Twice the angle, so that opposite directions are one.
    turn = 2 * torch.atan2(-down.expand_as(power), right.expand_as(power))
    x, y = float((power * turn.cos()).sum()), float((power * turn.sin()).sum())
    if math.hypot(x, y) < ORIENTED:
        return cycles_px, ""
    # Lines run at a right angle to the direction in which their wave goes.
    angle = (math.degrees(math.atan2(y, x)) / 2 + 90) % 180
    return cycles_px, f" at {round(angle / 15) * 15 % 180}°"


def like(model: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A picture with the spectrum and the histogram of another, at random phases.

    Args:
        model: float (s, s).
        generator: draws the phases.

    Returns:
        float (s, s), from -1 to 1 with a mean of about 0; extremes beyond 2 deviations are cut off.
    """
    centred = model - model.mean()
    amplitude = torch.fft.rfft2(centred).abs()
    ordered = centred.flatten().sort().values
    found = ordered[torch.rand(len(ordered), generator=generator).argsort()].view_as(model)
    for _ in range(ROUNDS):
        phase = torch.fft.rfft2(found).angle()
        found = torch.fft.irfft2(torch.polar(amplitude, phase), s=model.shape)
        ranks = found.flatten().argsort().argsort()
        found = ordered[ranks].view_as(model)
    # Most of it lies within 2 deviations, and little contrast would be left for the rest.
    return (found / (2 * found.std()).clamp(min=1e-9)).clamp(-1, 1)
