"""The effective receptive field: the pixels that a unit's response really depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from layerscope.device import in_float64
from layerscope.graph.gradients import gradient_of
from layerscope.graph.program import Program

UNITS = 8  # of a layer, where none are named


@dataclass(frozen=True)
class EffectiveField:
    """How much each pixel changes the units at the middle of a layer's maps.

    Args:
        size_px: (height, width) of the even window that is as spread out as the weight.
        weight: float32 (H, W), the share of each pixel; they sum to 1.
    """

    size_px: tuple[float, float]
    weight: torch.Tensor


def effective_field(
    program: Program,
    layer: str,
    images: torch.Tensor,
    *,
    units: Sequence[int] | None = None,
) -> EffectiveField | None:
    """Measure the effective receptive field of a layer.

    The magnitude of the gradient of a unit at its map's middle, with respect to each pixel, is
    averaged over pictures, units and channels. Its size is that of the even window with the same
    standard deviation along each side, sqrt(12 variance + 1) pixels: exact for units that weigh all
    their pixels alike, 3.5 standard deviations where the weight falls off as a bell does. It is
    never larger than the extent of the pixels that have any weight.

    Args:
        program: a network, read; left as it was.
        layer: of maps (B, U, H, W).
        images: float (B, C, H, W), some ordinary pictures.
        units: which units; None takes eight, evenly spread.

    Returns:
        The field, or None where the layer has no maps or no pixel changes its units.

    Raises:
        LayerNotFoundError: there is no such layer.
        NoGradientError: no gradient leads from it back to the pictures.

    Source: Luo et al., "Understanding the Effective Receptive Field in Deep Convolutional Neural
    Networks", 2016, sections 2 and 3; they count the pixels above a share of the peak instead.
    """
    pixels = images.detach().clone().requires_grad_()
    output = program.output_of(layer, pixels, grad=True)
    if output.ndim != 4:
        return None
    U, H, W = output.shape[1:]
    chosen = list(units) if units is not None else spread_units(U, UNITS)
    # Pictures do not touch each other in evaluation mode: their sum has each one's gradient.
    middle = output[:, :, H // 2, W // 2].sum(0)
    weight = torch.zeros(images.shape[2:], dtype=torch.float64)
    for unit in chosen:
        gradient = gradient_of(middle[unit], pixels, layer=layer, keep_graph=True)
        weight += in_float64(gradient).abs().sum((0, 1)).cpu()
    total = weight.sum()
    if not total > 0:
        return None
    weight = weight / total
    return EffectiveField((extent(weight.sum(1)), extent(weight.sum(0))), weight.float())


def extent(share: torch.Tensor) -> float:
    """Length of the even window as spread out as some weights.

    Args:
        share: float64 (length,), of sum 1.

    Returns:
        In pixels, from 1 to the distance from the first to the last weight.
    """
    place = torch.arange(len(share), dtype=torch.float64)
    mean = (share * place).sum()
    variance = (share * (place - mean).square()).sum()
    touched = share.nonzero()[:, 0]
    span = int(touched[-1] - touched[0]) + 1
    return min(float(span), float((12 * variance + 1).sqrt()))


def spread_units(n_units: int, most: int) -> list[int]:
    """At most `most` of some units, evenly spread over them."""
    n = min(n_units, most)
    return [i * n_units // n for i in range(n)]
