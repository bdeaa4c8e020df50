"""Weights and activations of an atlas, as safetensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from layerscope.files import write_tensors
from layerscope.graph.layer import Layer

# A dense layer of more weights than this is left out of the atlas: its page would not open.
MOST_WEIGHTS = 1_000_000
# One of more than this is kept as float16: its page shows sums of thousands of products.
MOST_EXACT_WEIGHTS = 150_000
# Of a network that has more than this in such layers, its largest ones are left out too.
MOST_WEIGHTS_IN_ALL = 4_000_000


def write_arrays(path: Path, tensors: dict[str, torch.Tensor]) -> dict[str, dict[str, str]]:
    """Write named tensors into one file.

    Returns:
        For each name what the atlas says of it: `{"file", "name"}`.
    """
    write_tensors(path, tensors)
    file = f"arrays/{path.name}"
    return {name: {"file": file, "name": name} for name in tensors}


def write_weights(
    folder: Path, model: nn.Module, layers: Sequence[Layer]
) -> dict[str, dict[str, Any]]:
    """Write the weights of convolutions and dense layers.

    Returns:
        Layer name -> `{"weight": array or None, "bias": array or None}`.
    """
    modules = dict(model.named_modules())
    tensors: dict[str, torch.Tensor] = {}
    found: dict[str, dict[str, Any]] = {}
    weighing = [
        (layer.name, module)
        for layer in layers
        if isinstance(module := modules.get(layer.module or ""), nn.Conv2d | nn.Linear)
    ]
    total, kept = 0, set()
    for name, module in sorted(weighing, key=lambda pair: pair[1].weight.numel()):
        total += module.weight.numel()
        if module.weight.numel() <= MOST_WEIGHTS and total <= MOST_WEIGHTS_IN_ALL:
            kept.add(name)
    for name, module in weighing:
        found[name] = {"weight": None, "bias": None}
        if name not in kept:
            continue
        for kind in ("weight", "bias"):
            value = getattr(module, kind)
            if value is not None:
                dtype = torch.float16 if value.numel() > MOST_EXACT_WEIGHTS else torch.float32
                tensors[f"{name}.{kind}"] = value.detach().to("cpu", dtype, copy=True)
                found[name][kind] = f"{name}.{kind}"
    if not tensors:
        return found
    homes = write_arrays(folder / "arrays" / "weights.safetensors", tensors)
    return {
        name: {kind: homes.get(key) if key else None for kind, key in kinds.items()}
        for name, kinds in found.items()
    }
