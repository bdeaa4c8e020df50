"""A layer's responses to synthetic stimuli, read at the centre of its maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import torch

from layerscope.analysis.tuning.battery import Battery
from layerscope.batch_budget import pictures_at_once
from layerscope.device import device_of
from layerscope.errors import UnreachedError, check_known
from layerscope.graph.program import Program
from layerscope.graph.receptive_field import ReceptiveField

Window = tuple[float, float, float]
MOST_MISSING = 2.0


def window_of(
    field: ReceptiveField | None, shape: Sequence[int], *, height: int, width: int
) -> Window:
    """The field of the units that `centre_responses` reads: centre (down, right), side in pixels.

    Args:
        field: the layer's; None where its units see everything, or nobody knows what.
        shape: of its output for one picture, (U, H, W), (T, U) or (U,).
        height, width: of the pictures.
    """
    whole = height / 2, width / 2, float(min(height, width))
    if field is None or len(shape) != 3:
        return whole
    side = float(min(field.size_px))
    if side >= whole[2]:
        return whole  # all of the picture is seen, wherever the field's middle lies
    place = shape[1] // 2, shape[2] // 2
    down, right = (
        start + i * stride + size / 2
        for start, i, stride, size in zip(
            field.start_px, place, field.stride_px, field.size_px, strict=True
        )
    )
    return down, right, side


def centre_responses(
    program: Program,
    layers: Sequence[str],
    pixels: torch.Tensor,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    *,
    batch_size: int = 128,
) -> dict[str, torch.Tensor]:
    """Responses of each unit of some layers to some pictures, at the centre of its map.

    Args:
        program: the network.
        layers: names of layers.
        pixels: uint8 (N, C, H, W).
        normalise: pixels -> images.
        batch_size: pictures at a time, at most (`batch_budget`).

    Returns:
        layer -> float32 (N, U): at place (H // 2, W // 2) of maps, of the middle token, or of dense
        units. A layer that is not run for all pictures is left out.

    Raises:
        LayerNotFoundError: there is no such layer.
    """
    for layer in layers:
        check_known(layer, (found.name for found in program.layers))
    device = device_of(program.model)
    found: dict[str, list[torch.Tensor]] = {layer: [] for layer in layers}

    def keep(name: str, output: torch.Tensor) -> None:
        found[name].append(centre_values(output).float().cpu())

    at_once = pictures_at_once(
        batch_size,
        outputs=[layer.shape for layer in program.layers],
        cached=True,
        on_gpu=device.type != "cpu",
    )
    for part in pixels.split(at_once):
        images = normalise(part.to(device))
        if len(found) == 1:  # nothing behind a single layer need be run
            (layer,) = found
            with suppress(UnreachedError):
                keep(layer, program.output_of(layer, images))
        else:
            program.show(images, found.keys(), keep)
    return {
        layer: torch.cat(parts)
        for layer, parts in found.items()
        if sum(map(len, parts)) == len(pixels)
    }


def centre_values(output: torch.Tensor) -> torch.Tensor:
    """Each unit's value at the middle of its map: (B, U)."""
    if output.ndim == 4:
        return output[:, :, output.shape[2] // 2, output.shape[3] // 2]
    return output[:, output.shape[1] // 2] if output.ndim == 3 else output


def above_ground(responses: torch.Tensor, battery: Battery) -> torch.Tensor:
    """Responses above that to the blank picture, for stimuli of one energy.

    A stimulus that is too small to carry the battery's energy, a spot of one pixel say, counts by
    its response for each energy, as far as twice what it gave: more would be guessing.

    Args:
        responses: float (N, U), to the battery's pictures.
        battery: what was shown.

    Returns:
        float (N, U), none negative.
    """
    above = (responses - responses[:1]).clamp(min=0)
    missing = battery.energy.max() / battery.energy.clamp(min=1e-9)
    return above * missing.clamp(max=MOST_MISSING)[:, None]
