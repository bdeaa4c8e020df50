"""What is made larger for a layer's units: which values, and the pixels they depend on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from layerscope.analysis.featurevis.random_transforms import Box
from layerscope.errors import ModelError, check_known
from layerscope.graph.layer import INPUT, Layer
from layerscope.graph.program import Program
from layerscope.graph.receptive_field import ReceptiveField, receptive_fields

Place = tuple[int, int]  # row, column of a map

# Larger inputs give larger outputs, so that the values before can stand for those behind.
RISING = frozenset(
    {"relu", "relu6", "leaky_relu", "elu", "tanh", "sigmoid", "gelu", "silu", "hardswish"}
)


@dataclass(frozen=True)
class Objective:
    """Where the units of a layer are read.

    Args:
        layer: the requested layer.
        place: the middle of its maps; None for dense units.
        source: the layer whose values are made larger, `layer` itself or what feeds it.
        source_place: the place in its maps on the whole picture; None for dense units.
        field: what one unit sees, (top, left, height, width) in pixels.
        window: what the network is run on.
        window_place: the place in the source's maps when the network sees the window alone.
    """

    layer: Layer
    place: Place | None
    source: Layer
    source_place: Place | None
    field: Box
    window: Box
    window_place: Place | None


def find_objective(program: Program, layer: str, images: torch.Tensor) -> Objective:
    """Find what to make larger for the units of a layer, and the least that must be run for it.

    An activation such as ReLU is flat where it is silent; it has no gradient there. So
    the values that feed it are taken, back through max poolings. Of the picture only the window is
    run that a unit at the middle sees, where this gives the same values.

    Args:
        program: the network.
        layer: name of one of its layers.
        images: float (B, C, H, W), any pictures on which a difference would show, such as noise.

    Raises:
        LayerNotFoundError: there is no such layer.
        ModelError: its output is neither maps (C, H, W) nor units (U,).
    """
    layers = {found.name: found for found in program.layers}
    check_known(layer, layers)
    requested = layers[layer]
    if len(requested.shape) not in (1, 3):
        raise ModelError(
            f"{layer} puts out {requested.shape}; images are optimised for maps (C, H, W) and "
            "units (U,): choose another layer"
        )
    H, W = images.shape[2:]
    place = (
        (requested.shape[1] // 2, requested.shape[2] // 2) if len(requested.shape) == 3 else None
    )
    source, source_place = requested, place
    while (before := layers.get(source.inputs[0])) and stands_for(source, before):
        source_place = place_before(source, before, source_place)
        source = before
    whole: Box = (0, 0, H, W)
    seen = receptive_fields(program.layers, height=H, width=W)[source.name]
    if seen is None or source_place is None:
        return Objective(requested, place, source, source_place, whole, whole, source_place)
    field = seen.box(*source_place, height=H, width=W)
    found = window_of(seen, source_place, height=H, width=W)
    if found is None or not gives_the_same(program, source.name, images, source_place, *found):
        return Objective(requested, place, source, source_place, field, whole, source_place)
    return Objective(requested, place, source, source_place, field, *found)


def stands_for(layer: Layer, before: Layer) -> bool:
    """Whether making a value of `before` larger makes the layer's own larger."""
    if len(layer.inputs) != 1 or layer.inputs[0] == INPUT or len(before.shape) != len(layer.shape):
        return False
    rising = layer.kind == "activation" and layer.function in RISING
    return rising or layer.kind in ("max_pool", "dropout")


def place_before(layer: Layer, before: Layer, place: Place | None) -> Place | None:
    """A place in the maps before that a place of a layer reads."""
    if place is None or layer.kind != "max_pool" or layer.window is None:
        return place
    sides = []
    for i in range(2):
        kernel, stride, padding, dilation = layer.window.along(i)
        at = place[i] * stride - padding + dilation * ((kernel - 1) // 2)
        sides.append(min(max(0, at), before.shape[i + 1] - 1))
    return sides[0], sides[1]


def window_of(
    field: ReceptiveField, place: Place, *, height: int, width: int
) -> tuple[Box, Place] | None:
    """The smallest part of a picture that holds all a unit sees and keeps its layer's steps.

    Returns:
        (top, left, height, width), and the unit's place when the network sees that part alone;
        None where the unit sees over the border, or all units see the same.
    """
    if 0 in field.stride_px:
        return None
    # The first unit of the part whose field does not reach over its border.
    y, x = (
        math.ceil(-s / d) if s < 0 else 0
        for s, d in zip(field.start_px, field.stride_px, strict=True)
    )
    skipped = [s + i * d for s, i, d in zip(field.start_px, (y, x), field.stride_px, strict=True)]
    seen = [s + i * d for s, i, d in zip(field.start_px, place, field.stride_px, strict=True)]
    top, left = seen[0] - skipped[0], seen[1] - skipped[1]
    bottom, right = seen[0] + field.size_px[0], seen[1] + field.size_px[1]
    if top < 0 or left < 0 or bottom > height or right > width:
        return None
    return (top, left, bottom - top, right - left), (y, x)


def gives_the_same(
    program: Program,
    source: str,
    images: torch.Tensor,
    place: Place,
    window: Box,
    window_place: Place,
) -> bool:
    """Whether a window alone gives a unit the value that it has on the whole picture."""
    top, left, h, w = window
    try:
        part = program.output_of(source, images[:, :, top : top + h, left : left + w])
        found = part[:, :, window_place[0], window_place[1]]
    except (ModelError, IndexError):
        return False  # a network that takes pictures of one size only
    wanted = program.output_of(source, images)[:, :, place[0], place[1]]
    return torch.allclose(found, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))
