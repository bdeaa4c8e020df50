"""The weights that act on the picture itself, as pictures."""

from __future__ import annotations

import torch
import torch.nn.functional as F

ZERO = 128  # the grey of a weight of nothing
SPECTRUM = 16  # side of a spectrum's picture


def filter_pictures(weight: torch.Tensor) -> tuple[torch.Tensor, list[float]]:
    """Draw each unit's weights as a picture.

    Each is scaled by its own largest magnitude, so that the pattern shows whatever its strength;
    zero is mid-grey. Where a filter is light, light excites the unit; where it is dark, dark does.

    Args:
        weight: float (U, C, h, w), C 1 or 3.

    Returns:
        uint8 (U, C, h, w), and the U largest magnitudes.
    """
    weight = weight.detach().float()
    scales = weight.abs().amax((1, 2, 3))
    unit = weight / scales.clamp(min=1e-12).view(-1, 1, 1, 1)
    return (ZERO + 127 * unit).round().to(torch.uint8), scales.tolist()


def spectrum_pictures(weight: torch.Tensor) -> torch.Tensor:
    """Draw which frequencies each unit's weights pass: the size of their Fourier transform.

    Frequency 0, the mean brightness, is in the middle (row and column 8 of 16); the borders are
    half a cycle a pixel, the finest stripes there are. Stripes that stand give points left and
    right of the middle. A filter's channels are added as energies.

    Args:
        weight: float (U, C, h, w), C 1 or 3; of larger filters the transform is averaged down.

    Returns:
        uint8 (U, 1, 16, 16), each scaled by its own largest; 0 is nothing.
    """
    h, w = weight.shape[2:]
    sides = [max(SPECTRUM, -(-side // SPECTRUM) * SPECTRUM) for side in (h, w)]
    energy = torch.fft.fft2(weight.detach().float(), s=sides).abs().square().sum(1)
    centred = torch.fft.fftshift(energy, dim=(1, 2))[:, None]
    size = F.adaptive_avg_pool2d(centred, SPECTRUM).sqrt()
    largest = size.amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
    return (255 * size / largest).round().to(torch.uint8)


def acting_on_pixels(
    weight: torch.Tensor, *, channels: int, height: int, width: int
) -> torch.Tensor | None:
    """A first layer's weights in the form of pictures.

    Args:
        weight: (U, C, kh, kw) of a convolution, or (U, C * H * W) of a dense layer on the flattened
            picture.
        channels, height, width: of the picture.

    Returns:
        float (U, C, h, w), or None where the weights do not act on the picture's channels.
    """
    if weight.ndim == 4 and weight.shape[1] == channels:
        return weight
    if weight.ndim == 2 and weight.shape[1] == channels * height * width:
        return weight.view(-1, channels, height, width)
    return None
