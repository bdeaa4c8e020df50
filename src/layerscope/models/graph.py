"""A network read as layers: what each one is, what it reads, what it puts out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from layerscope.errors import ModelError

INPUT = "input"

# What a kind is called for a person; each title is counted ("Convolution 2").
TITLES = {
    "conv": "Convolution",
    "dense": "Dense",
    "max_pool": "Max pooling",
    "avg_pool": "Average pooling",
    "global_pool": "Mean over space",
    "batch_norm": "Batch norm",
    "dropout": "Dropout",
    "flatten": "Flatten",
    "add": "Add",
}
FUNCTIONS = {
    "relu": "ReLU",
    "gelu": "GELU",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "elu": "ELU",
    "leaky_relu": "Leaky ReLU",
    "hardswish": "Hardswish",
    "softmax": "Softmax",
}


@dataclass(frozen=True)
class Layer:
    """One layer of a network, as docs/atlas.md describes it.

    Args:
        name: the exact dotted module path; a module called again is "path#2"; an operation that is
            no module ("+", `F.relu`) is named after where it stands, "stages.0/add".
        kind: "conv", "dense", "activation", …
        title: for a person, counted: "Convolution 1".
        function: of an activation, such as "relu".
        inputs: names of the layers it reads; "input" is the picture.
        shape: of its output for one picture: (C, H, W) or (U,).
        options: of a convolution or pooling: kernel_size, stride, padding, dilation, groups.
        module: the module's path, None for an operation that is no module.
    """

    name: str
    kind: str
    title: str
    function: str | None
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)
    module: str | None = None


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
    """Read a network's layers in the order of its forward pass; see `walk`.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
        >>> [layer.title for layer in read_graph(net, torch.zeros(1, 1, 8, 8))]
        ['Convolution 1', 'ReLU 1']
    """
    return walk(model, images).layers


def walk(model: nn.Module, images: torch.Tensor) -> Walk:
    """Follow some images through a network, layer by layer.

    The network is traced symbolically, so that operations which are no modules are found too, and
    run once on `images`. It is left as it was: mode, weights, running statistics.

    Args:
        model: any network whose forward pass does not depend on the values of its input.
        images: float (B, C, H, W), B at least 1.

    Returns:
        One `Layer` for each operation that computes something on the picture, with its output.

    Raises:
        ModelError: the forward pass cannot be traced, or does not run on such images.
    """
    program, values = run_traced(model, images)
    modules = dict(model.named_modules())
    names: dict[fx.Node, str] = {}
    uses: dict[str, int] = {}
    counts: dict[str, int] = {}
    layers: list[Layer] = []
    outputs: dict[str, torch.Tensor] = {}
    for node in program.graph.nodes:
        if node.op == "placeholder":
            names[node] = INPUT
            continue
        sources = tuple(names[n] for n in node.all_input_nodes if n in names)
        value = values.get(node)
        if node.op == "output" or not sources or not isinstance(value, torch.Tensor):
            continue
        if is_passing(node, modules):
            names[node] = sources[0]
            continue
        kind, function = kind_of(node, modules)
        path = str(node.target) if node.op == "call_module" else None
        base = path if path is not None else f"{scope_of(node)}{word_of(node) or node.name}"
        uses[base] = uses.get(base, 0) + 1
        name = base if uses[base] == 1 else f"{base}#{uses[base]}"
        word = FUNCTIONS[function] if function else TITLES.get(kind, plain_word(node))
        counts[word] = counts.get(word, 0) + 1
        layers.append(
            Layer(
                name=name,
                kind=kind,
                title=f"{word} {counts[word]}",
                function=function,
                inputs=tuple(dict.fromkeys(sources)),
                shape=tuple(value.shape[1:]),
                options=options_of(node, modules),
                module=path,
            )
        )
        names[node] = name
        outputs[name] = value
    return Walk(tuple(layers), outputs, values[list(program.graph.nodes)[-1]])


def run_traced(model: nn.Module, images: torch.Tensor) -> tuple[fx.GraphModule, dict[fx.Node, Any]]:
    """Trace a network and run it once in evaluation mode, keeping the value of every node.

    Returns:
        The traced program, which shares the network's modules, and a value for each of its nodes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = fx.symbolic_trace(model)
    except Exception as error:  # whatever tracing meets is one thing to the caller
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{type(model).__name__} cannot be traced ({first_line}); its forward pass must not "
            "depend on the values of its input"
        ) from error
    values: dict[fx.Node, Any] = {}

    class Keeper(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            value = super().run_node(n)
            # An operation in place would overwrite what was kept: its result is a value of its own.
            values[n] = value.clone() if isinstance(value, torch.Tensor) else value
            return value

    with evaluating(model), torch.no_grad():
        try:
            Keeper(program).run(images)
        except (RuntimeError, ValueError) as error:
            first_line = str(error).splitlines()[0]
            raise ModelError(
                f"{type(model).__name__} does not run on pictures of {tuple(images.shape[1:])} "
                f"(channels, height, width): {first_line}; give it the size it was made for"
            ) from error
    return program, values


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every module into evaluation mode for a while, then each back into its own."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def kind_of(node: fx.Node, modules: dict[str, nn.Module]) -> tuple[str, str | None]:
    """The kind of an operation, and the function of an activation."""
    if node.op == "call_module":
        module = modules[str(node.target)]
        for types, kind in MODULE_KINDS:
            if isinstance(module, types):
                return kind, None
        word = MODULE_FUNCTIONS.get(type(module))
        return ("activation", word) if word else ("other", None)
    word = word_of(node)
    if word in FUNCTIONS:
        return "activation", word
    return CALL_KINDS.get(word, "other"), None


MODULE_KINDS: tuple[tuple[tuple[type[nn.Module], ...], str], ...] = (
    ((nn.Conv2d,), "conv"),
    ((nn.Linear,), "dense"),
    ((nn.MaxPool2d,), "max_pool"),
    ((nn.AvgPool2d,), "avg_pool"),
    ((nn.AdaptiveAvgPool2d,), "global_pool"),
    ((nn.BatchNorm2d, nn.BatchNorm1d), "batch_norm"),
    ((nn.Dropout, nn.Dropout2d), "dropout"),
    ((nn.Flatten,), "flatten"),
)
MODULE_FUNCTIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.GELU: "gelu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.SiLU: "silu",
    nn.ELU: "elu",
    nn.LeakyReLU: "leaky_relu",
    nn.Hardswish: "hardswish",
    nn.Softmax: "softmax",
}
CALL_KINDS = {
    "add": "add",
    "iadd": "add",
    "flatten": "flatten",
    "view": "flatten",
    "reshape": "flatten",
    "max_pool2d": "max_pool",
    "avg_pool2d": "avg_pool",
    "adaptive_avg_pool2d": "global_pool",
    "dropout": "dropout",
}


def word_of(node: fx.Node) -> str:
    """The plain name of an operation that is no module: "relu" for `F.relu` and `x.relu_()`."""
    if node.target is F.max_pool2d:  # a dispatcher without a name of its own
        return "max_pool2d"
    word = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    return word.strip("_")


def is_passing(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether an operation hands its input on as it is: identities and questions about sizes."""
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], nn.Identity)
    return node.op == "call_method" and node.target in ("contiguous", "size", "dim")


def plain_word(node: fx.Node) -> str:
    """What an operation of no known kind is called in its title."""
    return (word_of(node).rpartition(".")[2] or node.name).replace("_", " ").capitalize()


def scope_of(node: fx.Node) -> str:
    """Where an operation that is no module stands: "stages.0/", or "" at the top."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [entry[0] for entry in stack.values() if entry[0]]
    return f"{paths[-1]}/" if paths else ""


def options_of(node: fx.Node, modules: dict[str, nn.Module]) -> dict[str, Any]:
    """Kernel, stride, padding, dilation and groups of a convolution or pooling, as pairs."""
    if node.op == "call_module":
        module = modules[str(node.target)]
        if isinstance(module, nn.Conv2d):
            padding = module.padding
            if isinstance(padding, str):
                reach = [
                    d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)
                ]
                padding = (0, 0) if padding == "valid" else (reach[0] // 2, reach[1] // 2)
            return {
                "kernel_size": list(module.kernel_size),
                "stride": list(module.stride),
                "padding": list(padding),
                "dilation": list(module.dilation),
                "groups": module.groups,
            }
        if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
            return pooling_options(
                module.kernel_size,
                module.stride,
                module.padding,
                getattr(module, "dilation", 1),
            )
        return {}
    if node.op == "call_function" and word_of(node) in ("max_pool2d", "avg_pool2d"):
        given = dict(zip(("input", "kernel_size", "stride", "padding"), node.args, strict=False))
        given |= node.kwargs
        return pooling_options(
            given["kernel_size"],
            given.get("stride"),
            given.get("padding", 0),
            given.get("dilation", 1),
        )
    return {}


def pooling_options(kernel: Any, stride: Any, padding: Any, dilation: Any) -> dict[str, Any]:
    """A pooling's options, single numbers made into pairs; no stride means the kernel's."""
    return {
        "kernel_size": pair(kernel),
        "stride": pair(stride if stride not in (None, ()) else kernel),
        "padding": pair(padding),
        "dilation": pair(dilation),
        "groups": 1,
    }


def pair(value: Any) -> list[int]:
    """One number twice, or two numbers."""
    return [int(value)] * 2 if isinstance(value, int) else [int(v) for v in value]
