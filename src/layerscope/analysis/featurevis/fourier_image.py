"""Fourier parametrisation of pictures, so that an optimiser finds patterns, not pixel noise."""

from __future__ import annotations

import torch

# Steeper than the 1 of photographs: on pictures of 28 to 64 pixels, where the finest waves are most
# of all waves, 1 left single-pixel noise and 2 fell short of the largest activations.
FALL = 1.75


def colour_decorrelation(pixels: torch.Tensor) -> torch.Tensor:
    """How the channels of a set's pixels vary together: the square root of their covariance.

    Independent numbers of spread 1, multiplied by it, vary as the set's colours do.

    Args:
        pixels: uint8 (N, C, H, W).

    Returns:
        float32 (C, C), symmetric, in units of `pixels / 255`.

    Source: Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, section
    "Preconditioning and Parameterization".

    Example:
        >>> colour_decorrelation(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1))
        tensor([[0.5000]])
    """
    values = pixels.transpose(0, 1).flatten(1).double() / 255  # (C, all pixels)
    values = values - values.mean(1, keepdim=True)
    covariance = values @ values.T / values.shape[1]
    sizes, axes = torch.linalg.eigh(covariance)
    return (axes * sizes.clamp(min=0).sqrt() @ axes.T).float()


def wave_sizes(height: int, width: int, *, fall: float = FALL) -> torch.Tensor:
    """How strong each wave of a picture is made: the finer, the weaker.

    A step of an optimiser then changes coarse waves more than fine ones, as photographs have them.

    Args:
        height, width: of the picture in pixels.
        fall: the sizes are one over the frequency to this power.

    Returns:
        float32 (H, W // 2 + 1). Coefficients drawn from a normal distribution of spread 1 give a
        picture whose values have a spread of about 1, whatever its size.

    Source: Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, section
    "Preconditioning and Parameterization", where the power is 1.
    """
    down = torch.fft.fftfreq(height)[:, None].square()
    # The constant counts as the slowest wave: its frequency of 0 has no inverse.
    slowest = 1 / max(height, width)

    def sizes(right: torch.Tensor) -> torch.Tensor:
        return (down + right.square()).sqrt().clamp(min=slowest) ** -fall

    # irfft2 fills in the half of the waves that mirrors the other; 2: real and imaginary parts.
    power = 2 * sizes(torch.fft.fftfreq(width)).square().mean()
    return sizes(torch.fft.rfftfreq(width)) / power.sqrt()


def draw_waves(
    n: int,
    channels: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    spread: float = 0.05,
) -> torch.Tensor:
    """Draw the coefficients of nearly grey pictures, from which an optimiser can begin.

    Args:
        n: how many pictures.
        channels, height, width: of each.
        generator: on the CPU.
        spread: standard deviation of each coefficient.

    Returns:
        float32 (n, C, H, W // 2 + 1, 2), real and imaginary parts.
    """
    shape = (n, channels, height, width // 2 + 1, 2)
    return spread * torch.randn(shape, generator=generator)


def image_from_waves(
    waves: torch.Tensor,
    sizes: torch.Tensor,
    *,
    width: int,
    colours: torch.Tensor | None = None,
) -> torch.Tensor:
    """Make pictures of wave coefficients.

    Args:
        waves: float (B, C, H, W // 2 + 1, 2).
        sizes: what `wave_sizes` gave.
        width: W, which the coefficients alone leave open.
        colours: float (C, C), what `colour_decorrelation` gave; None: independent channels.

    Returns:
        float (B, C, H, W), strictly between 0 and 1: each is a picture that can be shown.
    """
    spectrum = torch.view_as_complex(waves) * sizes
    values = torch.fft.irfft2(spectrum, s=(waves.shape[2], width), norm="ortho")
    if colours is not None and len(colours) > 1:
        # Only the mixture matters; its strength is the optimiser's.
        mixture = colours / colours.norm(dim=0).max().clamp(min=1e-12)
        values = torch.einsum("dc,bchw->bdhw", mixture, values)
    return values.sigmoid()


def to_pixels(images: torch.Tensor) -> torch.Tensor:
    """Round pictures of 0 to 1 to uint8 (B, C, H, W) on the CPU, as they are stored."""
    return (255 * images.detach()).round().to(torch.uint8).cpu()
