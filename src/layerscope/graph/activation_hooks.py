"""The one place that registers hooks: a network's activations, by layer name."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from layerscope.errors import LayerNotFoundError, LayerscopeError, check_known, nearest
from layerscope.graph.state_guard import lent


class Trace(Mapping[str, torch.Tensor]):
    """The activations of the last forward pass: layer name -> tensor (B, …).

    A module that is called again in the same pass gives "path", then "path#2".
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[torch.Tensor, int]] = {}

    def begin(self) -> None:
        """Forget the last pass."""
        self._kept.clear()

    def keep(self, path: str, value: torch.Tensor, *, copied: bool) -> None:
        """Keep one output, with its version: torch counts every change made in place."""
        name, call = path, 1
        while name in self._kept:
            call += 1
            name = f"{path}#{call}"
        # Tensors of inference mode have no version that would tell of a change.
        value = value.clone() if copied or value.is_inference() else value
        self._kept[name] = (value, 0 if value.is_inference() else value._version)

    def __getitem__(self, name: str) -> torch.Tensor:
        if name not in self._kept:
            raise LayerNotFoundError(
                f"no activation of {name!r} was kept{nearest(name, self._kept)}"
            )
        value, version = self._kept[name]
        if not value.is_inference() and value._version != version:
            raise LayerscopeError(
                f"the output of {name!r} was overwritten by a later operation in place; trace with "
                "copy=True"
            )
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


@contextlib.contextmanager
def trace(
    model: nn.Module,
    layers: Iterable[str] | None = None,
    *,
    grad: bool = False,
    copy: bool | None = None,
) -> Generator[Trace, None, None]:
    """Record what layers put out, for as long as the block lasts.

    The network runs in evaluation mode inside the block. Afterwards it is as it was: exactly the
    hooks registered here are gone, whatever happened, every module is back in its own mode, and
    buffers and attributes that its forward pass changed are put back.

    Args:
        model: any network.
        layers: `named_modules()` paths; "path#2" is as good as "path", which keeps every call;
            None takes every module that has no modules inside. Hooks see modules alone: for
            functions such as `F.relu` and "+" see `layerscope.graph.read.walk`.
        grad: keep the tensors attached, so that gradients flow.
        copy: whether to copy each output when it is made. None copies where the network has a
            module that works in place, which would overwrite what was kept; operations in place
            that are no modules are noticed when the activation is asked for.

    Yields:
        A mapping that every forward pass fills afresh.

    Raises:
        LayerNotFoundError: there is no such layer.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU())
        >>> with trace(model, ["0"]) as seen:
        ...     _ = model(torch.zeros(8, 1, 28, 28))
        >>> seen["0"].shape
        torch.Size([8, 32, 26, 26])
    """
    modules = modules_of(model)
    names = list(layers) if layers is not None else leaf_paths(modules)
    check_layers(model, names)
    paths = dict.fromkeys(path_of(name) for name in names)
    if copy is None:
        copy = any(getattr(module, "inplace", False) for module in modules.values())
    seen = Trace()

    def hook_of(path: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor):  # others, such as an LSTM's pair, are not kept
                seen.keep(path, output if grad else output.detach(), copied=copy)

        return hook

    with contextlib.ExitStack() as undo:
        undo.enter_context(lent(model))
        handle = model.register_forward_pre_hook(lambda module, inputs: seen.begin())
        undo.callback(handle.remove)
        for path in paths:
            undo.callback(modules[path].register_forward_hook(hook_of(path)).remove)
        yield seen


def modules_of(model: nn.Module) -> dict[str, nn.Module]:
    """Every module of a network by its path, the network itself by ""."""
    return dict(model.named_modules())  # pyright: ignore[reportUnknownArgumentType] - torch's


def check_layers(model: nn.Module, layers: Iterable[str]) -> None:
    """Refuse names that are no layer of a network.

    Raises:
        LayerNotFoundError: with the nearest names there are.
    """
    known = [path for path in modules_of(model) if path]
    for layer in layers:
        if path_of(layer) not in known:
            check_known(layer, known)


def path_of(name: str) -> str:
    """The module's path in the name of a call: "relu" of "relu#2"."""
    return name.partition("#")[0]


def leaf_paths(modules: Mapping[str, nn.Module]) -> list[str]:
    """The paths of modules that have no modules inside; compiled ones call no hooks."""
    return [
        path
        for path, module in modules.items()
        if path and not list(module.children()) and not isinstance(module, torch.jit.ScriptModule)
    ]
