"""Where a tensor came from, read from the history that torch keeps for gradients."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

# Torch's names for the same thing.
SAME = {"unsafe_view": "view", "reshape_alias": "view", "t": "transpose", "avg_pool2_d": "avg_pool"}


@dataclass(frozen=True)
class Found:
    """What lies between known values and a tensor.

    Args:
        sources: names of the known values that it was made from; none where the history was cut
            off (`detach`, `no_grad`).
        operations: from the sources on, such as ("mul", "add").
    """

    sources: tuple[str, ...]
    operations: tuple[str, ...]


def history_of(value: torch.Tensor, known: Mapping[Any, str]) -> Found | None:
    """Follow a tensor back to values that are known.

    Args:
        value: the tensor.
        known: names of values, by the step of the history that made each.

    Returns:
        What was found; None where it was made from weights alone.

    Example:
        >>> x = torch.ones(2, requires_grad=True).exp()
        >>> history_of(x * 2 + 1, {x.grad_fn: "x"})
        Found(sources=('x',), operations=('mul', 'add'))
    """
    if value.grad_fn is None:
        return None if value.requires_grad else Found((), ())
    order: list[Any] = []  # each step behind all that it reads
    seen: set[Any] = set()
    waiting: list[tuple[Any, bool]] = [(value.grad_fn, False)]
    while waiting:
        step, done = waiting.pop()
        if done:
            order.append(step)
        elif step not in seen:
            seen.add(step)
            waiting.append((step, True))
            if step not in known:
                reads = [read for read, _ in step.next_functions if read is not None]
                waiting += [(read, False) for read in reversed(reads)]
    reaching: set[Any] = set()
    sources: dict[str, None] = {}
    operations: list[str] = []
    for step in order:
        if step in known:
            sources[known[step]] = None
            reaching.add(step)
        elif any(read in reaching for read, _ in step.next_functions):
            reaching.add(step)
            operations.append(name_of(step))
    return Found(tuple(sources), tuple(operations)) if sources else None


def name_of(step: Any) -> str:
    """The plain name of a step: "add" of "AddBackward0"."""
    camel = re.sub(r"Backward\d*$", "", step.name().rpartition("::")[2])
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", camel).lower()
    return SAME.get(snake, snake)
