"""What each operation does to the axes of its input, and to what its values see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map

from layerscope.graph.receptive_field import WHOLE, ReceptiveField
from layerscope.graph.tracing.place_labels import axes_of, filled, make_labels, numbered, without
from layerscope.graph.tracing.reach import (
    ONE_PIXEL,
    PLACES,
    Reach,
    Seen,
    enlarged,
    mixed,
    rebased,
    slid,
    spreads,
    together,
)
from layerscope.graph.tracing.torch_calls import tensors_in

# These put values elsewhere and change none: their labels take the same way.
MOVING = frozenset(
    {"permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "T", "mT",
     "adjoint", "view", "reshape", "flatten", "unflatten", "ravel", "squeeze", "unsqueeze",
     "expand", "expand_as", "repeat", "tile", "repeat_interleave", "broadcast_to", "contiguous",
     "roll", "flip", "fliplr", "flipud", "rot90", "chunk", "split", "unbind", "tensor_split",
     "hsplit", "vsplit", "split_with_sizes", "getitem", "select", "narrow", "index_select",
     "gather", "cat", "concat", "concatenate", "stack", "hstack", "vstack", "pixel_shuffle",
     "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle", "unfold", "pad", "view_as",
     "reshape_as", "diagonal", "clone", "detach", "data", "alias", "requires_grad"}
)  # fmt: skip
MOVING_MODULES = (
    nn.Flatten, nn.Unflatten, nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle, nn.Unfold,
    nn.ZeroPad2d, nn.ConstantPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.CircularPad2d,
    nn.Identity,
)  # fmt: skip
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
REDUCING = frozenset(
    {"mean", "sum", "amax", "amin", "max", "min", "norm", "var", "std", "logsumexp", "prod",
     "median", "argmax", "argmin", "any", "all", "vector_norm", "nanmean", "count_nonzero",
     "var_mean", "std_mean", "linalg_norm", "linalg_vector_norm"}
)  # fmt: skip
PRODUCTS = frozenset({"matmul", "bmm", "imatmul", "mm", "baddbmm"})
SLIDING = frozenset(
    {"conv2d", "conv1d", "conv3d", "conv_transpose2d", "conv_transpose1d", "conv_transpose3d",
     "max_pool2d", "max_pool1d", "max_pool3d", "avg_pool2d", "avg_pool1d", "avg_pool3d",
     "adaptive_avg_pool2d", "adaptive_max_pool2d", "adaptive_avg_pool1d", "adaptive_max_pool1d",
     "adaptive_avg_pool3d", "adaptive_max_pool3d", "interpolate", "upsample", "lp_pool2d", "fold",
     "grid_sample", "max_pool2d_with_indices"}
)  # fmt: skip
SLIDING_MODULES = (
    nn.modules.conv._ConvNd, nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd, nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.modules.pooling._LPPoolNd, nn.Upsample, nn.Fold, nn.FractionalMaxPool2d,
)  # fmt: skip

Known = Callable[[torch.Tensor], Seen | None]


def seen_of_images(images: torch.Tensor) -> Seen:
    """The pictures themselves: float (B, C, H, W)."""
    labels = make_labels(tuple(images.shape), picture=0, unit=1, row=2, column=3)
    return Seen(labels, ONE_PIXEL)


def follow(
    run: Callable[..., Any],
    word: str,
    module: nn.Module | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    made: list[torch.Tensor],
    known: Known,
    options: dict[str, Any],
) -> list[Seen]:
    """What is known of an operation's results.

    Args:
        run: calls it again, with other arguments.
        word: what it calls; "" for a module.
        module: the module that it calls, None for an operation that is no module.
        args, kwargs: what it was given.
        made: the tensors that it gave.
        known: what is known of a tensor; None for one that no picture goes into.
        options: of a convolution or pooling; {} where it slides by no fixed rule.

    Returns:
        One for each of `made`.
    """
    given = [(t, seen) for t in tensors_in((args, kwargs)) if (seen := known(t)) is not None]
    value, first = given[0]
    if word in MOVING or isinstance(module, MOVING_MODULES):
        return moved(run, word, args, kwargs, made, known, given)
    if word == "setitem":
        reach = WHOLE if any(seen.reach == WHOLE for _, seen in given) else None
        return [Seen(first.labels, reach) for _ in made]
    if type(module).__name__ == "Linear" or isinstance(module, nn.Linear) or word == "linear":
        return [dense(first, out) for out in made]
    if isinstance(module, nn.RNNBase):
        return recurrent(first, made)
    if isinstance(module, nn.MultiheadAttention) or word == "multi_head_attention_forward":
        weights = make_labels(tuple(made[-1].shape), picture=0)
        return [Seen(filled(first.labels), WHOLE), *[Seen(weights, WHOLE) for _ in made[1:]]]
    if word == "scaled_dot_product_attention":
        return [Seen(last_axis(first.labels, given[-1][1].labels, out), WHOLE) for out in made]
    if word in PRODUCTS and len(args) > 1:
        return [product(args, known, out) for out in made]
    if word == "einsum":
        found = einsum(args, known, made[0])
        if found is not None:
            return [found]
    if word in SLIDING or isinstance(module, SLIDING_MODULES):
        if spills(module):
            first = Seen(first.labels, None if first.reach is None else WHOLE)
        enlarging = interpolation_of(word, module, kwargs)
        return [slide(first, out, options, enlarging) for out in made]
    if word in REDUCING:
        return [reduced(first, args, kwargs, out) for out in made]
    if all(out.shape == value.shape for out in made) and len(given) == 1:
        own = (
            word in PLACEWISE
            or isinstance(module, PLACEWISE_MODULES)
            or fixed_norm(word, module, args, kwargs)
        )
        return [Seen(first.labels, tried(run, args, kwargs, value, first, trusted=own))] * len(made)
    if is_broadcast([t for t, _ in given], made):
        joined = combined([seen for _, seen in given], made[0])
        if word not in PLACEWISE and joined.reach != WHOLE:
            joined = Seen(joined.labels, None)
        return [joined] * len(made)
    if len(given) == 1 and moves_only(run, args, kwargs, value, made):
        return moved(run, word, args, kwargs, made, known, given)
    return [Seen(guessed(out, value, first), None) for out in made]


def moved(
    run: Callable[..., Any],
    word: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    made: list[torch.Tensor],
    known: Known,
    given: list[tuple[torch.Tensor, Seen]],
) -> list[Seen]:
    """The labels take the way that the values take."""
    reaches = [seen.reach for _, seen in given]
    bases: dict[int, torch.Tensor] = {id(t): seen.labels for t, seen in given}
    reach: Reach = reaches[0]
    if any(other != reach for other in reaches):
        reach = together(reaches)
        # Of different reach, rows are to be counted alike before they lie side by side.
        if isinstance(reach, ReceptiveField):
            counted = [rebased(seen) for _, seen in given]
            if all(found is not None for found in counted):
                reach = together([found.reach for found in counted if found is not None])
                bases = {
                    id(t): found.labels
                    for (t, _), found in zip(given, counted, strict=True)
                    if found is not None
                }
                rows = {found and axes_of(found.labels, "row") for found in counted}
                columns = {found and axes_of(found.labels, "column") for found in counted}
                if len(rows) > 1 or len(columns) > 1:
                    reach = None
    follows = {id(t) for t, _ in given}

    def labels_for(part: Any) -> Any:
        if not isinstance(part, torch.Tensor):
            return part
        if id(part) in follows:
            return bases[id(part)].double()
        return (
            torch.zeros(part.shape, dtype=torch.float64)
            if part.is_floating_point()
            else part.cpu()  # labels are on the processor, whatever the network's device
        )

    if word == "pad":  # any value stands for "not known"
        args, kwargs = args[:3], {k: v for k, v in kwargs.items() if k != "value"}
    try:
        results = tensors_in(run(*tree_map(labels_for, args), **tree_map(labels_for, kwargs)))
    except Exception:  # an operation that takes no float64: its axes are guessed
        results = []
    if [r.shape for r in results] != [m.shape for m in made]:
        value, first = given[0]
        return [Seen(guessed(out, value, first), None) for out in made]
    return [Seen(filled(labels.long().clamp(min=0)), reach) for labels in results]


def moves_only(
    run: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    value: torch.Tensor,
    made: list[torch.Tensor],
) -> bool:
    """Whether an operation of which nothing is known only puts values elsewhere, or zeros between.

    It is tried with numbered values: by the numbers that it gives, other values are moved too.
    """
    numbers = torch.arange(1, value.numel() + 1, dtype=torch.float64).view(value.shape)
    others = numbers.sin()

    def on(other: torch.Tensor) -> torch.Tensor:
        def put(part: Any) -> Any:
            if part is value:
                return other
            return part.cpu() if isinstance(part, torch.Tensor) else part

        return tensors_in(run(*tree_map(put, args), **tree_map(put, kwargs)))[0]

    try:
        with torch.no_grad():
            order, found = on(numbers).double(), on(others)
    except Exception:  # an operation that takes no float64
        return False
    if order.shape != made[0].shape or found.shape != order.shape or len(made) != 1:
        return False
    if bool((order != order.round()).any()) or order.min() < 0 or order.max() > value.numel():
        return False
    wanted = torch.cat([others.new_zeros(1), others.reshape(-1)])[order.long()]
    return torch.equal(wanted, found)


def dense(seen: Seen, out: torch.Tensor) -> Seen:
    """A dense layer over the last axis: its outputs are the units, all other axes are places."""
    base = fixed(seen.labels, -1, *axes_names(seen.labels, -1), "unit")
    labels = base.expand(out.shape) + numbered(tuple(out.shape), out.ndim - 1, "unit")
    return Seen(labels, mixed(seen.labels, seen.labels.ndim - 1, seen.reach))


def axes_names(labels: torch.Tensor, axis: int) -> list[str]:
    """The fields that vary along an axis."""
    return [
        name
        for name in ("picture", "unit", "row", "column")
        if axis % labels.ndim in axes_of(labels, name)
    ]


def fixed(labels: torch.Tensor, axis: int, *lost: str) -> torch.Tensor:
    """The labels at the middle of an axis, which stays with size 1, without some fields."""
    axis %= labels.ndim
    return without(labels.narrow(axis, labels.shape[axis] // 2, 1), *lost)


def recurrent(seen: Seen, made: list[torch.Tensor]) -> list[Seen]:
    """LSTM, GRU and simple recurrent layers: each step has read those before it."""
    output = dense(seen, made[0]).labels
    states = [  # (layers, B, U)
        make_labels(tuple(state.shape), picture=state.ndim - 2, unit=state.ndim - 1)
        for state in made[1:]
    ]
    return [Seen(labels, WHOLE) for labels in (output, *states)]


def last_axis(labels: torch.Tensor, last: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """Labels of the queries, with the units of the values where their numbers differ."""
    if labels.shape == out.shape:
        return labels
    base = fixed(labels, -1, "unit").expand(out.shape)
    return base + numbered(tuple(out.shape), out.ndim - 1, "unit")


def product(args: tuple[Any, ...], known: Known, out: torch.Tensor) -> Seen:
    """A matrix product: rows of the first, columns of the second."""
    left, right = args[len(args) - 2], args[len(args) - 1]
    parts: list[torch.Tensor] = []
    reaches: list[Reach] = []
    for operand, axis in ((left, -1), (right, -2)):
        seen = known(operand) if isinstance(operand, torch.Tensor) else None
        if seen is None or seen.labels.ndim < 2:
            if seen is not None:
                reaches.append(None)
            continue
        reaches.append(mixed(seen.labels, seen.labels.ndim + axis, seen.reach))
        lost = axes_names(seen.labels, axis)
        parts.append(aligned(fixed(seen.labels, axis, *lost), out))
    if not parts:
        return Seen(guessed_shape(out), None)
    if len(parts) == 2:  # of two that see the picture each place of one meets all of the other
        return Seen(merged(parts, out), WHOLE)
    return Seen(merged(parts, out), reaches[0])


def einsum(args: tuple[Any, ...], known: Known, out: torch.Tensor) -> Seen | None:
    """A sum of products by its letters; None where they cannot be read."""
    if not args or not isinstance(args[0], str) or "." in args[0] or "->" not in args[0]:
        return None
    left, right = args[0].replace(" ", "").split("->")
    operands = args[1] if len(args) == 2 and isinstance(args[1], tuple | list) else args[1:]
    parts: list[torch.Tensor] = []
    reaches: list[Reach] = []
    for letters, operand in zip(left.split(","), operands, strict=False):
        seen = known(operand) if isinstance(operand, torch.Tensor) else None
        if seen is None:
            continue
        labels, reach = seen.labels, seen.reach
        for axis, letter in enumerate(letters):
            if letter not in right:
                reach = mixed(seen.labels, axis, reach)
                labels = fixed(labels, axis, *axes_names(labels, axis))
        order = [letters.index(letter) for letter in right if letter in letters]
        rest = [axis for axis in range(len(letters)) if axis not in order]
        labels = labels.permute(*order, *rest).flatten(len(order))
        labels = labels[..., 0] if rest else labels
        sizes = [out.shape[i] if letter in letters else 1 for i, letter in enumerate(right)]
        parts.append(labels.reshape(sizes))
        reaches.append(reach)
    if not parts:
        return None
    reach = reaches[0] if len(parts) == 1 else WHOLE
    return Seen(merged(parts, out), reach)


def slide(
    seen: Seen, out: torch.Tensor, options: dict[str, Any], enlarging: str | None = None
) -> Seen:
    """A convolution or pooling: units on axis 1, places behind it.

    Args:
        seen: what is known of its input.
        out: what it gave.
        options: of its window; {} where it slides by no fixed rule.
        enlarging: the mode of an interpolation; None for all others.
    """
    reach: Reach = WHOLE if seen.reach == WHOLE else None
    row, column = (None, None) if out.ndim != 4 else (2, 3)
    if out.ndim == 4 and seen.labels.ndim == 4:
        sides = [
            (int(a), int(b)) for a, b in zip(seen.labels.shape[2:], out.shape[2:], strict=True)
        ]
        if enlarging is not None:
            options = {}
        reach, (row, column) = slid(seen, options)
        if enlarging is not None:
            reach = enlarged(seen, sides, enlarging) if (row, column) == (2, 3) else None
        elif reach is None and out.shape[2:].numel() == 1 and not options:
            reach = WHOLE
    if out.ndim == 3:
        column = 2
    labels = make_labels(tuple(out.shape), unit=1 if out.ndim > 2 else None, row=row, column=column)
    kept = without(seen.labels, "unit", "row", "column")
    pictures = kept[(slice(None), *[n // 2 for n in kept.shape[1:]])]
    if len(pictures) == len(out):
        labels = labels + pictures.view(-1, *[1] * (out.ndim - 1))
    return Seen(labels, reach)


def reduced(seen: Seen, args: tuple[Any, ...], kwargs: dict[str, Any], out: torch.Tensor) -> Seen:
    """A mean, sum or largest value along some axes."""
    given = args[1:] if args else ()
    along = kwargs.get("dim", kwargs.get("axis"))
    if along is None and given:
        # `norm(p, dim)` and `vector_norm(x, ord, dim)` give the axes second.
        along = next((a for a in reversed(given) if isinstance(a, tuple | list)), None)
        if along is None:
            whole = [a for a in given if isinstance(a, int) and not isinstance(a, bool)]
            along = whole[-1] if whole else None
    n = seen.labels.ndim
    axes = range(n) if along is None else ([along] if isinstance(along, int) else list(along))
    labels, reach = seen.labels, seen.reach
    for axis in axes:
        reach = mixed(seen.labels, int(axis), reach)
        labels = fixed(labels, int(axis), *axes_names(labels, int(axis)))
    if labels.ndim != out.ndim:
        lost = {int(axis) % n for axis in axes}
        labels = labels[tuple(0 if i in lost else slice(None) for i in range(n))]
    if labels.shape != out.shape:
        return Seen(guessed_shape(out), None)
    return Seen(labels, reach)


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


def aligned(labels: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """Labels with as many axes as a result."""
    return (
        labels.view(*[1] * (out.ndim - labels.ndim), *labels.shape)
        if (labels.ndim < out.ndim and labels.is_contiguous())
        else labels.reshape(*[1] * (out.ndim - labels.ndim), *labels.shape)
    )


def merged(parts: list[torch.Tensor], out: torch.Tensor) -> torch.Tensor:
    """For each field the labels of the input in which it varies along the most axes."""
    if len(parts) == 1:
        return parts[0].expand(out.shape)
    if all(part is parts[0] for part in parts) and parts[0].shape == out.shape:
        return parts[0]
    total = torch.zeros([1] * out.ndim, dtype=torch.int64)
    for name in ("picture", "unit", "row", "column"):
        best = max(parts, key=lambda part: len(axes_of(part, name)))
        others = [other for other in ("picture", "unit", "row", "column") if other != name]
        total = total + without(best, *others)
    return total.expand(out.shape)


def guessed(out: torch.Tensor, value: torch.Tensor, first: Seen) -> torch.Tensor:
    """Labels by the number of axes, for an operation of which nothing is known."""
    labels = guessed_shape(out)
    kept = without(first.labels, "unit", "row", "column")
    if kept.ndim and out.ndim and len(kept) == len(out):
        pictures = kept[(slice(None), *[n // 2 for n in kept.shape[1:]])]
        labels = labels + pictures.view(-1, *[1] * (out.ndim - 1))
    return labels


def guessed_shape(out: torch.Tensor) -> torch.Tensor:
    """Units on axis 1 of maps, on the last of tokens and of single values."""
    n = out.ndim
    if n == 4:
        return make_labels(tuple(out.shape), unit=1, row=2, column=3)
    return make_labels(tuple(out.shape), unit=n - 1 if n > 1 else None)


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


def spills(module: nn.Module | None) -> bool:
    """Whether a convolution's padding brings in pixels from beyond its window."""
    if not isinstance(module, nn.modules.conv._ConvNd) or module.padding_mode == "zeros":
        return False
    if module.padding_mode == "circular" or isinstance(module.padding, str):
        return any(side > 1 for side in module.kernel_size)
    # Mirrored pixels lie within the window where it reaches as far inwards as outwards.
    return any(
        d * (k - 1) < 2 * p
        for k, p, d in zip(module.kernel_size, module.padding, module.dilation, strict=True)
    )


def interpolation_of(word: str, module: nn.Module | None, kwargs: dict[str, Any]) -> str | None:
    """The mode of an operation that changes the size of maps; None for all others."""
    if isinstance(module, nn.Upsample):
        return module.mode
    return kwargs.get("mode", "nearest") if word in ("interpolate", "upsample") else None
