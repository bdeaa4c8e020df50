"""Operations that make each value of those at the same place, and constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map

from layerscope.graph.receptive_field import WHOLE, ReceptiveField
from layerscope.graph.tracing.places.joined_labels import aligned, merged
from layerscope.graph.tracing.places.place_labels import axes_of, without
from layerscope.graph.tracing.places.reach import PLACES, Reach, Seen, rebased, spreads, together
from layerscope.graph.tracing.torch_calls import tensors_in

# Each value from those at the same place of the inputs, and constants.
PLACEWISE = frozenset(
    {"add", "iadd", "sub", "isub", "mul", "imul", "truediv", "itruediv", "div", "neg", "abs",
     "clamp", "pow", "ipow", "sqrt", "rsqrt", "exp", "log", "sin", "cos", "square", "reciprocal",
     "maximum", "minimum", "where", "masked_fill", "relu", "relu6", "gelu", "tanh", "sigmoid",
     "silu", "elu", "leaky_relu", "hardswish", "hardsigmoid", "hardtanh", "mish", "softplus",
     "selu", "prelu", "celu", "logsigmoid", "softsign", "threshold", "dropout", "dropout2d",
     "feature_dropout", "alpha_dropout", "stochastic_depth", "float", "to", "type", "half",
     "double", "bfloat16", "type_as", "lerp", "addcmul", "rsub", "expm1", "log1p", "erf",
     "nan_to_num", "fill", "contiguous"}
)  # fmt: skip
PLACEWISE_MODULES = (
    nn.ReLU, nn.ReLU6, nn.GELU, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Hardswish,
    nn.Hardsigmoid, nn.Hardtanh, nn.Mish, nn.Softplus, nn.SELU, nn.PReLU, nn.CELU, nn.LogSigmoid,
    nn.Dropout, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout,
)  # fmt: skip


def tried(
    run: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    value: torch.Tensor,
    seen: Seen,
    *,
    trusted: bool,
) -> Reach:
    """What an operation of the same shape sees."""
    if trusted or not isinstance(seen.reach, ReceptiveField):
        return seen.reach

    def again(other: torch.Tensor) -> Any:
        def put(part: Any) -> Any:
            if part is value:
                return other
            return part.cpu() if isinstance(part, torch.Tensor) else part

        found = run(*tree_map(put, args), **tree_map(put, kwargs))
        return tensors_in(found)[0]

    found = spreads(again, value, seen.labels)
    if found is None:
        return None
    return WHOLE if found else seen.reach


def is_broadcast(given: list[torch.Tensor], made: list[torch.Tensor]) -> bool:
    """Whether an operation works value by value on inputs that are stretched to one shape."""
    try:
        shape = torch.broadcast_shapes(*(t.shape for t in given))
    except RuntimeError:
        return False
    return all(
        out.ndim >= len(shape) and out.shape[out.ndim - len(shape) :] == shape for out in made
    )


def combined(given: list[Seen], out: torch.Tensor) -> Seen:
    """An operation value by value on several inputs."""
    parts = [aligned(seen.labels, out) for seen in given]
    labels = merged(parts, out)
    reaches = [seen.reach for seen in given]
    if WHOLE in reaches:
        return Seen(labels, WHOLE)
    if None in reaches:
        return Seen(labels, None)
    for part in parts:  # one place of an input is stretched over many
        for name in PLACES:
            if set(axes_of(labels, name)) - set(axes_of(part, name)):
                return Seen(labels, WHOLE)
    if all(same_places(part, parts[0]) for part in parts[1:]):
        return Seen(labels, together(reaches))
    counted = [rebased(Seen(part, reach)) for part, reach in zip(parts, reaches, strict=True)]
    found = [seen for seen in counted if seen is not None]
    if len(found) < len(counted):
        return Seen(labels, None)
    joined = without(labels, *PLACES) + (found[0].labels - without(found[0].labels, *PLACES))
    return Seen(joined, together([seen.reach for seen in found]))


def same_places(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors hold the same rows and columns at the same places."""
    return one is other or bool(
        (without(one, "picture", "unit") == without(other, "picture", "unit")).all()
    )


def fixed_norm(
    word: str, module: nn.Module | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    """Whether a batch norm uses the figures it has learned, not those of the pictures at hand."""
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return module.running_mean is not None and not module.training
    if word != "batch_norm":
        return False
    names = ["input", "running_mean", "running_var", "weight", "bias", "training"]
    given = dict(zip(names, args, strict=False)) | kwargs
    return given.get("running_mean") is not None and not given.get("training", False)
