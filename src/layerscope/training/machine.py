"""The machine that a training runs on: device, precision, and what the record says of both."""

from __future__ import annotations

import logging
import os
import platform
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import torch

from layerscope.errors import RecipeError
from layerscope.formats.run_record import Hardware

if TYPE_CHECKING:
    from lightning_fabric import Fabric

DEVICES = ("auto", "cpu", "cuda", "mps")


def bfloat16_is_faster() -> bool:
    """Whether this machine multiplies bfloat16 numbers faster than float32 ones."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())


def make_fabric(device: str = "auto", precision: str = "auto", *, freezes: bool = False) -> Fabric:
    """Choose device and precision.

    Args:
        device: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".
        precision: as `Recipe.precision`.
        freezes: whether some parameters get no gradient for a while.

    Raises:
        RecipeError: there is no such device here.
    """
    from lightning_fabric import Fabric

    if device not in DEVICES:
        raise RecipeError(f"device is {device!r}; choose {', '.join(DEVICES)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise RecipeError("device is 'cuda', but torch finds no GPU here; use --device cpu")
    if device == "mps" and not torch.backends.mps.is_available():
        raise RecipeError("device is 'mps', but torch finds none here; use --device cpu")
    low = precision == "bfloat16" or (precision == "auto" and bfloat16_is_faster())
    if device == "mps" or (device == "auto" and torch.backends.mps.is_available()):
        low = precision == "bfloat16"
    # Under torchrun each process is launched already: Fabric reads the count from the environment.
    devices = int(os.environ.get("WORLD_SIZE", "1"))
    # Fabric remarks on the precision and on GPUs that are not used; both are the user's choice.
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning_fabric")
        fabric = Fabric(
            accelerator=device,
            devices=devices,
            # Else several processes wait for gradients that never come.
            strategy="ddp_find_unused_parameters_true" if freezes and devices > 1 else "auto",
            precision="bf16-mixed" if low else "32-true",
        )
    fabric.launch()
    return fabric


def fabric_of_torchrun() -> Fabric | None:
    """What joins the processes that torchrun started, on the processor; None for a single one."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return None
    return make_fabric("cpu", "float32")


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    names = ("layerscope", "torch", "torchvision", "timm", "lightning-fabric", "numpy", "pillow")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def hardware(device: torch.device) -> Hardware:
    """The machine, in the words of a benchmark's header."""
    return Hardware(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        processor=_processor_name(),
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        system=f"{platform.system()} {platform.machine()}",
    )


def _processor_name() -> str:
    """The processor's marketing name where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - not a user's path
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
