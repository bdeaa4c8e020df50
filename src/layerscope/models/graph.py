"""A network read as layers: what each one is, what it reads, what it puts out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn

from layerscope.errors import LayerNotFoundError, ModelError, UnreachedError, nearest
from layerscope.models.kinds import call_of, is_passing, operation_of
from layerscope.models.symbolic import run_shown, trace_symbolically
from layerscope.models.unchanged import unchanged

INPUT = "input"
# Of the largest logit: computing in another order moves a float32 by less.
ALIKE_FRAC = 1e-3


@dataclass(frozen=True)
class Layer:
    """One layer of a network, as docs/atlas.md describes it.

    Args:
        name: the exact dotted module path; a module called again is "path#2"; an operation that is
            no module ("+", `F.relu`) is named after where it stands, "stages.0/add", and at the
            top "add", or "/add" where a module has that name.
        kind: "conv", "dense", "activation", …
        title: for a person, counted: "Convolution 1".
        function: of an activation, such as "relu".
        inputs: names of the layers it reads; "input" is the picture.
        shape: of its output for one picture: (C, H, W), (T, U) for tokens, or (U,).
        options: of a convolution or pooling: kernel_size, stride, padding, dilation, groups.
        module: the module's path, None for an operation that is no module.
        keeps_place: whether a unit at (y, x) reads its inputs at (y, x) alone.
    """

    name: str
    kind: str
    title: str
    function: str | None
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)
    module: str | None = None
    keeps_place: bool = False

    @property
    def n_units(self) -> int:
        """Channels of maps (C, H, W), features of tokens (T, U), outputs of a dense layer (U,)."""
        return self.shape[0] if len(self.shape) == 3 else self.shape[-1]


@dataclass(frozen=True)
class Program:
    """A network read once: its layers, and a way to run it that shows what each one puts out.

    Args:
        model: the network itself.
        layers: in the order of the forward pass.
        escaped: what the layers do not show, one sentence each; empty for a traced network.
    """

    model: nn.Module
    layers: tuple[Layer, ...]
    escaped: tuple[str, ...] = ()

    def run(
        self,
        images: torch.Tensor,
        visit: Callable[[str, torch.Tensor], torch.Tensor | None],
        *,
        grad: bool = False,
    ) -> torch.Tensor:
        """Run the network in evaluation mode.

        Args:
            images: float (B, C, H, W).
            visit: told (layer name, output) as soon as a layer is done. A later operation may work
                in place on that very tensor: what is to be kept must be cloned. A tensor that it
                returns is put in place of the output.
            grad: whether gradients can flow back to the images.

        Returns:
            The network's own output, float (B, K).
        """
        raise NotImplementedError

    def output_of(self, name: str, images: torch.Tensor, *, grad: bool = False) -> torch.Tensor:
        """What one layer puts out; nothing behind it is run.

        Args:
            name: of one of `layers`.
            images: float (B, C, H, W).
            grad: whether gradients can flow back to the images.

        Raises:
            LayerNotFoundError: there is no such layer.
            UnreachedError: these pictures take a way on which it does not lie.
        """
        known = [layer.name for layer in self.layers]
        if name not in known:
            raise LayerNotFoundError(f"there is no layer {name!r}{nearest(name, known)}")

        def stop(found: str, value: torch.Tensor) -> None:
            if found == name:
                raise ReachedError(value)

        try:
            self.run(images, stop, grad=grad)
        except ReachedError as reached:
            return reached.value
        raise UnreachedError(not_reached(name))


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
            return run_shown(self.traced, images, show, grad=grad)

    def output_of(self, name: str, images: torch.Tensor, *, grad: bool = False) -> torch.Tensor:
        """What one layer puts out; nothing behind it is run. See `Program.output_of`."""
        nodes = {found: node for node, found in self.names.items()}
        if name not in nodes:
            raise LayerNotFoundError(f"there is no layer {name!r}{nearest(name, nodes)}")
        with evaluating(self.model):
            return run_shown(self.traced, images, lambda *_: None, grad=grad, until=nodes[name])


def not_reached(name: str) -> str:
    """What is said of a layer on which the way of some pictures does not lie."""
    return (
        f"layer {name!r} was not reached on these pictures: the forward pass takes another way "
        "than on the picture it was read with; choose another layer"
    )


class ReachedError(Exception):
    """The wanted layer is done. Never leaves `Program.output_of`."""

    def __init__(self, value: torch.Tensor) -> None:
        self.value = value


@dataclass(frozen=True)
class Walk:
    """A network's layers, and what each put out for some images.

    Args:
        layers: in the order of the forward pass.
        outputs: layer name -> float (B, C, H, W) or (B, U).
        logits: the network's own output, float (B, K).
    """

    layers: tuple[Layer, ...]
    outputs: dict[str, torch.Tensor] = field(repr=False)
    logits: torch.Tensor = field(repr=False)


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
            logits = run_shown(traced, images[:1], values.__setitem__)
        why = ""
        if isinstance(logits, torch.Tensor) and is_otherwise(model, images[:1], logits):
            why = f"{type(model).__name__} gives other logits than its traced operations do"
    except ModelError as error:
        traced, logits, why = None, None, str(error).partition("; its forward pass")[0]
    if traced is None or why:
        from layerscope.models.hooked import read_hooked  # built on this module

        return read_hooked(model, images, why)
    if not isinstance(logits, torch.Tensor):
        raise ModelError(
            f"{type(model).__name__} gives a {type(logits).__name__}; a network must give one "
            "tensor of logits: wrap it in a module that returns that alone"
        )
    layers, names = layers_of(model, traced, values)
    return TracedProgram(model, layers, traced=traced, names=names)


@contextmanager
def same_numbers(images: torch.Tensor) -> Iterator[None]:
    """Leave torch's random numbers as they are: the next block draws the same ones."""
    with torch.random.fork_rng(devices=[images.device] if images.is_cuda else []):
        yield


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


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every module into evaluation mode for a while, then each back into its own."""
    modes = [(module, module.training) for module in model.modules()]
    if any(training for _, training in modes):
        model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


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
