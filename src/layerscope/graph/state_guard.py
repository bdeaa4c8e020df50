"""A network lent for a while: whatever its forward pass changes in it is put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

# What torch itself keeps in a module, hooks among it; the rest of its attributes are the author's.
OF_TORCH = frozenset(vars(nn.Module()))
TABLES = ("_parameters", "_buffers", "_modules")


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Put back modes, buffers and plain attributes that change inside the block.

    A forward pass may count its calls, keep what it saw last (`self.seen = x`) or update a buffer;
    where it is traced symbolically, it would keep a stand-in for a tensor that way. Lists and
    dicts that are attributes get back what they held. Weights are not copied: no forward pass
    should change them.
    """
    # Compiled modules keep their own in no table of Python's.
    modules = [m for m in model.modules() if not isinstance(m, torch.jit.ScriptModule)]
    attributes = [dict(vars(module)) for module in modules]
    tables = [[dict(vars(module)[name]) for name in TABLES] for module in modules]
    contents = [
        {name: copied(value) for name, value in own.items() if name not in OF_TORCH}
        for own in attributes
    ]
    # With torch's count of the changes made in place; tensors of inference mode have none.
    buffers = [
        (buffer, buffer.detach().clone(), -1 if buffer.is_inference() else buffer._version)
        for buffer in model.buffers()
    ]
    try:
        yield
    finally:
        for module, own, kept, held in zip(modules, attributes, tables, contents, strict=True):
            vars(module).clear()
            vars(module).update(own)
            for name, table in zip(TABLES, kept, strict=True):
                put_back(vars(module)[name], table)
            for name, content in held.items():
                if content is not None:
                    put_back(own[name], content)
        for buffer, before, version in buffers:
            # Batch norms write their statistics without counting it as a change.
            counted = version == -1 or buffer._version != version
            if counted or not torch.equal(buffer, before):
                # By its data, so that gradients through what was computed from it still flow.
                buffer.data.copy_(before)


def copied(value: Any) -> Any:
    """A copy of a plain list or dict; None of anything else."""
    return value.copy() if type(value) in (list, dict) else None


def put_back(value: Any, before: Any) -> None:
    """Give a list or dict what it held."""
    if isinstance(value, list):
        value[:] = before
    else:
        value.clear()
        value.update(before)


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


@contextmanager
def lent(model: nn.Module) -> Iterator[None]:
    """Run the caller's network inside this: in evaluation mode, uncompiled, left as it was."""
    with unchanged(model), evaluating(model), uncompiled(model):
        yield


@contextmanager
def uncompiled(model: nn.Module) -> Iterator[None]:
    """Run what `torch.compile` made by its original, whose operations can be seen."""
    if not any(is_compiled(module) for module in model.modules()):
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


def is_compiled(module: nn.Module) -> bool:
    """Whether `torch.compile` made a module; told by its name, for torch's own takes seconds."""
    return type(module).__name__ == "OptimizedModule" and hasattr(module, "_orig_mod")


def opened(model: nn.Module) -> nn.Module:
    """The network itself, where it is wrapped to be compiled, trained or run on several devices.

    Example:
        >>> type(opened(nn.DataParallel(nn.Linear(2, 1)))).__name__
        'Linear'
    """
    while (inside := wrapped(model)) is not None:
        model = inside
    return model


def wrapped(model: nn.Module) -> nn.Module | None:
    """The network that a wrapper hands its pictures on to as they are; None of anything else."""
    if is_compiled(model):
        return model._orig_mod  # type: ignore[return-value]
    parallel = nn.DataParallel, nn.parallel.DistributedDataParallel
    if isinstance(model, (*parallel, torch.optim.swa_utils.AveragedModel)):
        return model.module
    if type(model).__name__ == "_FabricModule":  # what Fabric.setup gives
        return model.module  # type: ignore[return-value]
    return within_lightning(model)


def within_lightning(model: nn.Module) -> nn.Module | None:
    """The network of a LightningModule that has no forward pass of its own but steps that call it.

    One that has its own is read as it is: it may do more than its network does. Lightning is told
    by its classes' names, for importing it takes seconds.
    """
    lightning = [kind for kind in type(model).__mro__ if kind.__name__ == "LightningModule"]
    owner = next(kind for kind in type(model).__mro__ if "forward" in vars(kind))
    if not lightning or owner not in (*lightning, nn.Module):
        return None
    networks = [child for child in model.children() if any(True for _ in child.parameters())]
    return networks[0] if len(networks) == 1 else None


@contextmanager
def same_numbers(images: torch.Tensor) -> Iterator[None]:
    """Leave torch's random numbers as they are: the next block draws the same ones."""
    with torch.random.fork_rng(devices=[images.device] if images.is_cuda else []):
        yield
