"""What an operation of a network is: its kind, its function, its window."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import fx, nn

from layerscope.graph.window import Window

# What a kind is called for a person; each title is counted ("Convolution 2").
TITLES = {
    "conv": "Convolution",
    "conv1d": "Convolution",
    "conv3d": "Convolution",
    "conv_transpose": "Transposed convolution",
    "attention": "Attention",
    "dense": "Dense",
    "max_pool": "Max pooling",
    "avg_pool": "Average pooling",
    "global_pool": "Mean over space",
    "batch_norm": "Batch norm",
    "dropout": "Dropout",
    "flatten": "Flatten",
    "add": "Add",
}
FUNCTIONS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "gelu": "GELU",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "elu": "ELU",
    "leaky_relu": "Leaky ReLU",
    "hardswish": "Hardswish",
    "hardsigmoid": "Hard sigmoid",
    "mish": "Mish",
    "selu": "SELU",
    "softmax": "Softmax",
}
WORDS = {
    "LSTM": "LSTM",
    "GRU": "GRU",
    "RNN": "Recurrent layer",
    "scaled_dot_product_attention": "Attention",
    "multi_head_attention_forward": "Attention",
}
MODULE_KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "conv",
    nn.Conv1d: "conv1d",
    nn.Conv3d: "conv3d",
    nn.ConvTranspose2d: "conv_transpose",
    nn.RNNBase: "recurrent",
    nn.MultiheadAttention: "attention",
    nn.Linear: "dense",
    nn.MaxPool2d: "max_pool",
    nn.AvgPool2d: "avg_pool",
    nn.AdaptiveMaxPool2d: "max_pool",
    nn.AdaptiveAvgPool2d: "global_pool",
    nn.BatchNorm1d: "batch_norm",
    nn.BatchNorm2d: "batch_norm",
    nn.Dropout: "dropout",
    nn.Dropout2d: "dropout",
    nn.Flatten: "flatten",
}
MODULE_FUNCTIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.GELU: "gelu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.SiLU: "silu",
    nn.ELU: "elu",
    nn.LeakyReLU: "leaky_relu",
    nn.Hardswish: "hardswish",
    nn.Hardsigmoid: "hardsigmoid",
    nn.Mish: "mish",
    nn.SELU: "selu",
    nn.Softmax: "softmax",
}
CALL_KINDS = {
    "add": "add",
    "iadd": "add",
    "flatten": "flatten",
    "view": "flatten",
    "reshape": "flatten",
    "squeeze": "flatten",
    "conv2d": "conv",
    "conv1d": "conv1d",
    "conv3d": "conv3d",
    "conv_transpose2d": "conv_transpose",
    "linear": "dense",
    "batch_norm": "batch_norm",
    "max_pool2d": "max_pool",
    "avg_pool2d": "avg_pool",
    "adaptive_max_pool2d": "max_pool",
    "adaptive_avg_pool2d": "global_pool",
    "mean": "global_pool",
    "dropout": "dropout",
}
# Dispatchers without a name of their own.
NAMELESS = {F.max_pool2d: "max_pool2d", F.adaptive_max_pool2d: "adaptive_max_pool2d"}


@dataclass(frozen=True)
class Operation:
    """What one operation is.

    Args:
        kind: as docs/atlas.md lists them.
        function: of an activation, such as "relu".
        word: what a person calls it: "Convolution", "ReLU".
        window: of a convolution or pooling; None where it slides by no fixed rule.
    """

    kind: str
    function: str | None
    word: str
    window: Window | None = None


def operation_of(
    call: str,
    module: nn.Module | None,
    given: Sequence[Any],
    named: Mapping[str, Any],
    before: tuple[int, ...],
    after: tuple[int, ...],
) -> Operation:
    """Say what an operation of a network does.

    Args:
        call: its plain name, such as "relu".
        module: the module that it calls, None for an operation that is no module.
        given, named: what it is called with, by place and by name.
        before, after: the shapes of its first input and of its output, for one picture.
    """
    if module is not None:
        function = MODULE_FUNCTIONS.get(type(module))
        found = [kind for kind_type, kind in MODULE_KINDS.items() if isinstance(module, kind_type)]
        # A quantised dense layer is none of torch.nn's, but has its name.
        unlisted = "dense" if type(module).__name__ == "Linear" else "other"
        kind = "activation" if function else (found[0] if found else unlisted)
    else:
        function = call if call in FUNCTIONS else None
        kind = "activation" if function else CALL_KINDS.get(call, "other")
    window: Window | None = None
    if kind == "flatten" and len(after) > 1:
        kind = "other"  # a change of shape that leaves units at places
    if kind == "global_pool" and (len(before) != 3 or math.prod(after) != before[0]):
        kind = "other" if module is None and call == "mean" else "avg_pool"
    if kind in ("conv", "max_pool", "avg_pool"):
        window = window_of_call(call, module, given, named, before, after)
        kind = kind if window else "other"
    if function:
        word = FUNCTIONS[function]
    else:
        name = type(module).__name__ if module else call
        word = TITLES.get(kind) or WORDS.get(name) or plain_word(name)
    return Operation(kind, function, word, window)


def call_of(node: fx.Node) -> str:
    """The plain name of what a node calls: "relu" for `F.relu` and for `x.relu_()`."""
    if isinstance(node.target, str):
        return node.target.strip("_")
    name = NAMELESS.get(node.target) or getattr(node.target, "__name__", node.name)
    return name.strip("_")


def plain_word(name: str) -> str:
    """What an operation of no known kind is called in its title."""
    return name.replace("_", " ").capitalize()


def window_of_call(
    call: str,
    module: nn.Module | None,
    given: Sequence[Any],
    named: Mapping[str, Any],
    before: tuple[int, ...],
    after: tuple[int, ...],
) -> Window | None:
    """The window of a convolution or pooling; None where it slides by no fixed rule."""
    if isinstance(module, nn.Conv2d):
        return conv_window(
            module.kernel_size, module.stride, module.padding, module.dilation, module.groups
        )
    if module is None and call == "conv2d":
        names = ["input", "weight", "bias", "stride", "padding", "dilation", "groups"]
        found = dict(zip(names, given, strict=False)) | dict(named)
        return conv_window(
            tuple(found["weight"].shape[2:]),
            found.get("stride", 1),
            found.get("padding", 0),
            found.get("dilation", 1),
            found.get("groups", 1),
        )
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        dilation = getattr(module, "dilation", 1)
        return pooling_window(module.kernel_size, module.stride, module.padding, dilation)
    if module is None and call in ("max_pool2d", "avg_pool2d"):
        names = ["input", "kernel_size", "stride", "padding"]
        names += ["dilation"] if call == "max_pool2d" else []
        found = dict(zip(names, given, strict=False)) | dict(named)
        return pooling_window(
            found["kernel_size"],
            found.get("stride"),
            found.get("padding", 0),
            found.get("dilation", 1),
        )
    # An adaptive pooling slides evenly only where its output divides its input.
    sides = list(zip(before[1:], after[1:], strict=False))
    if len(sides) != 2 or any(side % parts for side, parts in sides):
        return None
    return pooling_window([side // parts for side, parts in sides], None, 0, 1)


def conv_window(kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Window:
    """The window of a convolution, whose padding may be a word."""
    if isinstance(padding, str):
        reach = [d * (k - 1) for d, k in zip(pair(dilation), pair(kernel), strict=True)]
        padding = [0, 0] if padding == "valid" else [side // 2 for side in reach]
    return Window(pair(kernel), pair(stride), pair(padding), pair(dilation), groups)


def pooling_window(kernel: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    """The window of a pooling; no stride means the kernel's."""
    step = kernel if stride in (None, (), []) else stride
    return Window(pair(kernel), pair(step), pair(padding), pair(dilation))


def pair(value: Any) -> tuple[int, int]:
    """One number twice, or two numbers."""
    sides = [int(value)] if isinstance(value, int) else [int(v) for v in value]
    return sides[0], sides[-1]
