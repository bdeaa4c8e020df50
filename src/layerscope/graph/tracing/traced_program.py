"""A network of which every operation is known, as torch.fx traced it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn

from layerscope.errors import LayerNotFoundError, nearest
from layerscope.graph.layer import INPUT, Layer
from layerscope.graph.program import Program
from layerscope.graph.state_guard import evaluating
from layerscope.graph.tracing.operations import call_of, is_passing, operation_of
from layerscope.graph.tracing.symbolic_trace import run_traced


@dataclass(frozen=True)
class TracedProgram(Program):
    """A network of which every operation is known.

    Args:
        traced: the operations as a list, over the network's own modules.
        names: which of those operations are layers.
    """

    traced: fx.GraphModule = field(repr=False, kw_only=True)
    names: dict[fx.Node, str] = field(repr=False, kw_only=True)

    def run(
        self,
        images: torch.Tensor,
        visit: Callable[[str, torch.Tensor], torch.Tensor | None],
        *,
        grad: bool = False,
    ) -> torch.Tensor:
        """Run the network in evaluation mode; see `Program.run`."""

        def show(node: fx.Node, value: Any) -> torch.Tensor | None:
            return visit(self.names[node], value) if node in self.names else None

        with evaluating(self.model):
            return run_traced(self.traced, images, show, grad=grad)

    def output_of(self, name: str, images: torch.Tensor, *, grad: bool = False) -> torch.Tensor:
        """What one layer puts out; nothing behind it is run. See `Program.output_of`."""
        nodes = {found: node for node, found in self.names.items()}
        if name not in nodes:
            raise LayerNotFoundError(f"there is no layer {name!r}{nearest(name, nodes)}")
        with evaluating(self.model):
            return run_traced(self.traced, images, lambda *_: None, grad=grad, until=nodes[name])


def layers_of(
    model: nn.Module, traced: fx.GraphModule, values: dict[fx.Node, Any]
) -> tuple[tuple[Layer, ...], dict[fx.Node, str]]:
    """Make layers of the operations that compute something on the picture.

    Returns:
        The layers, and each one's name by its node.
    """
    paths = {module: path for path, module in model.named_modules()}
    taken = set(paths.values())
    known: dict[fx.Node, str] = {}  # the layer whose output a node's value is, or is a part of
    names: dict[fx.Node, str] = {}
    uses: dict[str, int] = {}
    counts: dict[str, int] = {}
    layers: list[Layer] = []
    for node in traced.graph.nodes:
        sources = [source for source in node.all_input_nodes if source in known]
        value = values[node]
        if node.op == "placeholder" and isinstance(value, torch.Tensor):
            known[node] = INPUT
        if node.op == "output" or not sources:
            continue
        module = traced.get_submodule(str(node.target)) if node.op == "call_module" else None
        if is_passing(node, module, value):
            known[node] = known[sources[0]]
        if node in known or not isinstance(value, torch.Tensor):
            continue
        path = paths[module] if module is not None else None
        base = path if path is not None else name_of_call(node, taken)
        uses[base] = uses.get(base, 0) + 1
        name = base if uses[base] == 1 else f"{base}#{uses[base]}"
        before = values[sources[0]]
        before = before if isinstance(before, torch.Tensor) else before[0]
        after = tuple(value.shape[1:])
        found = operation_of(node, module, tuple(before.shape[1:]), after)
        counts[found.word] = counts.get(found.word, 0) + 1
        layers.append(
            Layer(
                name=name,
                kind=found.kind,
                title=f"{found.word} {counts[found.word]}",
                function=found.function,
                inputs=tuple(dict.fromkeys(known[source] for source in sources)),
                shape=after,
                options=found.options,
                module=path,
                keeps_place=found.keeps_place,
            )
        )
        names[node] = known[node] = name
    return tuple(layers), names


def name_of_call(node: fx.Node, taken: set[str]) -> str:
    """Name an operation that is no module: where it stands, then what it calls."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [entry[0] for entry in stack.values() if entry[0]]
    name = f"{paths[-1]}/{call_of(node)}" if paths else call_of(node)
    return f"/{name}" if name in taken else name
