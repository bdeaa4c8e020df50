"""Operations that put values elsewhere and change none: the labels take the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map

from layerscope.graph.receptive_field import ReceptiveField
from layerscope.graph.tracing.places.joined_labels import guessed
from layerscope.graph.tracing.places.place_labels import axes_of, filled
from layerscope.graph.tracing.places.reach import Reach, Seen, rebased, together
from layerscope.graph.tracing.torch_calls import tensors_in

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


def moved(
    run: Callable[..., Any],
    word: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    made: list[torch.Tensor],
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
