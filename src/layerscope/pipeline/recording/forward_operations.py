"""How each layer's output is computed, so that an atlas alone is enough to run the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from layerscope.formats.file_references import ArrayRef
from layerscope.formats.layer_record import Forward
from layerscope.graph.layer import INPUT, Layer
from layerscope.pipeline.recording.array_files import WeightFiles, write_arrays

# Activations that are one function of one number, with nothing to choose.
PLAIN = frozenset(
    {"relu", "relu6", "tanh", "sigmoid", "silu", "hardswish", "hardsigmoid", "mish", "selu"}
)


def write_forward(
    folder: Path, model: nn.Module, layers: Sequence[Layer], weights: Mapping[str, WeightFiles]
) -> dict[str, Forward]:
    """Say how each layer is computed, and write what batch norms multiply by and add.

    An operation is described only where its options are known to be the common ones: no padding
    but zeros, no pooling of overhanging windows. The rest is left out.

    Args:
        folder: of the atlas.
        model: the network.
        layers: all of them.
        weights: where the weights of convolutions and dense layers stand.

    Returns:
        Layer name -> how it is computed; without those that cannot be described.
    """
    modules = dict(model.named_modules())
    by_name = {layer.name: layer for layer in layers}
    scales: dict[str, torch.Tensor] = {}
    for layer in layers:
        found = scale_and_shift(modules.get(layer.module or ""))
        if layer.kind == "batch_norm" and found is not None:
            scales[f"{layer.name}.scale"], scales[f"{layer.name}.shift"] = found
    homes = write_arrays(folder / "arrays" / "scales.safetensors", scales) if scales else {}
    return {
        layer.name: forward
        for layer in layers
        if (forward := forward_of(layer, by_name, modules, weights, homes)) is not None
    }


def forward_of(
    layer: Layer,
    by_name: Mapping[str, Layer],
    modules: Mapping[str, nn.Module],
    weights: Mapping[str, WeightFiles],
    homes: Mapping[str, ArrayRef],
) -> Forward | None:
    """How one layer is computed; None where that is not known for certain."""
    module = modules.get(layer.module or "")
    # What is turned over, or holds places and pictures together, is not computed as it is written.
    if layer.layout is not None and len(layer.shape) == 3 and layer.unit_axis != 1:
        return None
    if layer.kind == "add":
        return Forward(operation="add") if sums_equals(layer, by_name) else None
    if len(layer.inputs) != 1:
        return None
    before = by_name.get(layer.inputs[0])
    if layer.kind == "conv":
        known = isinstance(module, nn.Conv2d) and module.padding_mode == "zeros"
        weight = weights.get(layer.name, WeightFiles()).weight
        return Forward(operation="conv") if known and weight else None
    if layer.kind == "dense":
        weight = weights.get(layer.name, WeightFiles()).weight
        flat = len(layer.shape) == 1
        return Forward(operation="dense") if flat and weight else None
    if layer.kind == "batch_norm":
        scale, shift = homes.get(f"{layer.name}.scale"), homes.get(f"{layer.name}.shift")
        return Forward(operation="scale", scale=scale, shift=shift) if scale else None
    if layer.kind in ("max_pool", "avg_pool"):
        return Forward(operation=layer.kind) if layer.window and is_common(module) else None
    if layer.kind == "global_pool":
        return Forward(operation="mean")
    if layer.kind == "flatten":
        return Forward(operation="flatten") if keeps_order(layer.inputs[0], before) else None
    if layer.kind == "dropout":
        return Forward(operation="copy")
    return activation(layer, module) if layer.kind == "activation" else None


def scale_and_shift(module: nn.Module | None) -> tuple[torch.Tensor, torch.Tensor] | None:
    """What a batch norm in evaluation mode multiplies by and adds; None without statistics."""
    known = isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    if not known or module.running_mean is None or module.running_var is None:
        return None
    with torch.no_grad():
        scale = (module.running_var.cpu().double() + module.eps).rsqrt()
        if module.weight is not None:
            scale = scale * module.weight.cpu().double()
        shift = -module.running_mean.cpu().double() * scale
        if module.bias is not None:
            shift = shift + module.bias.cpu().double()
    return scale.float(), shift.float()


def sums_equals(layer: Layer, by_name: Mapping[str, Layer]) -> bool:
    """Whether a sum is of layers of one shape, with no constant and nothing repeated over space."""
    shapes = {by_name[name].shape for name in layer.inputs if name in by_name}
    return len(layer.inputs) > 1 and INPUT not in layer.inputs and shapes == {layer.shape}


def is_common(module: nn.Module | None) -> bool:
    """Whether a pooling's windows lie inside the map, or its padding counts as zeros."""
    if module is None:
        return True
    whole = not getattr(module, "ceil_mode", False)
    divisor = getattr(module, "divisor_override", None)
    counted = getattr(module, "count_include_pad", True) or not any_padding(module)
    return whole and divisor is None and counted


def any_padding(module: Any) -> bool:
    """Whether a pooling pads its input."""
    padding = getattr(module, "padding", 0)
    return any(padding) if isinstance(padding, tuple) else padding != 0


def keeps_order(name: str, before: Layer | None) -> bool:
    """Whether flattening puts channel after channel, as a dense layer's weights then lie."""
    if name == INPUT or before is None or len(before.shape) != 3:
        return True
    return before.unit_axis == 1 or before.shape[1:] == (1, 1)


def activation(layer: Layer, module: nn.Module | None) -> Forward | None:
    """How an activation is computed."""
    function = layer.function or ""
    if function in PLAIN:
        return Forward(operation=function)
    if function == "gelu":
        tanh = getattr(module, "approximate", "none") == "tanh"
        return Forward(operation="gelu_tanh" if tanh else "gelu")
    if function == "softmax" and len(layer.shape) == 1:
        return Forward(operation="softmax")
    if isinstance(module, nn.LeakyReLU):
        return Forward(operation="leaky_relu", slope=float(module.negative_slope))
    if isinstance(module, nn.ELU):
        return Forward(operation="elu", slope=float(module.alpha))
    return None
