"""Keras itself: imported on torch, and its files read without running anything that they hold."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from layerscope.errors import ModelError

# Older ones run code that a file holds, safe mode or not: CVE-2025-9905 (.h5), CVE-2025-9906 and
# CVE-2025-49655 (.keras).
SAFE_SINCE = (3, 11, 3)


def keras() -> ModuleType:
    """Import Keras on torch.

    Raises:
        ModelError: it is not installed, or was imported on another backend before.
    """
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import keras as found
    except ModuleNotFoundError as error:
        if error.name != "keras":
            raise
        raise ModelError(
            "Keras networks need keras, which is not installed: pip install 'layerscope[keras]'"
        ) from error
    if found.backend.backend() != "torch":
        raise ModelError(
            f"Keras runs on {found.backend.backend()} here; set KERAS_BACKEND=torch before it is "
            "imported"
        )
    return found


def is_keras(model: Any) -> bool:
    """Whether an object is a Keras network."""
    return any(home.__module__.partition(".")[0] == "keras" for home in type(model).__mro__)


def version_of(library: ModuleType) -> tuple[int, ...]:
    """The version of Keras as numbers: (3, 11, 3)."""
    return tuple(int(number) for number in re.findall(r"\d+", library.__version__)[:3])


def read_keras_file(path: Path) -> Any:
    """Read the Keras network of a .keras or .h5 file, in Keras's safe mode.

    Raises:
        ModelError: the installed Keras would run code of the file, or it is no such file, or it
            needs code that is not in it.
    """
    library = keras()
    if version_of(library) < SAFE_SINCE:
        raise ModelError(
            f"{path} is not opened: Keras {library.__version__} runs code that such a file may "
            "hold (CVE-2025-9905); pip install 'keras>=3.11.3'"
        )
    if not path.exists():
        raise ModelError(f"there is no file {path}; give the path of a .keras or .h5 file")
    try:
        return library.saving.load_model(str(path), compile=False, safe_mode=True)
    except Exception as error:  # whatever a strange file makes Keras meet; no code of it was run
        raise ModelError(f"{path} {why_unread(error)}") from error


def first_reason(error: Exception) -> str:
    """What an error of Keras's says first, without the frame that Keras puts around it."""
    text = re.sub("\x1b\\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith("Exception encountered")]
    return told[0] if told else type(error).__name__


def why_unread(error: Exception) -> str:
    """The end of a sentence about a file that Keras could not read, and what to do."""
    text = str(error) or type(error).__name__
    if "unsafe" in text.lower() or "safe_mode" in text:
        return (
            "holds code (a Lambda layer or the like), which is never run from a file; hand the "
            "network over as package.module:callable"
        )
    if strange := re.search(r"Could not locate (?:class|function) '([^']+)'", text):
        return (
            f"holds {strange[1]!r}, which is its author's own and not in the file; hand the "
            "network over as package.module:callable, which builds it and loads its weights"
        )
    return (
        f"cannot be read as a Keras network ({first_reason(error)}); save it with "
        "model.save('name.keras')"
    )
