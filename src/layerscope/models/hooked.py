"""A network that cannot be traced, read by hooks: its modules in the order they are called."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn
from torch.utils._pytree import tree_flatten

from layerscope.errors import ModelError
from layerscope.models.graph import INPUT, Layer, Program, evaluating
from layerscope.models.history import Found, history_of
from layerscope.models.kinds import operation_of

UNSEEN = "unseen"


@dataclass(frozen=True)
class HookedProgram(Program):
    """A network whose forward pass is only seen where it calls modules.

    An operation that is no module is seen by its result, where a module reads that: it is a layer
    too, of what the network computed between the modules, and is named in `escaped`. Where the
    forward pass depends on values, other pictures may take another way: then a layer may not be
    visited, and what a module reads may come from elsewhere than its layer says.

    Args:
        leaves: path -> module, those that are watched.
        before: call of a module, "path#2" -> argument -> the layer that is seen there.
        last: the layer that the logits are, where no module gave them.
    """

    leaves: dict[str, nn.Module] = field(repr=False, default_factory=dict)
    before: dict[str, dict[int | str, str]] = field(repr=False, default_factory=dict)
    last: str | None = None

    def run(
        self,
        images: torch.Tensor,
        visit: Callable[[str, torch.Tensor], torch.Tensor | None],
        *,
        grad: bool = False,
    ) -> torch.Tensor:
        """Run the network in evaluation mode; see `Program.run`.

        Raises:
            ModelError: `visit` replaces what an operation between modules gave, which nothing but
                the network itself could do; or the pictures do not fit.
        """
        known = {layer.name for layer in self.layers}

        def entering(call: str, args: dict[int | str, Any]) -> None:
            for place, name in self.before.get(call, {}).items():
                value = args.get(place)
                if isinstance(value, torch.Tensor) and visit(name, value) is not None:
                    raise ModelError(
                        f"layer {name!r} is no module of a network that cannot be traced: its "
                        "output can be seen, not replaced; choose a module"
                    )

        def leaving(call: str, output: torch.Tensor) -> torch.Tensor | None:
            return visit(call, output) if call in known else None

        with watched(self.model, self.leaves, entering, leaving), torch.set_grad_enabled(grad):
            logits = called(self.model, images.clone())
        if self.last is not None:
            other = visit(self.last, logits)
            logits = logits if other is None else other
        return logits


def read_hooked(model: nn.Module, images: torch.Tensor, why: str) -> HookedProgram:
    """Read a network that cannot be traced, by running it once on one real picture.

    Which layers feed a module is found in the history that torch keeps for gradients, so that sums
    and other operations between modules are found too, by name.

    Args:
        model: any network.
        images: float (B, C, H, W), B at least 1.
        why: it cannot be traced, for a person.

    Raises:
        ModelError: it calls no modules, or does not run on such images, or gives something other
            than one tensor.
    """
    leaves = leaf_modules(model)
    reading = Reading(leaves)
    with evaluating(model), torch.enable_grad():
        picture = images[:1].detach().clone().requires_grad_()
        start = picture.clone()  # the network may begin with an operation in place
        reading.made[start.grad_fn] = INPUT
        with watched(model, leaves, reading.enter, reading.leave):
            logits = called(model, start)
    if not isinstance(logits, torch.Tensor):
        raise ModelError(
            f"{type(model).__name__} gives a {type(logits).__name__}; a network must give one "
            "tensor of logits: wrap it in a module that returns that alone"
        )
    if not reading.layers:
        raise ModelError(f"{why}, or call modules of torch, which can be watched; it calls none")
    last = reading.between("", logits)
    layers = tuple(reading.layers)
    # A layer of its own at the end that no module reads is the logits.
    return HookedProgram(model, layers, (why, *reading.escaped), leaves, reading.before, last)


class Reading:
    """What is found out while a network runs once.

    Args:
        leaves: path -> module, those that are watched.
    """

    def __init__(self, leaves: dict[str, nn.Module]) -> None:
        self.leaves = leaves
        self.layers: list[Layer] = []
        self.escaped: list[str] = []
        self.before: dict[str, dict[int | str, str]] = {}
        # The layer that a step of torch's history is the end of. Held, so that no other step can
        # take its place in memory.
        self.made: dict[Any, str] = {}
        self.entered: list[tuple[str, tuple[str, ...], tuple[int, ...]]] = []
        self.counts: dict[str, int] = {}
        self.graph = fx.Graph()

    def enter(self, call: str, args: dict[int | str, Any]) -> None:
        """A module is about to be called: what does it read?"""
        sources: dict[str, None] = {}
        shape: tuple[int, ...] | None = None
        for place, value in args.items():
            if not isinstance(value, torch.Tensor) or not value.is_floating_point():
                continue
            name = self.made.get(value.grad_fn) if value.grad_fn is not None else None
            if name is None:
                name = self.between(call, value)
                if name is None:
                    continue
                if self.layers[-1].name == name:
                    self.before.setdefault(call, {})[place] = name
            sources[name] = None
            shape = shape or tuple(value.shape[1:])
        self.entered.append((call, tuple(sources), shape or ()))

    def leave(self, call: str, output: torch.Tensor) -> None:
        """A module is done."""
        entered, sources, before = self.entered.pop()
        assert entered == call
        path = call.partition("#")[0]
        module = self.leaves[path]
        if not sources or isinstance(module, nn.Identity):
            return
        node = self.graph.create_node("call_module", path or "root")
        self.add(call, node, module, path, sources, before, tuple(output.shape[1:]))
        if output.grad_fn is not None:
            self.made[output.grad_fn] = call

    def between(self, call: str, value: torch.Tensor) -> str | None:
        """Make a layer of the operations, no modules, whose result a module reads.

        Returns:
            Its name; None where the value comes from no picture, or is a layer already.
        """
        if value.grad_fn in self.made:
            return None
        found = history_of(value, self.made)
        if found is None:
            return None
        sources = found.sources or (INPUT,)
        word = "-".join(found.operations) if 0 < len(found.operations) <= 3 else UNSEEN
        where = call.rpartition(".")[0]
        name = self.free_name(f"{where}/{word}" if where else word)
        node = self.graph.create_node("call_method", word)
        before = next((layer.shape for layer in self.layers if layer.name == sources[0]), ())
        self.add(name, node, None, None, sources, before, tuple(value.shape[1:]))
        self.escaped.append(told(name, found, call))
        if value.grad_fn is not None:
            self.made[value.grad_fn] = name
        return name

    def free_name(self, name: str) -> str:
        """A name that no module and no earlier operation has; see `Layer`."""
        name = f"/{name}" if name in self.leaves else name
        taken = {layer.name for layer in self.layers}
        uses = 1
        while (free := name if uses == 1 else f"{name}#{uses}") in taken:
            uses += 1
        return free

    def add(
        self,
        name: str,
        node: fx.Node,
        module: nn.Module | None,
        path: str | None,
        sources: tuple[str, ...],
        before: tuple[int, ...],
        after: tuple[int, ...],
    ) -> None:
        """Add a layer, its title counted."""
        found = operation_of(node, module, before, after)
        self.counts[found.word] = self.counts.get(found.word, 0) + 1
        title = f"{found.word} {self.counts[found.word]}"
        self.layers.append(
            Layer(
                name=name,
                kind=found.kind,
                title=title,
                function=found.function,
                inputs=sources,
                shape=after,
                options=found.options,
                module=path,
                keeps_place=found.keeps_place,
            )
        )


def told(name: str, found: Found, call: str) -> str:
    """What escaped, in a sentence."""
    what = ", ".join(found.operations) if found.operations else "something without a history"
    where = f"before {call!r}" if call else "behind the last module"
    return f"{name!r}: {what} {where} is no module: only its result is seen"


def leaf_modules(model: nn.Module) -> dict[str, nn.Module]:
    """The modules that are watched: torch's own, and those that have no modules inside."""
    tracer = fx.Tracer()
    leaves: dict[str, nn.Module] = {}
    for path, module in model.named_modules():
        if any(path.startswith(f"{leaf}.") for leaf in leaves):
            continue  # inside one that is watched as a whole
        container = isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
        bare = path != "" and not container and not list(module.children())
        if bare or (not container and tracer.is_leaf_module(module, path)):
            leaves[path] = module
    return leaves


def called(model: nn.Module, images: torch.Tensor) -> Any:
    """Call the network; a failure is told as one of the pictures' size."""
    try:
        return model(images)
    except (RuntimeError, ValueError) as error:
        first_line = str(error).splitlines()[0]
        raise ModelError(
            f"the network does not run on pictures of {tuple(images.shape[1:])} "
            f"(channels, height, width): {first_line}; give it the size it was made for"
        ) from error


@contextlib.contextmanager
def watched(
    model: nn.Module,
    leaves: dict[str, nn.Module],
    entering: Callable[[str, dict[int | str, Any]], None],
    leaving: Callable[[str, torch.Tensor], torch.Tensor | None],
) -> Iterator[None]:
    """Be told of every call of some modules, in evaluation mode, for one forward pass.

    Args:
        model: the network.
        leaves: path -> module.
        entering: told the call ("path", then "path#2") and its arguments by place or name.
        leaving: told the call and its output, the first tensor where there are several; may return
            another to put in its place.
    """
    uses: dict[str, int] = {}
    open_calls: list[str] = []

    def hooks_of(path: str) -> tuple[Any, Any]:
        def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            uses[path] = uses.get(path, 0) + 1
            call = path if uses[path] == 1 else f"{path}#{uses[path]}"
            open_calls.append(call)
            entering(call, {**dict(enumerate(args)), **kwargs})

        def leave(module: nn.Module, args: Any, output: Any) -> Any:
            call = open_calls.pop()
            parts, form = tree_flatten(output)
            at = next((i for i, part in enumerate(parts) if isinstance(part, torch.Tensor)), None)
            if at is None:
                return None
            other = leaving(call, parts[at])
            if other is None:
                return None
            return form.unflatten([*parts[:at], other, *parts[at + 1 :]])

        return enter, leave

    with contextlib.ExitStack() as undo:
        undo.enter_context(evaluating(model))
        for path, module in leaves.items():
            enter, leave = hooks_of(path)
            undo.callback(module.register_forward_pre_hook(enter, with_kwargs=True).remove)
            undo.callback(module.register_forward_hook(leave).remove)
        yield
