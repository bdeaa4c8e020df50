"""Keras's operations (`x + y`, `keras.ops.relu(x)`) as torch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from layerscope.models.keras.flow import Flow, NotRebuilt, Workshop, apply, in_order
from layerscope.models.keras.layers.activation_layers import FUNCTIONS, along_last
from layerscope.models.keras.layers.merge_layers import Merge, beside, largest, smallest
from layerscope.models.keras.layers.norm_layers import laid_out
from layerscope.models.keras.layers.shape_layers import reshaped
from layerscope.models.keras.layers.window_layers import values_of

TWO: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "Add": torch.add,
    "Subtract": torch.sub,
    "Multiply": torch.mul,
    "Divide": torch.div,
    "TrueDivide": torch.div,
    "Power": torch.pow,
    "Maximum": largest,
    "Minimum": smallest,
}
ONE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "Negative": torch.neg,
    "Absolute": torch.abs,
    "Abs": torch.abs,
    "Exp": torch.exp,
    "Log": torch.log,
    "Sqrt": torch.sqrt,
    "Rsqrt": torch.rsqrt,
    "Square": torch.square,
    "Sin": torch.sin,
    "Cos": torch.cos,
}
ACTIVATIONS = {
    "Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Tanh": "tanh", "Silu": "silu",
    "Selu": "selu", "Softplus": "softplus", "Softsign": "softsign", "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu", "LogSigmoid": "log_sigmoid",
}  # fmt: skip
OVER_AXES: dict[str, Callable[..., torch.Tensor]] = {
    "Mean": torch.mean, "Sum": torch.sum, "Max": torch.amax, "Min": torch.amin,
}  # fmt: skip
MERELY_PASSED = ("Cast", "StopGradient", "ConvertToTensor", "Copy", "Identity")


class WithConstant(nn.Module):
    """A function of a value and of a fixed or learned one."""

    def __init__(
        self,
        function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        constant: torch.Tensor,
        *,
        first: bool,
        learned: bool,
    ) -> None:
        super().__init__()
        self.function, self.first = function, first
        if learned:
            self.constant = nn.Parameter(constant)
        else:
            self.register_buffer("constant", constant)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A value of the same shape, or of what the two broadcast to."""
        return self.function(self.constant, x) if self.first else self.function(x, self.constant)


def constant_of(value: Any) -> tuple[torch.Tensor, bool]:
    """A number, an array or a Keras variable as a tensor, and whether it is learned."""
    if hasattr(value, "trainable") and hasattr(value, "value"):
        return values_of(value), bool(value.trainable)
    try:
        return torch.as_tensor(value, dtype=torch.float32).detach().cpu().clone(), False
    except (TypeError, ValueError, RuntimeError) as error:
        raise NotRebuilt from error


def operation(
    shop: Workshop, path: str, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Flow:
    """One of Keras's operations behind what it was called with.

    Raises:
        NotRebuilt: it is not known here.
    """
    kind = type(op).__name__
    given = [*args, *kwargs.values()]
    flows = [value for value in given if isinstance(value, Flow)]
    if kind in MERELY_PASSED:
        return flows[0]
    if kind in TWO and len(given) == 2:
        return of_two(shop, path, TWO[kind], given[0], given[1])
    if kind in ("Concatenate", "Stack") and isinstance(given[0], list | tuple):
        return joined(shop, path, kind, int(op.axis), list(given[0]))
    if kind == "Matmul" and len(flows) == 2:
        return apply(shop, path, torch.matmul, *flows)
    if kind == "Einsum":
        pattern = op.subscripts
        return apply(shop, path, lambda *v: torch.einsum(pattern, *v), *flows)
    if len(flows) != 1 or not isinstance(given[0], Flow):
        raise NotRebuilt
    return of_one(shop, path, op, kind, flows[0], given[1:])


def of_two(shop: Workshop, path: str, function: Any, a: Any, b: Any) -> Flow:
    """A sum, product, … of two values, or of a value and a constant."""
    if isinstance(a, Flow) and isinstance(b, Flow):
        if a.value.ndim == b.value.ndim:
            a, b = in_order(shop, f"{path}_a", a), in_order(shop, f"{path}_b", b)
            return shop.put(path, lambda: Merge(function), a, b)
        return apply(shop, path, function, a, b)
    x, first = (b, True) if isinstance(b, Flow) else (a, False)
    constant, learned = constant_of(a if first else b)
    dims = max(constant.ndim, x.value.ndim)
    if dims != x.value.ndim:
        raise NotRebuilt
    order = x.order
    value = laid_out(constant, x)
    return shop.put(
        path, lambda: WithConstant(function, value, first=first, learned=learned), x, order=order
    )


def joined(shop: Workshop, path: str, kind: str, axis: int, values: list[Any]) -> Flow:
    """Values beside each other, along an axis that they have or along a new one."""
    if not all(isinstance(value, Flow) for value in values):
        raise NotRebuilt
    if kind == "Concatenate":
        return beside(shop, path, axis, values)
    return apply(shop, path, lambda *v: torch.stack(v, axis), *values)


def of_one(shop: Workshop, path: str, op: Any, kind: str, x: Flow, rest: list[Any]) -> Flow:
    """An operation on a single value."""
    if kind in ACTIVATIONS:
        return shop.put(path, FUNCTIONS[ACTIVATIONS[kind]], x, order=x.order)
    if kind == "Gelu":
        form = "tanh" if op.approximate else "none"
        return shop.put(path, lambda: nn.GELU(form), x, order=x.order)
    if kind == "LeakyRelu":
        return shop.put(path, lambda: nn.LeakyReLU(float(op.negative_slope)), x, order=x.order)
    if kind == "Elu":
        return shop.put(path, lambda: nn.ELU(float(op.alpha)), x, order=x.order)
    if kind == "Softmax" and op.axis in (-1, x.value.ndim - 1):
        return along_last(shop, path, x, nn.Softmax)
    if kind == "Softmax" and isinstance(op.axis, int):
        return apply(shop, path, lambda v: v.softmax(op.axis), x)
    if kind in ONE:
        return apply(shop, path, ONE[kind], x)
    if kind == "Clip":
        low, high = float(op.x_min), float(op.x_max)
        return shop.put(path, lambda: nn.Hardtanh(low, high), x, order=x.order)
    if kind in OVER_AXES:
        return over_axes(shop, path, OVER_AXES[kind], op, x)
    return reshaping(shop, path, op, kind, x, rest)


def over_axes(shop: Workshop, path: str, function: Any, op: Any, x: Flow) -> Flow:
    """A mean, sum, largest or smallest value over some axes of Keras's."""
    axis = op.axis
    axes = tuple(axis) if isinstance(axis, list | tuple) else axis
    if axes is None:
        raise NotRebuilt  # over the batch as well
    return apply(shop, path, lambda v: function(v, axes, keepdim=bool(op.keepdims)), x)


def reshaping(shop: Workshop, path: str, op: Any, kind: str, x: Flow, rest: list[Any]) -> Flow:
    """An operation that moves values without changing them."""
    if kind == "Reshape":
        return reshaped(shop, path, tuple(op.newshape)[1:], x)
    if kind == "Transpose" and op.axes is not None and op.axes[0] == 0:
        return apply(shop, path, lambda v: v.permute(tuple(op.axes)), x)
    if kind == "Swapaxes" and 0 not in (op.axis1, op.axis2):
        return apply(shop, path, lambda v: v.transpose(op.axis1, op.axis2), x)
    if kind == "ExpandDims" and op.axis != 0:
        return apply(shop, path, lambda v: v.unsqueeze(op.axis), x)
    if kind == "Squeeze" and isinstance(op.axis, int) and op.axis != 0:
        return apply(shop, path, lambda v: v.squeeze(op.axis), x)
    if kind == "GetItem" and rest:
        return picked(shop, path, rest[0], x)
    if kind == "Flip" and isinstance(op.axis, int) and op.axis != 0:
        return apply(shop, path, lambda v: v.flip(op.axis), x)
    raise NotRebuilt


def picked(shop: Workshop, path: str, key: Any, x: Flow) -> Flow:
    """`x[…]`, also backwards, which torch's own indexing does not know."""
    parts = list(key) if isinstance(key, list | tuple) else [key]
    backwards = [isinstance(p, slice) and p.step is not None and p.step < 0 for p in parts]
    if any(backwards):
        if [p for p, b in zip(parts, backwards, strict=True) if b] != [slice(None, None, -1)]:
            raise NotRebuilt
        dim = backwards.index(True)
        if Ellipsis in parts[:dim]:
            dim -= len(parts)
        parts[dim] = slice(None)
        return apply(shop, path, lambda v: v[tuple(parts)].flip(dim), x)
    return apply(shop, path, lambda v: v[tuple(parts)], x)
