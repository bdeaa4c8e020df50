"""Gradients through a network that is not ours, where something on the way may stop them."""

from __future__ import annotations

import warnings

import torch

from layerscope.errors import NoGradientError, first_line


def gradient_of(
    value: torch.Tensor, source: torch.Tensor, *, layer: str, keep_graph: bool = False
) -> torch.Tensor:
    """The gradient of a number of a layer's with respect to what it was computed from.

    Args:
        value: a scalar.
        source: what is differentiated by.
        layer: its name, for the message.
        keep_graph: whether another gradient of the same pass is to follow.

    Raises:
        NoGradientError: it was computed without gradients somewhere on the way, or by an operation
            that has none.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> gradient_of((3 * x).sum(), x, layer="0")
        tensor([3., 3.])
    """
    found: torch.Tensor | None = None
    why = "numbers without gradients (no_grad, numpy, whole numbers) lie on the way"
    if value.requires_grad:
        try:
            with warnings.catch_warnings():
                # What torch only warns of: numbers would come back, and mean nothing.
                warnings.filterwarnings("error", message=".*autograd kernel was not registered")
                (found,) = torch.autograd.grad(
                    value, source, retain_graph=keep_graph, allow_unused=True
                )
        except (RuntimeError, UserWarning) as error:  # an operation without a derivative
            why = first_line(error).partition(": an autograd kernel")[0]
    if found is None:
        raise NoGradientError(f"no gradient leads from layer {layer!r} back to the picture: {why}")
    return found
