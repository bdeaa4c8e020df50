"""Read a network as layers: traced where torch.fx can, else recorded while it runs."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

from layerscope.errors import ModelError
from layerscope.graph.layer import Layer
from layerscope.graph.program import ALIKE_FRAC, Program, Walk
from layerscope.graph.state_guard import evaluating, same_numbers, unchanged
from layerscope.graph.tracing.recorded_program import read_recorded
from layerscope.graph.tracing.symbolic_trace import run_traced, trace_symbolically
from layerscope.graph.tracing.traced_program import TracedProgram, layers_of


def read_graph(model: nn.Module, images: torch.Tensor) -> tuple[Layer, ...]:
    """Read a network's layers in the order of its forward pass; see `read_program`.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
        >>> [layer.title for layer in read_graph(net, torch.zeros(1, 1, 8, 8))]
        ['Convolution 1', 'ReLU 1']
    """
    return read_program(model, images).layers


def walk(model: nn.Module, images: torch.Tensor) -> Walk:
    """Follow some images through a network and keep what every layer puts out.

    Args, Raises: those of `read_program`.
    """
    program = read_program(model, images)
    outputs: dict[str, torch.Tensor] = {}

    def keep(name: str, value: torch.Tensor) -> None:
        outputs[name] = value.clone()

    return Walk(program.layers, outputs, program.run(images, keep))


def read_program(model: nn.Module, images: torch.Tensor) -> Program:
    """Trace a network and find its layers.

    It is traced symbolically, so that operations which are no modules are found too, and run once
    on one image for the shapes. It is left as it was: mode, weights, running statistics.

    A network that cannot be traced, for its forward pass depends on the values of its input, is
    read by its modules instead; `escaped` says so, and what is seen less well then.

    Args:
        model: any network.
        images: float (B, C, H, W), B at least 1.

    Returns:
        A program with a `Layer` for each operation that computes something on the picture.

    Raises:
        ModelError: the forward pass cannot be traced and calls no modules, does not run on such
            images, or gives something other than one tensor.
    """
    values: dict[fx.Node, Any] = {}
    try:
        # Traced in evaluation mode too: `F.dropout(x, training=self.training)` reads it then.
        with unchanged(model), evaluating(model), same_numbers(images):
            traced = trace_symbolically(model)
            logits = run_traced(traced, images[:1], values.__setitem__)
        why = ""
        if isinstance(logits, torch.Tensor) and is_otherwise(model, images[:1], logits):
            why = f"{type(model).__name__} gives other logits than its traced operations do"
    except ModelError as error:
        traced, logits, why = None, None, str(error).partition("; its forward pass")[0]
    if traced is None or why:
        return read_recorded(model, images, why)
    if not isinstance(logits, torch.Tensor):
        raise ModelError(
            f"{type(model).__name__} gives a {type(logits).__name__}; a network must give one "
            "tensor of logits: wrap it in a module that returns that alone"
        )
    layers, names = layers_of(model, traced, values)
    return TracedProgram(model, layers, traced=traced, names=names)


def is_otherwise(model: nn.Module, images: torch.Tensor, logits: torch.Tensor) -> bool:
    """Whether a network itself does not give what its traced operations gave."""
    with unchanged(model), evaluating(model), same_numbers(images), torch.no_grad():
        try:
            own = model(images.clone())
        except Exception:  # whatever the network meets, it is no trace of it
            return True
    if not isinstance(own, torch.Tensor) or own.shape != logits.shape:
        return True
    own, logits = own.double().nan_to_num(), logits.double().nan_to_num()
    return bool((own - logits).abs().max() > ALIKE_FRAC * own.abs().max())
