"""The device that a network runs on: chosen, named, and what it can compute with."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import nn

from layerscope.errors import DeviceError

# Apple's GPUs have no float64; sums that need it are kept on the processor.
WITHOUT_FLOAT64 = frozenset({"mps"})
# oneDNN's names of instruction sets that lack a fast product of bfloat16.
WITHOUT_BFLOAT16 = frozenset(
    {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}
)


def choose_device(name: str = "auto") -> torch.device:
    """The device of a name.

    Args:
        name: "auto" (a GPU where there is one, else the processor), "cpu", or a GPU such as
            "cuda", "cuda:1" or "mps".

    Raises:
        DeviceError: there is no such device here.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    present = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if name == "auto":
        return present or torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"there is no device {name!r}; choose {choices(present)}") from None
    if device.type == "cpu":
        return torch.device("cpu")
    if present is None or device.type != present.type:
        raise DeviceError(
            f"the device is {name!r}, but torch finds none here; choose {choices(present)}"
        )
    count = torch.accelerator.device_count()
    if device.index is not None and device.index >= count:
        raise DeviceError(f"the device is {name!r}, but there are {count}, counted from 0")
    return device


def choices(present: torch.device | None) -> str:
    """The names that can be given here."""
    return f"auto, cpu or {present.type}" if present else "auto or cpu"


def device_of(model: nn.Module) -> torch.device:
    """Where a network's parameters are; the processor for one that has none."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


@contextmanager
def moved_to(model: nn.Module, name: str | None) -> Generator[None, None, None]:
    """Move a network to a device inside the block, and back afterwards.

    Args:
        model: any network.
        name: of the device, as `choose_device` takes it; None leaves the network where it is.

    Raises:
        DeviceError: there is no such device here.
    """
    home = device_of(model)
    there = home if name is None else choose_device(name)
    if there == home:
        yield
        return
    model.to(there)
    try:
        yield
    finally:
        model.to(home)


def as_taken(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """A copy of some images where a network's weights are, in their type: half, bfloat16, double.

    Weights of whole numbers, as quantised ones are, say nothing of the type of images.
    """
    weights = next((p for p in model.parameters() if p.is_floating_point()), images)
    return images.to(weights.device, weights.dtype, copy=True)


def bfloat16_is_faster(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 numbers faster than float32 ones, as far as known."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    # oneDNN multiplies for torch. Held to an older processor's instructions it knows no bfloat16,
    # and computes it number by number.
    held_to = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA", "ALL")
    if held_to.upper() in WITHOUT_BFLOAT16:
        return False
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())


@contextmanager
def rounded_products() -> Generator[None, None, None]:
    """Round what matrix products of float32 multiply to bfloat16 inside the block.

    Their sums, and all else, stay in float32. The processor alone is meant: there torch's default
    is not to round.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def device_name(device: torch.device) -> str:
    """What a record calls a device: a GPU's model where it is known, else its type."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def has_float64(device: torch.device) -> bool:
    """Whether a device computes in float64."""
    return device.type not in WITHOUT_FLOAT64


def in_float64(values: torch.Tensor) -> torch.Tensor:
    """The values as float64, on their device or, where it has none, on the processor."""
    return values.double() if has_float64(values.device) else values.cpu().double()


def float64_device(device: torch.device) -> torch.device:
    """Where `in_float64` puts the values of a device."""
    return device if has_float64(device) else torch.device("cpu")
