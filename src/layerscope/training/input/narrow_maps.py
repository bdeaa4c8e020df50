"""Convolutions whose maps are smaller than their stride, which bfloat16 on a processor spoils."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from layerscope.graph.state_guard import evaluating

CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d)


def narrow_maps(model: nn.Module, images: torch.Tensor) -> list[tuple[int, int]]:
    """Find the convolutions that step further than their maps are wide.

    Of their kernels some weights meet nothing but padding, so that their gradients are zero. oneDNN
    (3.11, through torch 2.13) computes those gradients in bfloat16 without writing them: they are
    whatever lay in memory, up to 1e37, and differ from run to run. In float32 they are right.

    Args:
        model: any network; it is run once, without gradients, as it is when it is tested.
        images: float (B, C, H, W) on its device.

    Returns:
        Of each such convolution the side of its maps and its stride, in pixels.

    Example:
        >>> model = nn.Conv2d(1, 1, 3, stride=2, padding=1)
        >>> narrow_maps(model, torch.zeros(2, 1, 1, 1)), narrow_maps(model, torch.zeros(2, 1, 2, 2))
        ([(1, 2)], [])
    """
    found: list[tuple[int, int]] = []
    with torch.no_grad(), evaluating(model), Strides(found):
        model(images)
    return found


class Strides(TorchFunctionMode):
    """Notes each convolution, of a module or a function, whose stride exceeds its maps' side."""

    def __init__(self, found: list[tuple[int, int]]) -> None:
        self.found = found

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in CONVOLUTIONS:
            maps, weight = (*args, *(kwargs[name] for name in ("input", "weight")[len(args) :]))[:2]
            stride = args[3] if len(args) > 3 else kwargs.get("stride", 1)
            sides = maps.shape[2 - (maps.dim() < weight.dim()) :]
            steps = (stride,) * len(sides) if isinstance(stride, int) else tuple(stride)
            steps = steps * len(sides) if len(steps) == 1 else steps
            self.found += [
                (side, step) for side, step in zip(sides, steps, strict=True) if step > side
            ][:1]
        return func(*args, **kwargs)
