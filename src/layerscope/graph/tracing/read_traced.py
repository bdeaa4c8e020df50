"""Make layers of a traced network's operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.fx.node import map_arg

from layerscope.graph.layer import INPUT, Layer
from layerscope.graph.tracing.operations import call_of, operation_of
from layerscope.graph.tracing.places.follow_places import follow, seen_of_images
from layerscope.graph.tracing.places.place_labels import layout_of
from layerscope.graph.tracing.places.reach import Seen, reach_of
from layerscope.graph.tracing.torch_calls import PASSING, SPLITS, tensors_in


@dataclass(frozen=True)
class Call:
    """One operation with the values that it was given.

    Args:
        node: the operation.
        module: the module that it calls, None for an operation that is no module.
        args, kwargs: what it was given.
        value: what it gave.
    """

    node: fx.Node
    module: nn.Module | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    value: Any

    @property
    def word(self) -> str:
        """What it calls, "" for a module."""
        return call_of(self.node) if self.module is None else ""

    @property
    def picks(self) -> bool:
        """Whether it picks one of several values that another operation gave."""
        return self.word == "getitem" and not isinstance(self.args[0], torch.Tensor)

    @property
    def passes(self) -> bool:
        """Whether it only hands on what it was given."""
        if self.module is not None:
            return isinstance(self.module, nn.Identity)
        return self.word in PASSING

    def again(self, *args: Any, **kwargs: Any) -> Any:
        """Do the same with other arguments."""
        if self.module is not None:
            return self.module(*args, **kwargs)
        if self.node.op == "call_method":
            return getattr(args[0], str(self.node.target))(*args[1:], **kwargs)
        assert callable(self.node.target)
        return self.node.target(*args, **kwargs)


class TracedReader:
    """The layers that are found in a traced network, operation by operation.

    Args:
        model: the network.
        traced: its operations.
        values: what each gave for some pictures.
        rows: how many pictures, at least two.

    Attributes:
        layers: in the order of the forward pass.
        names: each one's name, by its node.
        apart: names of the operations on the way to the logits that do not keep pictures apart, and
            are no layers.
    """

    def __init__(
        self, model: nn.Module, traced: fx.GraphModule, values: dict[fx.Node, Any], rows: int
    ) -> None:
        self.traced, self.values, self.rows = traced, values, rows
        self.paths = {module: path for path, module in model.named_modules()}
        self.known: dict[fx.Node, tuple[str, ...]] = {}  # the layers that a value is made of
        self.wholes: dict[fx.Node, Call] = {}  # what gave several values at once, by its parts
        self.seen: dict[int, Seen] = {}
        self.uses: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.layers: list[Layer] = []
        self.names: dict[fx.Node, str] = {}
        self.apart: list[str] = []
        self.leading = leading_to_output(traced)
        for node in traced.graph.nodes:
            self.add(node)

    def add(self, node: fx.Node) -> None:
        """Follow one operation, and make a layer of it where it computes something."""
        value = self.values[node]
        if node.op == "placeholder" and isinstance(value, torch.Tensor):
            self.known[node] = (INPUT,)
            self.seen[id(value)] = seen_of_images(value)
        sources = [source for source in node.all_input_nodes if source in self.known]
        if node.op == "output" or not sources or not tensors_in(value):
            return
        inputs = tuple(dict.fromkeys(name for source in sources for name in self.known[source]))
        self.known[node] = inputs
        call = self.call(node)
        whole = self.wholes.get(sources[0]) if call.picks else None
        self.follow(call)
        if not isinstance(value, torch.Tensor):
            if whole is not None:
                self.wholes[node] = whole
            elif not call.picks and call.word not in SPLITS:
                self.wholes[node] = call
        elif not call.passes and value.is_floating_point():
            self.make_layer(call, whole or call, inputs)

    def call(self, node: fx.Node) -> Call:
        """An operation with its values."""
        module = self.traced.get_submodule(str(node.target)) if node.op == "call_module" else None
        args = map_arg(node.args, self.values.__getitem__)
        kwargs = map_arg(node.kwargs, self.values.__getitem__)
        return Call(node, module, args, kwargs, self.values[node])

    def follow(self, call: Call) -> None:
        """Follow what an operation does to the axes of what it was given."""
        given = tensors_in((call.args, call.kwargs))
        first = next((tensor for tensor in given if id(tensor) in self.seen), None)
        if call.picks or first is None:
            return
        made = tensors_in(call.value)
        found = operation_of(
            call.word, call.module, call.args, call.kwargs,
            self.shape_of(first), tuple(made[0].shape[1:]),
        )  # fmt: skip
        known = follow(
            call.again, call.word, call.module, call.args, call.kwargs, made,
            lambda tensor: self.seen.get(id(tensor)), found.window,
        )  # fmt: skip
        self.seen.update({id(tensor): one for tensor, one in zip(made, known, strict=True)})

    def make_layer(self, call: Call, whole: Call, inputs: tuple[str, ...]) -> None:
        """Make a layer of an operation's value.

        Args:
            call: the operation.
            whole: what computed the value, where the operation only picks it.
            inputs: names of the layers it reads.
        """
        value, one = call.value, self.seen.get(id(call.value))
        path = self.paths[whole.module] if whole.module is not None else None
        name = self.counted(path if path is not None else self.name_of_call(whole.node))
        layout = layout_of(one.labels, self.rows) if one is not None else None
        if one is None or layout is None:
            self.apart += [name] if call.node in self.leading else []
            return
        shape = tuple(layout.read(value, self.rows).shape[1:])
        given = tensors_in((whole.args, whole.kwargs))
        before = next((self.shape_of(t) for t in given if id(t) in self.seen), ())
        found = operation_of(whole.word, whole.module, whole.args, whole.kwargs, before, shape)
        self.counts[found.word] = self.counts.get(found.word, 0) + 1
        self.layers.append(
            Layer(
                name=name,
                kind=found.kind,
                title=f"{found.word} {self.counts[found.word]}",
                function=found.function,
                inputs=inputs,
                shape=shape,
                window=found.window,
                module=path,
                layout=layout,
                reach=reach_of(one, layout, found.kind, inputs, self.layers),
            )
        )
        self.names[call.node], self.known[call.node] = name, (name,)

    def shape_of(self, value: torch.Tensor) -> tuple[int, ...]:
        """The shape of a value for one picture, in the order in which all layers are read."""
        seen = self.seen.get(id(value))
        layout = layout_of(seen.labels, self.rows) if seen is not None else None
        return tuple((layout.read(value, self.rows) if layout else value).shape[1:])

    def counted(self, base: str) -> str:
        """The name of the next use of something: "relu", then "relu#2"."""
        self.uses[base] = self.uses.get(base, 0) + 1
        return base if self.uses[base] == 1 else f"{base}#{self.uses[base]}"

    def name_of_call(self, node: fx.Node) -> str:
        """Name an operation that is no module: where it stands, then what it calls."""
        stack = node.meta.get("nn_module_stack") or {}
        paths = [entry[0] for entry in stack.values() if entry[0]]
        name = f"{paths[-1]}/{call_of(node)}" if paths else call_of(node)
        return f"/{name}" if name in self.paths.values() else name


def leading_to_output(traced: fx.GraphModule) -> set[fx.Node]:
    """The operations whose values reach what the network puts out."""
    found: set[fx.Node] = set()
    for node in reversed(traced.graph.nodes):
        if node.op == "output" or node in found:
            found.update((node, *node.all_input_nodes))
    return found
