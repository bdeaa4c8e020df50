"""A network that a user's own code builds: `package.module:callable` or `file.py:callable`."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from layerscope.errors import ModelError, first_line, nearest
from layerscope.graph.state_guard import opened
from layerscope.models.keras.keras_library import is_keras
from layerscope.models.keras.rebuild import from_keras


def call(name: str, *, size: int | None = None) -> nn.Module:
    """Import what is named and call it without arguments; a network that lies there ready will do.

    Args:
        name: "package.module:callable", which is looked for in the folder at hand too, or
            "path/file.py:callable".
        size: side of the pictures in pixels, for a Keras network that leaves it open.

    Returns:
        The network; a Keras one is built again in torch.

    Raises:
        ModelError: it cannot be imported, fails, or gives no network.
    """
    home, _, attribute = name.rpartition(":")
    os.environ.setdefault("KERAS_BACKEND", "torch")  # should the module import Keras
    module = from_file(Path(home)) if home.endswith(".py") else from_package(home)
    if not hasattr(module, attribute):
        known = [n for n in vars(module) if not n.startswith("_")]
        raise ModelError(f"{home} has no {attribute!r}{nearest(attribute, known)}")
    found = getattr(module, attribute)
    try:
        model = found if isinstance(found, nn.Module) or is_keras(found) else found()
    except Exception as error:  # whatever a strange function meets
        raise ModelError(
            f"{name}() failed ({type(error).__name__}: {first_line(error)}); it is called without "
            "arguments and gives the network"
        ) from error
    if is_keras(model):
        return from_keras(model, size=(size, size) if size else None)
    return as_network(model, name)


def from_package(home: str) -> ModuleType:
    """Import a module by its dotted name."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(home)
    except Exception as error:  # whatever a strange module meets while it is imported
        raise ModelError(
            f"{home} cannot be imported ({type(error).__name__}: {first_line(error)}); "
            "name package.module:callable as Python would import it, or file.py:callable"
        ) from error


def from_file(path: Path) -> ModuleType:
    """Import a Python file, which finds the modules beside it as a script does."""
    path = path.expanduser()
    if not path.is_file():
        raise ModelError(f"there is no file {path}; name file.py:callable")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # dataclasses and pickles of the file look there
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a strange file meets while it is run
        raise ModelError(
            f"{path} cannot be imported ({type(error).__name__}: {first_line(error)})"
        ) from error
    return module


def as_network(found: Any, name: str) -> nn.Module:
    """The network in what a callable gave: a compiled, parallel or Lightning one's original.

    Raises:
        ModelError: it is no network whose layers can be seen.
    """
    if isinstance(found, tuple | list) and found and isinstance(found[0], nn.Module):
        raise ModelError(
            f"{name} gives a {type(found).__name__} of {len(found)}; give the network alone"
        )
    if isinstance(found, torch.jit.ScriptModule):
        raise ModelError(
            f"{name} gives a script module, whose layers are compiled away; give the network that "
            "was scripted or traced"
        )
    if isinstance(found, dict):
        raise ModelError(
            f"{name} gives a dict; a state dictionary has no layers: build the network, call its "
            "load_state_dict, and give the network"
        )
    if not isinstance(found, nn.Module):
        raise ModelError(f"{name} gives a {type(found).__name__}; it must give a torch.nn.Module")
    return opened(found)
