"""torchvision, made to load beside any build of torch, and timm on top of it."""

from __future__ import annotations

import importlib
from types import ModuleType

from layerscope.errors import ModelError

# What torchvision registers shapes for on import. Where its compiled part cannot load beside the
# installed build of torch, the import ends with "operator torchvision::nms does not exist".
OPERATORS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def torchvision() -> ModuleType:
    """Import torchvision.

    Its Python parts (data sets, networks, transforms) need none of its compiled operators. Where
    those cannot load, two of them are declared, without an implementation, so that the rest can.

    Example:
        >>> torchvision().datasets.MNIST                            # doctest: +SKIP
    """
    import torch

    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "does not exist" not in str(error):
            raise
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name, declaration in OPERATORS.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(declaration)
    module = importlib.import_module("torchvision")
    # The declarations live as long as the library object does.
    module.__dict__["_layerscope_operators"] = library
    return module


def timm() -> ModuleType:
    """Import timm, which imports torchvision in turn.

    Raises:
        ModelError: it is not installed.
    """
    torchvision()
    try:
        return importlib.import_module("timm")
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise
        raise ModelError(
            "networks named timm:NAME need timm, which is not installed: "
            "pip install 'layerscope[timm]'"
        ) from error
