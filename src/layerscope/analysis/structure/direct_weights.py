"""A unit's direct weight on each class, where the way from it to the logits is linear."""

from __future__ import annotations

import torch

from layerscope.errors import ModelError
from layerscope.graph.layer import Layer
from layerscope.graph.program import Program
from layerscope.graph.resume import cut

# Kinds that can be linear in evaluation mode; whether they are is tried on the network itself.
LINEAR = ("dense", "conv", "conv1d", "flatten", "dropout", "avg_pool", "global_pool", "batch_norm")
TOLERANCE = 1e-3


def class_weights(program: Program, layer: str, images: torch.Tensor) -> torch.Tensor | None:
    """How much each logit changes when a unit's response rises by 1 at all of its places.

    What is linear says the same whatever the picture and however far the unit rises: both are
    tried, and where they differ there is no weight to speak of.

    Args:
        program: the network; left as it was.
        layer: one of its layers.
        images: float (B, C, H, W), B at least 2, of which two are run.

    Returns:
        float32 (U, K) on the CPU, or None where the way to the logits is not linear.
    """
    behind = layers_behind(program.layers, layer)
    if not behind or any(found.kind not in LINEAR for found in behind):
        return None
    try:
        found = cut(program, layer)
        cached = found.cache(images[:2])
        output = cached.output
        axis = 1 if output.ndim == 4 else output.ndim - 1
        base = found.resume(cached, output)
        weights = []
        for unit in range(output.shape[axis]):
            raised = output.clone()
            raised.select(axis, unit).add_(1.0)
            further = output.clone()
            further.select(axis, unit).sub_(2.0)
            up, down = found.resume(cached, raised) - base, found.resume(cached, further) - base
            size = up.abs().max().clamp(min=1e-6)
            same = (up[0] - up[-1]).abs().max() <= TOLERANCE * size
            straight = (down + 2 * up).abs().max() <= 4 * TOLERANCE * size
            if not (same and straight):
                return None
            weights.append(up.mean(0))
    except (ModelError, RuntimeError):
        return None  # it cannot be run on from here
    return torch.stack(weights).float().cpu()


def layers_behind(layers: tuple[Layer, ...], name: str) -> list[Layer]:
    """The layers that read one, directly or through others."""
    reached, behind = {name}, []
    for layer in layers:
        if reached & set(layer.inputs):
            reached.add(layer.name)
            behind.append(layer)
    return behind
