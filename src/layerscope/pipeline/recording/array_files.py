"""Weights and activations of an atlas, as safetensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from layerscope.files import write_tensors
from layerscope.formats.file_references import ArrayRef
from layerscope.graph.layer import Layer

# A dense layer of more weights than this is left out of the atlas: its page would not open.
MOST_WEIGHTS = 1_000_000
# One of more than this is kept as float16. Up to here a page that runs the network gives its logits
# to a thousandth (a dense layer of 425,000 weights in float16: to 0.0015).
MOST_EXACT_WEIGHTS = 500_000
# Of a network that has more than this in such layers, its largest ones are left out too.
MOST_WEIGHTS_IN_ALL = 4_000_000


def write_arrays(path: Path, tensors: dict[str, torch.Tensor]) -> dict[str, ArrayRef]:
    """Write named tensors into one file.

    Returns:
        Where each one stands.
    """
    write_tensors(path, tensors)
    file = f"arrays/{path.name}"
    return {name: ArrayRef(file=file, name=name) for name in tensors}


@dataclass(frozen=True)
class WeightFiles:
    """Where a layer's weight and bias stand; None where it has none or they are left out."""

    weight: ArrayRef | None = None
    bias: ArrayRef | None = None


def write_weights(
    folder: Path, model: nn.Module, layers: Sequence[Layer]
) -> dict[str, WeightFiles]:
    """Write the weights of convolutions and dense layers.

    Returns:
        Layer name -> where they stand.
    """
    modules = dict(model.named_modules())
    tensors: dict[str, torch.Tensor] = {}
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
        for kind in ("weight", "bias"):
            value = getattr(module, kind)
            if name in kept and value is not None:
                dtype = torch.float16 if value.numel() > MOST_EXACT_WEIGHTS else torch.float32
                tensors[f"{name}.{kind}"] = value.detach().to("cpu", dtype, copy=True)
    homes = write_arrays(folder / "arrays" / "weights.safetensors", tensors) if tensors else {}
    return {
        name: WeightFiles(homes.get(f"{name}.weight"), homes.get(f"{name}.bias"))
        for name, _ in weighing
    }
