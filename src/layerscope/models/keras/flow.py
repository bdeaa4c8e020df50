"""A value on its way through a Keras network, and the torch modules that are put behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from layerscope.models.keras.keras_network import KerasNetwork, Step


class NotRebuilt(Exception):  # noqa: N818  no error of a user's: a second way is tried
    """A layer, or an option of it, that has no counterpart here."""


@dataclass(frozen=True)
class Flow:
    """A value of the rebuilt network beside the value that Keras has there.

    Maps are (B, H, W, C) in Keras and (B, C, H, W) here; everything else has Keras's axes. A row
    of features that maps were flattened into stands in torch's order until something needs Keras's.

    Args:
        step: the name of the step that gives it.
        value: what it is for the sample pictures.
        order: of a row of features: which of Keras's features each of ours is, int64 (U,); None
            where they are the same.
    """

    step: str
    value: torch.Tensor
    order: torch.Tensor | None = None

    @property
    def is_map(self) -> bool:
        """Whether it is (B, C, H, W)."""
        return self.value.ndim == 4

    def as_keras(self) -> torch.Tensor:
        """The value as Keras has it."""
        if self.order is not None:
            return self.value[:, self.order.argsort()]
        return self.value.permute(0, 2, 3, 1) if self.is_map else self.value


class Workshop:
    """Puts modules into a network and runs each on the sample pictures at once.

    Attributes:
        net: the network that is built.
        pictures: the sample pictures, float (B, C, H, W).
        steps: its steps so far.
        modules: the modules by their paths.
        unchecked: names of what Keras could not run, so that it was not compared.
    """

    def __init__(self, net: KerasNetwork, pictures: torch.Tensor) -> None:
        self.net, self.pictures = net, pictures
        self.steps: list[Step] = []
        self.modules: dict[str, nn.Module] = {}
        self.unchecked: list[str] = []
        self.made: dict[tuple[Any, ...], str] = {}
        self.calls: dict[str, int] = {}

    def put(
        self,
        path: str,
        make: Callable[[], nn.Module],
        *sources: Flow,
        key: tuple[Any, ...] = (),
        order: torch.Tensor | None = None,
    ) -> Flow:
        """Put a module behind some values.

        Args:
            path: of the module, in Keras's names.
            make: makes it, unless it is there: a layer that is called again is the same module.
            sources: what it reads.
            key: what the module is made from; another key makes another module.
            order: of the row of features that it gives.
        """
        path = clean(path)
        found = self.made.get((path, *key))
        if found is None:
            found = self.free(path)
            self.made[(path, *key)] = found
            self.modules[found] = make().eval()
            if path in self.modules and path != found:
                share_weights(self.modules[path], self.modules[found])
            self.install(found, self.modules[found])
        self.calls[found] = self.calls.get(found, 0) + 1
        name = found if self.calls[found] == 1 else f"{found}#{self.calls[found]}"
        with torch.no_grad():
            value = self.modules[found](*(flow.value for flow in sources))
        self.steps.append(Step(name, found, tuple(flow.step for flow in sources)))
        return Flow(name, value, order)

    def free(self, path: str) -> str:
        """The path, numbered where something else has it."""
        taken = {known for known, _ in self.net.named_modules()}
        n, found = 1, path
        while found in taken:
            n += 1
            found = f"{path}_{n}"
        return found

    def install(self, path: str, module: nn.Module) -> None:
        """Set a module at a path, with empty modules above it."""
        *above, name = path.split(".")
        home: nn.Module = self.net
        for part in above:
            if part not in dict(home.named_children()):
                home.add_module(part, nn.Module())
            home = home.get_submodule(part)
        home.add_module(name, module)


def share_weights(first: nn.Module, second: nn.Module) -> None:
    """Let a layer that is called in two ways have its weights once, in place."""
    weights = dict(first.named_parameters())
    for name, weight in list(second.named_parameters()):
        own = weights.get(name)
        if own is not None and torch.equal(own, weight):
            home, _, last = name.rpartition(".")
            setattr(second.get_submodule(home), last, own)


def clean(path: str) -> str:
    """A path of Keras's names as one that torch takes.

    Example:
        >>> clean("base.type")
        'base.type_'
    """
    parts = [part.replace("/", "_") or "layer" for part in path.split(".")]
    own = set(dir(nn.Module)) | set(vars(KerasNetwork()))
    return ".".join(f"{part}_" if part in own else part for part in parts)


class InKerasOrder(nn.Module):
    """A function of values that have Keras's axes: maps are turned, and turned back.

    Args:
        function: of as many tensors as there are sources.
        turned: which sources are maps.
        gives_map: whether what it gives is (B, H, W, C).
    """

    def __init__(
        self, function: Callable[..., torch.Tensor], turned: tuple[bool, ...], *, gives_map: bool
    ) -> None:
        super().__init__()
        self.function, self.turned, self.gives_map = function, turned, gives_map

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        """Turn, compute, turn back."""
        given = [
            value.permute(0, 2, 3, 1) if turned else value
            for value, turned in zip(values, self.turned, strict=True)
        ]
        result = self.function(*given)
        return result.permute(0, 3, 1, 2) if self.gives_map else result


class KerasCall(nn.Module):
    """A Keras layer or operation run by Keras itself, on values with Keras's axes.

    Args:
        op: the layer or operation.
        args, kwargs: what it is called with; `Flow` stands where a value goes.
    """

    def __init__(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super().__init__()
        if isinstance(op, nn.Module):
            self.layer = op
        else:
            self.held = (op,)
        self.args, self.kwargs = args, kwargs

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        """What Keras gives for values (B, …)."""
        left = iter(values)
        args, kwargs = mapped(lambda _: next(left), (self.args, self.kwargs))
        op: Any = self.layer if hasattr(self, "layer") else self.held[0]
        return op(*args, **kwargs)


def mapped(change: Callable[[Any], Any], given: Any) -> Any:
    """What a layer is called with, each of our values (or `Flow` itself) changed."""
    if given is Flow or isinstance(given, Flow):
        return change(given)
    if isinstance(given, dict):
        return {name: mapped(change, value) for name, value in given.items()}
    if isinstance(given, list | tuple):
        return type(given)(mapped(change, value) for value in given)
    return given


def flows_in(args: Any, kwargs: dict[str, Any]) -> list[Flow]:
    """The values among what a layer is called with, in order."""
    found: list[Flow] = []
    mapped(found.append, (args, kwargs))
    return found


def as_itself(
    shop: Workshop, path: str, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Flow:
    """A layer that has no counterpart here, run by Keras inside the network."""
    options = {name: value for name, value in kwargs.items() if name != "training"}
    places = mapped(lambda _: Flow, (args, options))
    return apply(shop, path, KerasCall(op, *places), *flows_in(args, options))


class Reordered(nn.Module):
    """A row of features in another order."""

    order: torch.Tensor

    def __init__(self, order: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("order", order)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (B, U) as Keras counts them."""
        return x[:, self.order]


def in_order(shop: Workshop, path: str, x: Flow) -> Flow:
    """A row of features in Keras's order."""
    if x.order is None:
        return x
    back = x.order.argsort()
    return shop.put(f"{path}_order", lambda: Reordered(back), x)


def apply(
    shop: Workshop, path: str, function: Callable[..., torch.Tensor], *sources: Flow, key: Any = ()
) -> Flow:
    """Put a function of values with Keras's axes behind some values."""
    ordered = [in_order(shop, path, source) for source in sources]
    turned = tuple(source.is_map for source in ordered)
    with torch.no_grad():
        gives_map = function(*(source.as_keras() for source in ordered)).ndim == 4
    return shop.put(
        path,
        lambda: InKerasOrder(function, turned, gives_map=gives_map),
        *ordered,
        key=(turned, gives_map, key),
    )
