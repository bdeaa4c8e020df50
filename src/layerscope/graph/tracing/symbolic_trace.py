"""A network's forward pass as a list of operations, by torch.fx, and how that list is run."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from layerscope.errors import ModelError
from layerscope.graph.tracing.run_nodes import run_nodes


def trace_symbolically(model: nn.Module) -> fx.GraphModule:
    """Write down what a network does, without running it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fx.symbolic_trace(model)
    except Exception as error:  # whatever tracing meets is one thing to the caller
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{type(model).__name__} cannot be traced ({first_line}); its forward pass must not "
            "depend on the values of its input"
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

    `until` is the node whose value is given back, with nothing run behind it; None runs it all.
    """
    graph = traced.graph if until is None else graph_until(traced.graph, until)
    try:
        with torch.set_grad_enabled(grad):
            # Cloned, for a network may begin with an operation in place.
            return run_nodes(traced, graph, images.clone(), show)
    except (RuntimeError, ValueError, AssertionError) as error:
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"the network does not run on pictures of {tuple(images.shape[1:])} "
            f"(channels, height, width): {first_line}; give it the size it was made for"
        ) from error


def graph_until(graph: fx.Graph, last: fx.Node) -> fx.Graph:
    """The operations up to one, whose value is put out."""
    shorter = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        copies[node] = shorter.node_copy(node, copies.__getitem__)
        if node is last:
            break
    shorter.output(copies[last])
    return shorter
