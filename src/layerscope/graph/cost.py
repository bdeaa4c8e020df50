"""What a layer costs: parameters, and multiply-adds for one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from layerscope.graph.layer import INPUT, Layer


@dataclass(frozen=True)
class Cost:
    """What a layer costs, for one picture.

    Args:
        parameters: weights and biases; counted once where a module is used again.
        multiply_adds: of its weights; biases and norms, which a good runtime folds away, are
            not counted.
        dense_parameters: what a fully-connected layer from the same inputs to the same outputs
            would learn; 0 for layers that learn nothing.
    """

    parameters: int
    multiply_adds: int
    dense_parameters: int


def costs(
    model: nn.Module, layers: Sequence[Layer], *, channels: int, height: int, width: int
) -> dict[str, Cost]:
    """The cost of every layer.

    Args:
        model: the network.
        layers: what `read_graph` gave for it.
        channels, height, width: of the picture.

    Example:
        A 3x3 convolution from 1 to 32 channels on 28 x 28 px costs 320 parameters and
        32 * 26 * 26 * 9 multiply-adds; as a dense layer it would learn (784 + 1) * 21,632.
    """
    shapes = {INPUT: (channels, height, width)} | {layer.name: layer.shape for layer in layers}
    counted: set[str | None] = set()
    found = {}
    for layer in layers:
        module = model.get_submodule(layer.module) if layer.module else None
        parameters = 0
        if module is not None and layer.module not in counted:
            counted.add(layer.module)
            parameters = sum(p.numel() for p in module.parameters())
        outputs = math.prod(layer.shape)
        inputs = math.prod(shapes[layer.inputs[0]])
        multiply_adds = dense = 0
        if isinstance(module, nn.Conv2d):
            multiply_adds = outputs * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            multiply_adds = outputs * module.in_features
        elif (
            module is None and layer.window and layer.kind == "conv"
        ):  # by a function, over weights of its own
            before = shapes[layer.inputs[0]][0] // layer.window.groups
            multiply_adds = outputs * before * math.prod(layer.window.kernel_size)
        elif module is None and layer.kind == "dense":
            read = shapes[layer.inputs[0]]
            multiply_adds = outputs * (read[0] if len(read) == 3 else read[-1])
        if layer.kind in ("conv", "dense"):
            dense = (inputs + 1) * outputs
        found[layer.name] = Cost(parameters, multiply_adds, dense)
    return found
