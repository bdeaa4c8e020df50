"""What the results of a look depend on, summed up in one fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.graph.program import Program
from layerscope.graph.tracing.torch_calls import constants
from layerscope.graph.tracing.traced_program import TracedProgram
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.effort import Effort

SOURCE = Path(__file__).parents[1]
PACKAGES = ("layerscope", "torch", "torchvision", "numpy", "scipy", "pillow")
PICTURES_AT_ONCE = 256


def fingerprint(
    program: Program, spec: ModelSpec, imageset: ImageSet, rows: torch.Tensor, effort: Effort,
    *, seed: int, training: tuple[ImageSet, torch.Tensor] | None = None,
) -> str:  # fmt: skip
    """Sum up everything that the measurements of a network depend on.

    Args:
        program: the network: its weights, its operations, where it runs.
        spec: what it takes, and how pictures are prepared for it.
        imageset: the pictures, with their labels and the masks of their parts.
        rows: int64 (N,), which of them.
        effort: how much is measured.
        seed: of what is drawn.

    Returns:
        64 hex digits that change where any of it does, or the software.
    """
    found = hashlib.sha256()
    for part in (
        plain(spec), plain(effort), seed, str(device_of(program.model)), program.rounded,
        software(), imageset.class_names, imageset.part_names,
        [plain(layer) for layer in program.layers],
        # Holds what is in no layer's record: the 2 of "x * 2".
        str(program.traced.graph) if isinstance(program, TracedProgram) else "",
    ):  # fmt: skip
        found.update(json.dumps(part, sort_keys=True, default=str).encode() + b"\n")
    for value in numbers_of(program.model):
        add_value(found, value)
    add_tensor(found, rows)
    add_tensor(found, imageset.labels[rows])
    for some in rows.split(PICTURES_AT_ONCE):
        add_tensor(found, imageset.take(some))
        if imageset.part_names:
            add_tensor(found, imageset.masks(some))
    if training is not None:
        learned, own = training
        add_tensor(found, learned.labels[own])
        for some in own.split(PICTURES_AT_ONCE):
            add_tensor(found, learned.take(some))
    return found.hexdigest()


def plain(value: Any) -> dict[str, Any]:
    """A dataclass as plain values, with the name of its class."""
    return {"is": type(value).__name__, **asdict(value)}


def numbers_of(model: nn.Module) -> Iterable[Any]:
    """All that a network computes with, in an order of its own: tensors, but for quantised ones."""
    yield from model.state_dict().values()
    yield from constants(model)  # with those that a state dictionary leaves out


def add_value(found: Any, value: Any) -> None:
    """Add a tensor; of a quantised module's state, which is packed in tuples, each part."""
    if isinstance(value, torch.Tensor):
        add_tensor(found, value)
    elif isinstance(value, tuple | list):
        for part in value:
            add_value(found, part)
    else:
        found.update(f"{value}\n".encode())


def add_tensor(found: Any, value: torch.Tensor) -> None:
    """Add the type, the shape and the bytes of a tensor."""
    value = value.detach()
    found.update(f"{value.dtype} {tuple(value.shape)}\n".encode())
    if value.is_sparse or value.is_quantized:
        value = value.to_dense() if value.is_sparse else value.int_repr()
    found.update(value.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())


def software() -> dict[str, str]:
    """The versions that a measurement depends on, and a checksum of this package's own code."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    code = hashlib.sha256()
    for path in sorted(SOURCE.rglob("*.py")):
        code.update(path.relative_to(SOURCE).as_posix().encode() + path.read_bytes())
    return {**found, "code": code.hexdigest()}
