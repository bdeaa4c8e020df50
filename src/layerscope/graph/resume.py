"""Run a network on from one layer's output, instead of from the pixels again."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import fx, nn
from torch.fx.node import map_aggregate

from layerscope.errors import ModelError, UnreachedError, check_known
from layerscope.graph.layout import Layout
from layerscope.graph.program import Program, as_logits, in_full, not_reached, told_of
from layerscope.graph.state_guard import lent
from layerscope.graph.tracing.operations import call_of
from layerscope.graph.tracing.recorded_program import RecordedProgram, cannot_replace
from layerscope.graph.tracing.run_nodes import run_nodes
from layerscope.graph.tracing.symbolic_trace import run_traced
from layerscope.graph.tracing.traced_program import TracedProgram

# What is asked of a tensor for its size alone: such values follow the batch that is resumed.
SIZE_METHODS = frozenset({"size", "dim", "numel", "ndimension", "stride", "is_contiguous"})
SIZE_ATTRIBUTES = frozenset({"shape", "ndim", "dtype", "device"})
IN_PLACE_OPERATORS = frozenset(
    {"iadd", "isub", "imul", "itruediv", "ifloordiv", "ipow", "imatmul", "imod", "setitem"}
)
# Whose output is never the memory of an input. All others may give a view, or the input itself.
FRESH_MODULES = (
    nn.Conv2d,
    nn.Linear,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.ReLU,
    nn.ReLU6,
    nn.GELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Tanh,
    nn.Hardswish,
)
FRESH_CALLS = frozenset({"add", "mul", "sub", "truediv", "matmul", "cat", "conv2d", "linear"})
FRESH_CALLS |= {"relu", "gelu", "sigmoid", "tanh", "silu", "max_pool2d", "avg_pool2d", "softmax"}


@dataclass(frozen=True)
class Cached:
    """What a batch gave up to a cut.

    Args:
        output: of the cut's layer, maps (B, C, H, W), tokens (B, T, U) or units (B, U).
        frontier: what else the operations behind the cut read, by the operation that made it.
        own_shape: of the output as the network holds it, for one picture; () where the whole
            network runs.
        own_type: in which the network holds it.
    """

    output: torch.Tensor
    frontier: dict[Any, Any] = field(repr=False)
    own_shape: tuple[int, ...] = ()
    own_type: torch.dtype = torch.float32

    def repeated(self, times: int) -> Cached:
        """The same batch several times over, batch behind batch: (times * B, …)."""
        if times == 1:
            return self

        def repeat(value: Any) -> Any:
            if not isinstance(value, torch.Tensor) or value.ndim == 0:
                return value
            return torch.cat([value] * times)  # keeps the layout in memory

        frontier = {node: map_aggregate(v, repeat) for node, v in self.frontier.items()}
        return replace(self, output=repeat(self.output), frontier=frontier)


@dataclass(frozen=True)
class Cut:
    """A network cut behind one layer: what must be kept there, and what runs on from it.

    Args:
        program: the network.
        layer: the layer's name.
        node: the operation that is the layer.
        rest: the operations that depend on it, in the order of the forward pass, with those that
            depend on no picture at all.
        frontier: the operations before or beside the layer that `rest` reads: skip connections.
        spoiled: those of them, and perhaps the layer, on whose output `rest` works in place.
        layout: which axes the layer's own output has.
    """

    program: TracedProgram
    layer: str
    node: fx.Node
    rest: tuple[fx.Node, ...] = field(repr=False)
    frontier: tuple[fx.Node, ...]
    spoiled: frozenset[fx.Node] = field(repr=False)
    layout: Layout

    def cache(self, images: torch.Tensor) -> Cached:
        """What the layer and the frontier give for a batch, in one forward pass up to there.

        Args:
            images: float (B, C, H, W).
        """
        live: dict[fx.Node, Any] = {}
        kept: dict[fx.Node, Any] = {}
        missing = {self.node, *self.frontier}

        def keep(node: fx.Node, value: Any) -> None:
            if node not in missing:
                return
            live[node] = value
            if self.node in live:
                # Copied no sooner than the layer is done, for that is where the run resumes, and
                # no later, for what follows may work in place.
                for made in list(live.keys() - kept.keys()):
                    kept[made] = copied(live[made])
                if len(kept) == len(missing):
                    raise AllKeptError

        try:
            with lent(self.program.model):
                run_traced(self.program.traced, self.program.taken(images), keep)
        except AllKeptError:
            pass
        own = kept[self.node]
        return Cached(
            in_full(self.layout.read(own, len(images))),
            {node: kept[node] for node in self.frontier},
            scaled(tuple(own.shape), self.layout.batch, 1 / len(images)),
            own.dtype,
        )

    def resume(self, cached: Cached, output: torch.Tensor, *, grad: bool = False) -> torch.Tensor:
        """The logits, had the layer put this out. Nothing that was cached changes.

        Args:
            cached: of the same pictures.
            output: float, of the shape of `cached.output`.
            grad: whether gradients can flow back to `output`.

        Returns:
            float (B, K).
        """
        own_shape = scaled(cached.own_shape, self.layout.batch, len(output))
        own = self.layout.write(output, own_shape, len(output)).to(cached.own_type)
        given = {**cached.frontier, self.node: own}
        for node in self.spoiled:
            given[node] = copied(given[node])
        with lent(self.program.model), torch.set_grad_enabled(grad), told_of(output):
            return as_logits(
                run_nodes(self.program.traced, self.rest, lambda *_: None, given=given)
            )


@dataclass(frozen=True)
class WholeCut:
    """The same for a network that can only be run from the pixels: all of it runs each time.

    Such is one that cannot be traced, and one that works in place on what others read under another
    name too: there is no saying from its graph alone what depends on the layer.

    Args:
        program: the network.
        layer: the layer's name.
        in_place: whether the layer overwrites its input, which others may read.
    """

    program: Program
    layer: str
    in_place: bool

    def cache(self, images: torch.Tensor) -> Cached:
        """The layer's output, and the pictures themselves."""
        kept: list[torch.Tensor] = []

        def keep(name: str, value: torch.Tensor) -> None:
            if name == self.layer:
                kept.append(value.clone())

        self.program.run(images, keep)
        if not kept:
            raise UnreachedError(not_reached(self.layer))
        return Cached(kept[0], {"images": images})

    def resume(self, cached: Cached, output: torch.Tensor, *, grad: bool = False) -> torch.Tensor:
        """The logits, had the layer put this out; see `Cut.resume`."""

        reached: list[str] = []

        def put(name: str, value: torch.Tensor) -> torch.Tensor | None:
            if name != self.layer:
                return None
            reached.append(name)
            return value.copy_(output) if self.in_place else output.clone()

        logits = self.program.run(cached.frontier["images"], put, grad=grad)
        if not reached:
            raise UnreachedError(not_reached(self.layer))
        return logits

    @property
    def alone(self) -> bool:
        """Whether a batch must not be run beside others: what one holds may decide for all."""
        return isinstance(self.program, RecordedProgram) and self.program.decides


class AllKeptError(BaseException):
    """All that a cut needs is there. Never leaves `Cut.cache`."""


def cut(program: Program, layer: str) -> Cut | WholeCut:
    """Cut a network behind one layer.

    Args:
        program: what `read_program` gave.
        layer: the name of one of its layers.

    Raises:
        LayerNotFoundError: there is no such layer.
        ModelError: it was made by nothing that torch tells of.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
        >>> images = torch.zeros(1, 1, 8, 8)
        >>> from layerscope.graph.read import read_program
        >>> behind = cut(read_program(net, images), "1")
        >>> cached = behind.cache(images)
        >>> bool((behind.resume(cached, cached.output) == net(images)).all())
        True
    """
    check_known(layer, (found.name for found in program.layers))
    if not isinstance(program, TracedProgram):
        if isinstance(program, RecordedProgram) and layer in program.unseen:
            raise ModelError(cannot_replace(layer))
        return WholeCut(program, layer, False)  # what is in place is seen while it runs
    node = next(node for node, name in program.names.items() if name == layer)
    traced = program.traced
    writers = [node for node in traced.graph.nodes if works_in_place(traced, node)]
    if not all(is_unseen(traced, writer) for writer in writers):
        return WholeCut(program, layer, node in writers)
    depending = {node}
    fixed: set[fx.Node] = set()
    for other in traced.graph.nodes:  # in the order of the forward pass
        if any(read in depending for read in other.all_input_nodes):
            depending.add(other)
        if is_fixed(other, fixed):
            fixed.add(other)
    behind = (depending - {node}) | {ending_of(traced)}
    frontier: set[fx.Node] = set()
    for other in reversed(traced.graph.nodes):
        if other not in behind:
            continue
        for read in other.all_input_nodes:
            if read in fixed:
                behind.add(read)  # lies before `other`, so that the loop still comes to it
            elif read not in depending:
                frontier.add(read)
    rest = tuple(other for other in traced.graph.nodes if other in behind)
    written = {w.args[0] for w in writers if w in behind and isinstance(w.args[0], fx.Node)}
    spoiled = {root for start in written for root in memory_of(traced, start)}
    return Cut(
        program,
        layer,
        node,
        rest,
        tuple(other for other in traced.graph.nodes if other in frontier),
        frozenset(spoiled & (frontier | {node})),
        program.layouts[layer],
    )


def scaled(own_shape: tuple[int, ...], batch: int, times: float) -> tuple[int, ...]:
    """The shape of a layer's own output for as many times the pictures."""
    return (*own_shape[:batch], round(own_shape[batch] * times), *own_shape[batch + 1 :])


def ending_of(traced: fx.GraphModule) -> fx.Node:
    """The operation that puts out what the network gives."""
    return next(node for node in traced.graph.nodes if node.op == "output")


def copied(value: Any) -> Any:
    """A copy of a tensor, or of all tensors in a tuple, list or dict."""
    return map_aggregate(
        value, lambda part: part.clone() if isinstance(part, torch.Tensor) else part
    )


def is_fixed(node: fx.Node, fixed: set[fx.Node]) -> bool:
    """Whether a value follows from the network and the size of the batch alone."""
    if node.op in ("placeholder", "output"):
        return False
    if node.op == "call_method" and node.target in SIZE_METHODS:
        return True
    if node.target is getattr and node.args[1] in SIZE_ATTRIBUTES:
        return True
    return all(read in fixed for read in node.all_input_nodes)


def works_in_place(traced: fx.GraphModule, node: fx.Node) -> bool:
    """Whether an operation writes into the memory of what it reads."""
    if node.op == "call_module":
        return bool(getattr(traced.get_submodule(str(node.target)), "inplace", False))
    if node.op == "call_method":
        return str(node.target).endswith("_") and not str(node.target).endswith("__")
    if node.op != "call_function":
        return False
    name = getattr(node.target, "__name__", "")
    if getattr(operator, name, None) is node.target:
        return name in IN_PLACE_OPERATORS
    inplace = bool(node.kwargs.get("inplace", False)) or node.kwargs.get("out") is not None
    # `F.relu(x, True)` gives it by place.
    by_place = name in ("relu", "relu6") and len(node.args) > 1 and bool(node.args[1])
    return inplace or by_place or (name.endswith("_") and not name.endswith("__"))


def is_unseen(traced: fx.GraphModule, writer: fx.Node) -> bool:
    """Whether nobody but its own readers notices what an operation writes in place.

    So it is where what it overwrites, and whatever may share its memory, has no other reader.
    """
    if writer.kwargs.get("out") is not None or not writer.args or not writer.users:
        return False
    start = writer.args[0]
    if not isinstance(start, fx.Node):
        return False
    return all(len(root.users) == 1 and root.op != "get_attr" for root in memory_of(traced, start))


def memory_of(traced: fx.GraphModule, node: fx.Node) -> set[fx.Node]:
    """An operation, and those before it whose memory its output may lie in."""
    found: set[fx.Node] = set()
    waiting = [node]
    while waiting:
        other = waiting.pop()
        found.add(other)
        if other.op not in ("placeholder", "get_attr") and not is_fresh(traced, other):
            waiting += [read for read in other.all_input_nodes if read not in found]
    return found


def is_fresh(traced: fx.GraphModule, node: fx.Node) -> bool:
    """Whether an operation's output surely lies in memory of its own."""
    if works_in_place(traced, node):
        return False
    if node.op == "call_module":
        return isinstance(traced.get_submodule(str(node.target)), FRESH_MODULES)
    return call_of(node) in FRESH_CALLS
