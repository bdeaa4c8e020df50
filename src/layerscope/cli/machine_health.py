"""What a machine offers to layerscope, found out piece by piece."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Package -> the extra of pyproject.toml that brings it, and what that is for.
EXTRAS = {
    "timm": ("timm", "the networks of timm"),
    "keras": ("keras", "networks of Keras 3"),
    "onnx2torch": ("onnx", "networks in ONNX files"),
    "transformers": ("transformers", "networks of Hugging Face"),
    "starlette": ("serve", "the pages of serve and train --watch"),
    "anywidget": ("notebook", "reports inside a notebook"),
    "pyarrow": ("parquet", "tables in Parquet files"),
    "pillow-heif": ("heic", "pictures of phones (HEIC)"),
}


@dataclass(frozen=True)
class Check:
    """One thing looked at: its state ("ok", "note" or "broken"), what was found, what to do."""

    what: str
    state: str
    found: str
    advice: str = ""


def examine() -> list[Check]:
    """Look at everything that layerscope stands on."""
    return [
        *check_torch(),
        check_torchvision(),
        check_page(),
        check_cache(),
        check_data(),
        *check_extras(),
    ]


def check_torch() -> list[Check]:
    """Torch, its threads, its fast precision, and any GPU."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return [Check("torch", "broken", str(error), "pip install 'torch>=2.6,<2.14'")]
    from layerscope.device import bfloat16_is_faster
    from layerscope.training.machine import hardware

    machine = hardware(torch.device("cpu"))
    fast = bfloat16_is_faster(torch.device("cpu"))
    checks = [
        Check("torch", "ok", str(torch.__version__)),
        Check(
            "processor",
            "ok",
            f"{machine.processor}, {machine.cores} cores, {machine.threads} threads, "
            f"{'fast' if fast else 'no fast'} bfloat16",
        ),
    ]
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        checks.append(Check("GPU", "ok", ", ".join(names)))
    elif torch.backends.mps.is_available():
        checks.append(Check("GPU", "ok", "Apple (mps)"))
    else:
        checks.append(Check("GPU", "note", "none; everything runs on the processor"))
    return checks


def check_torchvision() -> Check:
    """Torchvision's Python parts, which download the data sets."""
    from layerscope.vision import torchvision

    try:
        return Check("torchvision", "ok", torchvision().__version__)
    except Exception as error:  # whatever stops it is the finding
        return Check("torchvision", "broken", str(error), "pip install 'torchvision>=0.21,<0.29'")


def check_page() -> Check:
    """The viewer's page, which is built when the package is installed."""
    from layerscope.view.report import template_path

    page = template_path()
    if page.is_file():
        return Check("report page", "ok", f"{page.stat().st_size / 1e3:.0f} kB")
    return Check("report page", "broken", "not built", "install with 'pip install .', which builds")


def check_cache() -> Check:
    """The folder that downloads and decoded pictures go to."""
    from layerscope.data import cache_folder

    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        advice = "set LAYERSCOPE_CACHE to a folder that can be written"
        return Check("cache", "broken", f"{folder}: {error.strerror or error}", advice)
    free = shutil.disk_usage(folder).free / 1e9
    state = "ok" if free > 1 else "note"
    advice = "" if free > 1 else "make room: decoded pictures need it"
    return Check("cache", state, f"{folder}, {free:.0f} GB free", advice)


def check_data() -> Check:
    """The folder of data sets that the user named."""
    named = os.environ.get("LAYERSCOPE_DATA")
    if not named:
        return Check("LAYERSCOPE_DATA", "note", "not set; sets are downloaded into the cache")
    if not Path(named).is_dir():
        return Check("LAYERSCOPE_DATA", "broken", f"{named} is no folder", "correct or unset it")
    return Check("LAYERSCOPE_DATA", "ok", named)


def check_extras() -> list[Check]:
    """Packages that some commands can use."""
    checks = []
    for package, (extra, use) in EXTRAS.items():
        try:
            checks.append(Check(package, "ok", version(package)))
        except PackageNotFoundError:
            advice = f"pip install 'layerscope[{extra}]' gives {use}"
            checks.append(Check(package, "note", "not installed", advice))
    return checks
