"""A network of which every operation is known, as torch.fx traced it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import fx, nn

from layerscope.device import as_taken, rounded_products
from layerscope.errors import check_known
from layerscope.graph.program import Program, as_logits, in_full, shown
from layerscope.graph.state_guard import lent
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

        layouts = self.layouts

        def show(node: fx.Node, value: Any) -> torch.Tensor | None:
            if node not in self.names:
                return None
            name = self.names[node]
            return shown(layouts[name], name, value, len(images), visit)

        with self.computing():
            return as_logits(run_traced(self.traced, self.taken(images), show, grad=grad))

    def show(
        self,
        images: torch.Tensor,
        names: Collection[str],
        visit: Callable[[str, torch.Tensor], None],
    ) -> None:
        """Show what some layers put out, and run nothing behind the last; see `Program.show`."""
        wanted = {node: name for node, name in self.names.items() if name in names}
        layouts = self.layouts
        last = next((node for node in reversed(self.traced.graph.nodes) if node in wanted), None)
        if last is None:
            return

        def tell(node: fx.Node, value: Any) -> None:
            if node in wanted:
                name = wanted[node]
                shown(layouts[name], name, value, len(images), visit)

        with self.computing():
            run_traced(self.traced, self.taken(images), tell, until=last)

    def with_model(self, model: nn.Module) -> TracedProgram:
        """The same operations on the modules and weights of another network of the same make."""
        nodes: dict[fx.Node, fx.Node] = {}
        graph = fx.Graph()
        graph.output(graph.graph_copy(self.traced.graph, nodes))
        names = {nodes[node]: name for node, name in self.names.items()}
        return replace(self, model=model, traced=fx.GraphModule(model, graph), names=names)

    @contextmanager
    def computing(self) -> Generator[None, None, None]:
        """The network lent, and torch computing as precisely as asked."""
        with lent(self.model), rounded_products() if self.rounded else nullcontext():
            yield

    def taken(self, images: torch.Tensor) -> torch.Tensor:
        """A copy of some images, which the network may overwrite, in the type of its weights."""
        return as_taken(self.model, images)

    def output_of(self, name: str, images: torch.Tensor, *, grad: bool = False) -> torch.Tensor:
        """What one layer puts out; nothing behind it is run. See `Program.output_of`."""
        nodes = {found: node for node, found in self.names.items()}
        check_known(name, nodes)
        with self.computing():
            value = run_traced(
                self.traced, self.taken(images), lambda *_: None, grad=grad, until=nodes[name]
            )
        return in_full(self.layouts[name].read(value, len(images)))
