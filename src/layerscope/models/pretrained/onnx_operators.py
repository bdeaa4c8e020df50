"""ONNX operators that onnx2torch has no torch module for, given to it as torch's own modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from onnx2torch.node_converters.registry import add_converter, get_converter
from onnx2torch.node_converters.slice import OnnxSlice
from onnx2torch.utils.common import OperationConverterResult, onnx_mapping_from_node
from torch import fx, nn

# Files are declared as of this set of operators before they are converted, and an operator that is
# younger is then looked for under this very number.
OPERATOR_SET = 17
# Farther than any axis is long; files write the largest number there is.
FAR = 2**31
SLICE_INPUTS = ("starts", "ends", "axes", "steps")


class GlobalMaxPool(nn.Module):
    """The largest value of each map."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.amax(tuple(range(2, maps.ndim)), keepdim=True)


class ThresholdedReLU(nn.Module):
    """The value where it lies above a threshold, else 0."""

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(x > self.alpha, x, torch.zeros_like(x))


class ScaledSiLU(nn.Module):
    """x sigmoid(alpha x)."""

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.alpha * x)


class GroupNormalization(nn.Module):
    """Normalised over groups of channels; scale and bias come as inputs, one a channel."""

    def __init__(self, groups: int, epsilon: float) -> None:
        super().__init__()
        self.groups, self.epsilon = groups, epsilon

    def forward(self, maps: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        each = maps.shape[1] // len(scale)  # set 18 had one of each a group
        scale, bias = scale.repeat_interleave(each), bias.repeat_interleave(each)
        return F.group_norm(maps, self.groups, scale, bias, self.epsilon)


class RMSNormalization(nn.Module):
    """Divided by the root mean square of the last axes."""

    def __init__(self, axis: int, epsilon: float) -> None:
        super().__init__()
        self.axis, self.epsilon = axis, epsilon

    def forward(self, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        axes = tuple(range(self.axis % x.ndim, x.ndim))
        return x * (x.square().mean(axes, keepdim=True) + self.epsilon).rsqrt() * scale


class Trilu(nn.Module):
    """The upper or the lower triangle of matrices."""

    def __init__(self, upper: bool) -> None:
        super().__init__()
        self.upper = upper

    def forward(self, x: torch.Tensor, k: torch.Tensor | None = None) -> torch.Tensor:
        diagonal = int(k) if k is not None else 0
        return x.triu(diagonal) if self.upper else x.tril(diagonal)


class SpaceToDepth(nn.Module):
    """Blocks of places become channels, the place in the block before the channel."""

    def __init__(self, block: int) -> None:
        super().__init__()
        self.block = block

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        B, C, H, W = maps.shape
        b = self.block
        parts = maps.reshape(B, C, H // b, b, W // b, b).permute(0, 3, 5, 1, 2, 4)
        return parts.reshape(B, C * b * b, H // b, W // b)


class LpNormalization(nn.Module):
    """Divided by the norm along an axis."""

    def __init__(self, axis: int, p: int) -> None:
        super().__init__()
        self.axis, self.p = axis, p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(x, p=self.p, dim=self.axis, eps=0.0)


class Slice(nn.Module):
    """A part of a tensor, by places that are known."""

    def __init__(self, starts: list[int], ends: list[int], axes: list[int], steps: list[int]):
        super().__init__()
        self.parts = [
            (axis, *(max(-FAR, min(FAR, place)) for place in (start, end)), step)
            for start, end, axis, step in zip(starts, ends, axes, steps, strict=True)
        ]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for axis, start, end, step in self.parts:
            if step < 0:
                x = x.flip(axis)
                start, end, step = -start - 1, -end - 1, -step
            along = slice(start, end, step)
            before = (slice(None),) * axis if axis >= 0 else (...,)
            x = x[(*before, along, *(slice(None),) * (-axis - 1))]
        return x


def gelu(attributes: dict[str, Any]) -> nn.Module:
    """GELU, exact or by tanh."""
    return nn.GELU(approximate=attributes.get("approximate", "none"))


def swish(attributes: dict[str, Any]) -> nn.Module:
    """SiLU where it is not scaled."""
    alpha = attributes.get("alpha", 1.0)
    return nn.SiLU() if alpha == 1.0 else ScaledSiLU(alpha)


# Operator -> (since which set of operators, what makes its module of its attributes).
MODULES: dict[str, tuple[int, Callable[[dict[str, Any]], nn.Module]]] = {
    "Gelu": (OPERATOR_SET, gelu),
    "Mish": (OPERATOR_SET, lambda _: nn.Mish()),
    "Swish": (OPERATOR_SET, swish),
    "ThresholdedRelu": (10, lambda a: ThresholdedReLU(a.get("alpha", 1.0))),
    "GlobalMaxPool": (1, lambda _: GlobalMaxPool()),
    "GroupNormalization": (
        OPERATOR_SET,
        lambda a: GroupNormalization(a["num_groups"], a.get("epsilon", 1e-5)),
    ),
    "RMSNormalization": (
        OPERATOR_SET,
        lambda a: RMSNormalization(a.get("axis", -1), a.get("epsilon", 1e-5)),
    ),
    "Trilu": (14, lambda a: Trilu(bool(a.get("upper", 1)))),
    "SpaceToDepth": (13, lambda a: SpaceToDepth(a["blocksize"])),
    "LpNormalization": (1, lambda a: LpNormalization(a.get("axis", -1), a.get("p", 2))),
}


def add_missing_operators() -> None:
    """Give onnx2torch a module for each operator that it has none for by now."""
    for operator, (since, make) in MODULES.items():
        if not is_known(operator):
            add_converter(operation_type=operator, version=since)(converter_of(make))


def with_own_slices(net: fx.GraphModule) -> fx.GraphModule:
    """The converted network with `Slice` in place of onnx2torch's, changed in place.

    onnx2torch's own indexes by a list, which torch is about to refuse, and cannot be traced.
    """
    for node in net.graph.nodes:
        if node.op != "call_module" or not isinstance(net.get_submodule(node.target), OnnxSlice):
            continue
        x, *given = node.args
        inputs = {**dict(zip(SLICE_INPUTS, given, strict=False)), **node.kwargs}
        if all(isinstance(one, fx.Node) and one.op == "get_attr" for one in inputs.values()):
            known = {name: net.get_buffer(one.target).tolist() for name, one in inputs.items()}
            n = len(known["starts"])
            net.add_submodule(
                node.target, Slice(**{"axes": [*range(n)], "steps": [1] * n, **known})
            )
            node.args, node.kwargs = (x,), {}
    net.recompile()
    return net


def converter_of(
    make: Callable[[dict[str, Any]], nn.Module],
) -> Callable[[Any, Any], OperationConverterResult]:
    """What onnx2torch calls with a node and its graph."""

    def convert(node: Any, _: Any) -> OperationConverterResult:
        return OperationConverterResult(make(node.attributes), onnx_mapping_from_node(node))

    return convert


def is_known(operator: str) -> bool:
    """Whether onnx2torch converts an operator, as of `OPERATOR_SET`."""
    try:
        get_converter(operation_type=operator, version=OPERATOR_SET)
    except NotImplementedError:
        return False
    return True
