"""The weights that act on the picture itself, as pictures."""

from __future__ import annotations

import torch

ZERO = 128  # the grey of a weight of nothing


def filter_pictures(weight: torch.Tensor) -> tuple[torch.Tensor, list[float]]:
    """Draw each unit's weights as a picture.

    Each is scaled by its own largest magnitude, so that the pattern shows whatever its strength;
    zero is mid-grey, so that light means "wants it light" and dark "wants it dark".

    Args:
        weight: float (U, C, h, w), C 1 or 3.

    Returns:
        uint8 (U, C, h, w), and the U largest magnitudes.
    """
    weight = weight.detach().float()
    scales = weight.abs().amax((1, 2, 3))
    unit = weight / scales.clamp(min=1e-12).view(-1, 1, 1, 1)
    return (ZERO + 127 * unit).round().to(torch.uint8), scales.tolist()


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
