"""A Keras 3 network as the same network in torch's own layers, so that all of it can be read.

Keras on torch runs its layers as functions on pictures with channels last, which no trace can take
apart into units. The network is therefore built again in torch from Keras's own graph of
operations, layer by layer, each compared with the original at once on sample pictures, and in the
end as a whole on every range of values that it may be given.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from layerscope.errors import ModelError
from layerscope.models.keras.agreement import check_agreement
from layerscope.models.keras.flow import Flow, Workshop, apply, in_order
from layerscope.models.keras.graph_walk import walk
from layerscope.models.keras.keras_graph import as_graph, pictured, shape_taken
from layerscope.models.keras.keras_input import KerasInput, application_scale, scale_taken
from layerscope.models.keras.keras_library import keras, read_keras_file
from layerscope.models.keras.keras_network import IMAGES, KerasNetwork, Step
from layerscope.models.keras.layers.keras_ops import WithConstant
from layerscope.models.keras.layers.norm_layers import Rescale
from layerscope.models.keras.layers.shape_layers import Resize, flatten
from layerscope.models.keras.layers.window_layers import Cut

# What stands before the first layer with units and says how large the network's numbers are.
BEFORE_UNITS = (Rescale, WithConstant, Resize, Cut, nn.Flatten, nn.ZeroPad2d)
LAST = (nn.Softmax, nn.Sigmoid)


def load_keras(path: Path, *, size: tuple[int, int] | None = None) -> KerasNetwork:
    """Read a .keras or .h5 file as a torch network; see `from_keras`.

    Raises:
        ModelError: it is no such file, holds code, or cannot be built again.
    """
    return from_keras(read_keras_file(path), size=size)


def from_keras(model: Any, *, size: tuple[int, int] | None = None) -> KerasNetwork:
    """Build a Keras network again in torch's layers, from images (B, C, H, W) to logits.

    A last softmax or sigmoid is left out, since networks here give logits. Layers that only act
    while a network learns are left out too.

    Args:
        model: a Keras network of pictures with channels last: Sequential, Functional, or a class of
            its author's whose `call` is made of Keras's layers and operations.
        size: (height, width) of the pictures, for a network that leaves them open.

    Returns:
        A network in evaluation mode, checked against the original layer by layer on sample
        pictures, and as a whole on values of 0..1, -1..1 and 0..255. Its `takes` says what pictures
        it was made for.

    Raises:
        ModelError: it takes or gives several things, holds code from elsewhere, or the result
            differs from the original.

    Example:
        >>> from_keras(keras.models.load_model("cats.keras"))       # doctest: +SKIP
    """
    keras()  # refuses another backend
    shape = shape_taken(model, size)
    graph = as_graph(model, shape)
    if len(graph.outputs) != 1:
        names = ", ".join(repr(output.name) for output in graph.outputs)
        raise ModelError(
            f"the Keras network {model.name!r} has {len(graph.outputs)} outputs ({names}); give "
            "one that has the logits alone: keras.Model(model.inputs, model.outputs[0])"
        )
    net = KerasNetwork()
    H, W, C = pictured(shape)
    shop = Workshop(net, torch.rand(2, C, H, W, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        first = received(shop, Flow(IMAGES, shop.pictures), shape)
        result = in_order(shop, "output", walk(shop, graph, [first], "")[0])
        if result.is_map and tuple(result.value.shape[2:]) == (1, 1):
            result = flatten(shop, "output_flat", None, result)
        last = last_function(shop, result)
        output = result.step if last is None else last.sources[0]
        net.finish(shop.steps, output, takes_of(shop, model, result))
        function = None if last is None else shop.modules[last.module]
        check_agreement(model, net, shape, function, checkable=not shop.unchecked)
    return net.eval()


def received(shop: Workshop, images: Flow, shape: tuple[int, ...]) -> Flow:
    """The images with the axes that the network's own input has."""
    if len(shape) == 3:
        return images
    if len(shape) == 2:
        return apply(shop, "input_rows", lambda v: v.squeeze(3), images)
    return flatten(shop, "input_flat", None, images)


def last_function(shop: Workshop, result: Flow) -> Step | None:
    """The softmax or sigmoid that a network's output (B, K) comes from; None where it has none."""
    last = next((step for step in shop.steps if step.name == result.step), None)
    if last is None or result.value.ndim != 2:
        return None
    return last if isinstance(shop.modules[last.module], LAST) else None


def takes_of(shop: Workshop, model: Any, result: Flow) -> KerasInput:
    """What a network says of its pictures: by what its first layers make of them."""
    C, H, W = shop.pictures.shape[1:]
    front: list[nn.Module] = []
    said_by, now = "", IMAGES
    for step in shop.steps:
        module = shop.modules[step.module]
        if step.sources != (now,) or not isinstance(module, BEFORE_UNITS):
            break
        now = step.name
        if isinstance(module, Rescale | WithConstant):
            front.append(module)
            said_by = said_by or f"its layer {step.module}"
    scale = None
    if front:
        with suppress(RuntimeError):  # a scale for each place
            scale = scale_taken(nn.Sequential(*front), C)
    elif published := application_scale(model.name, result.value.shape[-1]):
        scale, said_by = published, f"keras.applications ({model.name})"
    given = getattr(model, "inputs", None)
    open_size = bool(given) and len(given[0].shape) == 4 and None in given[0].shape[1:3]
    return KerasInput(H, W, C, open_size, scale, said_by if scale else "")
