"""What an atlas says of units and receptive fields, held against plain hooks and gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from layerscope.formats.layer_record import LayerRecord

WINDOWS, DENSE = (nn.Conv2d, nn.ConvTranspose2d), (nn.Linear,)
# Of the largest value: sums of float32 in another order.
APART_FRAC = 1e-3
MOST_FIELDS = 8


def hooked(model: nn.Module, images: torch.Tensor, *, grad: bool) -> dict[str, torch.Tensor]:
    """What each convolution and dense layer gives on its first call, by plain hooks of torch."""
    found: dict[str, torch.Tensor] = {}
    handles = []
    for path, module in model.named_modules():
        if isinstance(module, (*WINDOWS, *DENSE)):

            def keep(_: nn.Module, __: Any, output: Any, path: str = path) -> None:
                if path not in found and isinstance(output, torch.Tensor):
                    found[path] = output if grad else output.detach().clone()

            handles.append(module.register_forward_hook(keep))
    try:
        with torch.set_grad_enabled(grad):
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return found


def unit_values(model: nn.Module, images: torch.Tensor, layers: Sequence[LayerRecord]) -> dict:
    """Hold the mean and the largest value of every unit against the hooks'.

    Args:
        model: in evaluation mode.
        images: float (B, C, H, W), those that the atlas was measured on.
        layers: the atlas's records.

    Returns:
        How many layers were compared, and the names of those that are wrong.
    """
    own = hooked(model, images, grad=False)
    modules = dict(model.named_modules())
    compared, wrong = 0, []
    for layer in layers:
        path, units = layer.name, layer.units
        if path not in own or not units:
            continue
        value = own[path].double()
        axis = 1 if isinstance(modules[path], WINDOWS) else value.ndim - 1
        rows = value.movedim(axis, 0).flatten(1)
        compared += 1
        if len(rows) != len(units):
            wrong.append(f"{path}: {len(units)} units of {len(rows)}")
            continue
        bar = APART_FRAC * float(rows.abs().max()) + 1e-6
        mean = torch.tensor([unit.mean for unit in units], dtype=torch.float64)
        high = torch.tensor([unit.max for unit in units], dtype=torch.float64)
        if float((rows.mean(1) - mean).abs().max()) > bar:
            wrong.append(f"{path}: means")
        elif float((rows.amax(1) - high).abs().max()) > bar:
            wrong.append(f"{path}: largest values")
    return {"layers": compared, "wrong": wrong}


def receptive_fields(model: nn.Module, images: torch.Tensor, layers: Sequence[LayerRecord]) -> dict:
    """Hold receptive fields of convolutions against the pixels that have a gradient.

    Returns:
        How many are exactly as large as the gradient's reach, how many larger (a bound), the names
        of those that are too small, and how many are not known.
    """
    H, W = images.shape[2:]
    known = {
        layer.name: layer.receptive_field
        for layer in layers
        if layer.kind == "conv" and len(layer.shape) == 3
    }
    fields = {name: field for name, field in known.items() if field}
    step = max(1, len(fields) // MOST_FIELDS)
    chosen = list(fields)[::step]
    exact, larger, wrong = 0, 0, []
    images = torch.randn_like(images[:2]).requires_grad_(True)
    own = hooked(model, images, grad=True)
    for name in chosen:
        if name not in own or not own[name].requires_grad:
            continue
        value, field = own[name], fields[name]
        y, x = value.shape[2] // 2, value.shape[3] // 2
        weights = torch.randn(value.shape[:2])
        total = (value[:, :, y, x] * weights).sum()
        try:
            (reach,) = torch.autograd.grad(total, images, retain_graph=True)
        except RuntimeError:  # a network that overwrites what its own gradient needs
            continue
        support = reach.abs().sum((0, 1)) > 0
        if not bool(support.any()):
            continue
        rows, columns = support.any(1).nonzero().flatten(), support.any(0).nonzero().flatten()
        seen = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
        top = [field.start_px[i] + p * field.stride_px[i] for i, p in enumerate((y, x))]
        end = [top[i] + field.size_px[i] for i in range(2)]
        low_y, low_x, high, wide = field.within_px or (0, 0, H, W)
        said = (
            max(top[0], low_y), max(top[1], low_x),
            min(end[0], low_y + high), min(end[1], low_x + wide),
        )  # fmt: skip
        if seen[0] < said[0] or seen[1] < said[1] or seen[2] > said[2] or seen[3] > said[3]:
            wrong.append(f"{name}: sees {seen}, said {said}")
        elif seen == said:
            exact += 1
        else:
            larger += 1
    return {
        "exact": exact, "larger": larger, "wrong": wrong, "unknown": len(known) - len(fields),
    }  # fmt: skip
