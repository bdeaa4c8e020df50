"""What each operation does to the axes of its input, and to what its values see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from layerscope.graph.receptive_field import WHOLE
from layerscope.graph.tracing.places.joined_labels import guessed
from layerscope.graph.tracing.places.mixed_axes import (
    PRODUCTS,
    REDUCING,
    Known,
    dense,
    einsum,
    last_axis,
    product,
    recurrent,
    reduced,
)
from layerscope.graph.tracing.places.moved_values import MOVING, MOVING_MODULES, moved, moves_only
from layerscope.graph.tracing.places.place_by_place import (
    PLACEWISE,
    PLACEWISE_MODULES,
    combined,
    fixed_norm,
    is_broadcast,
    tried,
)
from layerscope.graph.tracing.places.place_labels import filled, make_labels
from layerscope.graph.tracing.places.reach import Seen, one_pixel
from layerscope.graph.tracing.places.slid_windows import (
    SLIDING,
    SLIDING_MODULES,
    interpolation_of,
    slide,
    spills,
)
from layerscope.graph.tracing.torch_calls import tensors_in
from layerscope.graph.window import Window


def seen_of_images(images: torch.Tensor) -> Seen:
    """The pictures themselves: float (B, C, H, W)."""
    labels = make_labels(tuple(images.shape), picture=0, unit=1, row=2, column=3)
    return Seen(labels, one_pixel(*images.shape[2:4]))


def follow(
    run: Callable[..., Any],
    word: str,
    module: nn.Module | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    made: list[torch.Tensor],
    known: Known,
    window: Window | None,
) -> list[Seen]:
    """What is known of an operation's results.

    Args:
        run: calls it again, with other arguments.
        word: what it calls; "" for a module.
        module: the module that it calls, None for an operation that is no module.
        args, kwargs: what it was given.
        made: the tensors that it gave.
        known: what is known of a tensor; None for one that no picture goes into.
        window: of a convolution or pooling; None where it slides by no fixed rule.

    Returns:
        One for each of `made`.
    """
    given = [(t, seen) for t in tensors_in((args, kwargs)) if (seen := known(t)) is not None]
    value, first = given[0]
    if word in MOVING or isinstance(module, MOVING_MODULES):
        return moved(run, word, args, kwargs, made, given)
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
        if spills(module) or len(given) > 1:  # kernels, or where to look, made from the picture
            first = Seen(first.labels, None if first.reach is None else WHOLE)
        enlarging = interpolation_of(word, module, kwargs)
        return [slide(first, out, window, enlarging) for out in made]
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
        return moved(run, word, args, kwargs, made, given)
    return [Seen(guessed(out, value, first), None) for out in made]
