"""How torch's operations are called, and which of them say something of a picture."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_flatten

from layerscope.graph.state_guard import OF_TORCH

# These hand on what they were given, or parts of it.
PASSING = frozenset({"contiguous", "detach", "clone", "data", "requires_grad_", "alias"})
SPLITS = frozenset({"chunk", "split", "unbind", "tensor_split", "split_with_sizes"})
# What is asked of a tensor that says nothing of its values.
ABOUT = frozenset(
    {"size", "dim", "ndimension", "numel", "nelement", "stride", "storage_offset", "__len__",
     "__hash__", "is_contiguous", "is_floating_point", "is_complex", "get_device", "element_size",
     "is_same_size", "data_ptr", "__get__", "__repr__", "is_inference", "is_signed", "type",
     "untyped_storage", "register_hook", "is_pinned", "is_shared", "__set__", "result_type"}
)  # fmt: skip
# New tensors of the size of a given one, whatever its values.
NEW = frozenset(
    {"zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like",
     "randint_like", "new_zeros", "new_ones", "new_empty", "new_full", "new_tensor"}
)  # fmt: skip


def tensors_in(value: Any) -> list[torch.Tensor]:
    """All tensors in tuples, lists and dicts."""
    return [part for part in tree_flatten(value)[0] if isinstance(part, torch.Tensor)]


def version_of(tensor: torch.Tensor) -> int:
    """Torch's count of the changes made in place."""
    return -1 if tensor.is_inference() else tensor._version


def word_of(func: Any) -> str:
    """The plain name of what is called: "relu" of `F.relu`, "T" of `x.T`, "sub" of `2 - x`."""
    name = getattr(func, "__name__", type(func).__name__)
    if name in ("__get__", "__set__"):
        return getattr(getattr(func, "__self__", None), "__name__", name)
    plain = name.strip("_")
    reversed_names = {f"r{op}": op for op in ("add", "sub", "mul", "truediv", "pow", "matmul")}
    return reversed_names.get(plain, plain) if name.startswith("__") else plain


def type_kept(whole: Any, part: torch.Tensor, other: torch.Tensor) -> Any:
    """A tuple, list or dict with one tensor in it replaced."""
    parts, form = tree_flatten(whole)
    return form.unflatten([other if found is part else found for found in parts])


def constants(model: nn.Module) -> list[torch.Tensor]:
    """Every tensor that a network holds: weights, buffers, and plain attributes."""
    found: list[torch.Tensor] = [*model.parameters(), *model.buffers()]
    for module in model.modules():
        own = {name: value for name, value in vars(module).items() if name not in OF_TORCH}
        found += tensors_in(own)
    return found
