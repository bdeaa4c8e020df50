"""A layer's answers to drawn stimuli, read at the middle of its maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from layerscope.looking.battery import Battery, make_battery
from layerscope.models.graph import Program
from layerscope.models.receptive import ReceptiveField


def battery_for(
    field: ReceptiveField | None,
    shape: Sequence[int],
    *,
    height: int,
    width: int,
    channels: int,
    seed: int,
) -> Battery:
    """The battery for a layer, at the receptive field of the units that `centre_responses` reads.

    Args:
        field: the layer's; None where its units see everything, or nobody knows what.
        shape: of its output for one picture, (U, H, W), (T, U) or (U,).
        height, width, channels: of the pictures.
        seed: of the noise textures.
    """
    centre, window = (height / 2, width / 2), float(min(height, width))
    if field is not None and len(shape) == 3:
        place = shape[1] // 2, shape[2] // 2
        centre = tuple(
            start + i * stride + size / 2
            for start, i, stride, size in zip(
                field.start_px, place, field.stride_px, field.size_px, strict=True
            )
        )
        window = float(min(min(field.size_px), height, width))
    return make_battery(
        height=height, width=width, channels=channels, centre_px=(centre[0], centre[1]),
        window_px=window, seed=seed,
    )  # fmt: skip


def centre_responses(
    program: Program,
    layer: str,
    pixels: torch.Tensor,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    *,
    batch_size: int = 128,
) -> torch.Tensor:
    """What each unit of a layer answers to some pictures, at the middle of its map.

    Args:
        program: the network.
        layer: name of one of its layers.
        pixels: uint8 (N, C, H, W).
        normalise: pixels -> images.
        batch_size: pictures at a time.

    Returns:
        float32 (N, U): at place (H // 2, W // 2) of maps, of the middle token, or of dense units.

    Raises:
        LayerNotFoundError: there is no such layer.
    """
    device = next(program.model.parameters()).device
    found = []
    for part in pixels.split(batch_size):
        output = program.output_of(layer, normalise(part.to(device))).float()
        if output.ndim == 4:
            output = output[:, :, output.shape[2] // 2, output.shape[3] // 2]
        elif output.ndim == 3:
            output = output[:, output.shape[1] // 2]
        found.append(output.cpu())
    return torch.cat(found)
