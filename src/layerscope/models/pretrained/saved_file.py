"""Files that are no network whose layers can be seen, and what to do with each."""

from __future__ import annotations

import ast
import zipfile
from pathlib import Path

from layerscope.errors import ModelError

HOW = "file.py:make --weights {file}, where make() builds the network"
NO_NETWORKS = (
    ".pt", ".pth", ".pt2", ".ckpt", ".bin", ".pkl", ".pickle", ".safetensors", ".tar", ".tflite",
    ".pb", ".py",
)  # fmt: skip


def refuse_file(path: Path) -> ModelError:
    """The error of a file that is no network: nothing in it is run to find out.

    Args:
        path: of one of the kinds `NO_NETWORKS`.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        return ModelError(f"there is no file {path}; check its name")
    if suffix in (".tflite", ".pb"):
        return ModelError(
            f"{path} is a file of TensorFlow; save the network as .keras, or convert it to .onnx"
        )
    if suffix == ".py":
        return ModelError(
            f"{path} is a program: name what builds the network in it, {path}:{maker_in(path)}"
        )
    how = HOW.format(file=path)
    inside = names_inside(path)
    if suffix == ".pt2" or any(name.endswith("/models/model.json") for name in inside):
        return ModelError(
            f"{path} is an exported program, whose modules are gone; name the network that it was "
            "exported from (module:make, file.py:make), or export that to .onnx"
        )
    if any("/code/" in name or name.endswith("constants.pkl") for name in inside):
        return ModelError(
            f"{path} is a script module, whose layers are compiled away; name the network that it "
            "was made from (module:make, file.py:make), or export that to .onnx"
        )
    if holds_tensors(path):
        return ModelError(
            f"{path} is a state dictionary: weights without the layers that they belong to; give "
            f"{how}"
        )
    return ModelError(
        f"{path} is a pickle, which could run any code when it is opened; save the network's "
        f"state_dict() and give {how}"
    )


def maker_in(path: Path) -> str:
    """The last function or class that a program defines, read without running it; else "make"."""
    try:
        parts = ast.parse(path.read_text(encoding="utf-8")).body
    except (OSError, SyntaxError, ValueError):
        return "make"
    names = [part.name for part in parts if isinstance(part, ast.FunctionDef | ast.ClassDef)]
    return names[-1] if names else "make"


def names_inside(path: Path) -> list[str]:
    """The names in a zip, as torch writes its files; none where it is no zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [f"/{name}" for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile):
        return []


def holds_tensors(path: Path) -> bool:
    """Whether a file holds tensors by name, read without running any code of it."""
    from layerscope.models.pretrained.starting_weights import read_weights

    try:
        return bool(read_weights(path))
    except ModelError:
        return False
