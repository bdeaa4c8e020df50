"""A network's forward pass as a list of operations, by torch.fx, and how that list is run."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from layerscope.errors import ModelError, first_line
from layerscope.graph.program import told_of
from layerscope.graph.tracing.run_nodes import run_nodes


def trace_symbolically(model: nn.Module) -> fx.GraphModule:
    """Write down what a network does, without running it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fx.symbolic_trace(model)
    except Exception as error:  # whatever tracing meets is one thing to the caller
        raise ModelError(
            f"{type(model).__name__} cannot be traced ({first_line(error)}); its forward pass "
            "must not depend on the values of its input"
        ) from error


def run_traced(
    traced: fx.GraphModule,
    images: torch.Tensor,
    show: Callable[[fx.Node, Any], torch.Tensor | None],
    *,
    grad: bool = False,
    until: fx.Node | None = None,
) -> Any:
    """Run a traced network, telling every node's value, which `show` may replace, at once.

    A network may begin with an operation in place: the images may be overwritten.
    `until` is the node whose value is given back, with nothing run behind it; None runs it all.
    """
    nodes = list(traced.graph.nodes)
    if until is not None:
        nodes = nodes[: nodes.index(until) + 1]
    with torch.set_grad_enabled(grad), told_of(images):
        return run_nodes(traced, nodes, show, images=images)
