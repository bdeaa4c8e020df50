"""The machine that a training runs on: device, precision, and what the record says of both."""

from __future__ import annotations

import logging
import os
import platform
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import torch

from layerscope.device import bfloat16_is_faster, choose_device, device_name
from layerscope.formats.run_record import Hardware

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.accelerators.accelerator import Accelerator

# Other devices are described to Fabric as torch describes them.
FABRICS_OWN = ("cpu", "cuda", "mps")


def make_fabric(device: str = "auto", precision: str = "auto", *, freezes: bool = False) -> Fabric:
    """Choose device and precision.

    Args:
        device: as `layerscope.device.choose_device`.
        precision: as `Recipe.precision`.
        freezes: whether some parameters get no gradient for a while.

    Raises:
        DeviceError: there is no such device here.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.single_device import SingleDeviceStrategy

    chosen = choose_device(device)
    low = precision == "bfloat16" or (precision == "auto" and bfloat16_is_faster(chosen))
    # Under torchrun each process is launched already: Fabric reads the count from the environment.
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    # Fabric remarks on the precision and on GPUs that are not used; both are the user's choice.
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning_fabric")
        if chosen.type not in FABRICS_OWN:
            fabric = Fabric(
                accelerator=accelerator_of(chosen),
                strategy=SingleDeviceStrategy(chosen),
                precision="bf16-mixed" if low else "32-true",
            )
        else:
            one_of_several = processes == 1 and chosen.index is not None
            fabric = Fabric(
                accelerator=chosen.type,
                devices=[chosen.index] if one_of_several else processes,
                # Else several processes wait for gradients that never come.
                strategy="ddp_find_unused_parameters_true" if freezes and processes > 1 else "auto",
                precision="bf16-mixed" if low else "32-true",
            )
    fabric.launch()
    return fabric


def fabric_of_torchrun() -> Fabric | None:
    """What joins the processes that torchrun started, on the processor; None for a single one."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return None
    return make_fabric("cpu", "float32")


def accelerator_of(device: torch.device) -> Accelerator:
    """A device that Fabric does not know by name, such as Intel's "xpu", as torch describes it."""
    from lightning_fabric.accelerators.accelerator import Accelerator

    class TorchAccelerator(Accelerator):
        def setup_device(self, device: torch.device) -> None:
            torch.accelerator.set_device_index(device.index or 0)

        def teardown(self) -> None:
            pass

        @staticmethod
        def parse_devices(devices: Any) -> Any:
            return devices

        @staticmethod
        def get_parallel_devices(devices: Any) -> list[torch.device]:
            return [device]

        @staticmethod
        def auto_device_count() -> int:
            return 1

        @staticmethod
        def is_available() -> bool:
            return torch.accelerator.is_available()

        @staticmethod
        def name() -> str:
            return device.type

    return TorchAccelerator()


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
        device=device_name(device),
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
