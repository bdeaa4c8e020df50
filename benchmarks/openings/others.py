"""One network under TorchLens, captum's LayerActivation and torchvision's feature extractor.

    cd benchmarks; python -m openings.others keras MobileNet openings.keras_networks:MobileNet 0

Each is asked for what every convolution and dense layer gives for one picture. `found` says of how
many layers it does, `right` of how many it gives what a plain hook of torch gives. Keras's networks
are given as they are (modules of torch, on Keras's torch backend), those of layerscope's are not.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from openings.one import silent

MOST_LAYERS = 12  # captum runs the network once for each


def network(kind: str, name: str, opened_by: str, size: int) -> tuple[nn.Module, torch.Tensor]:
    """A network as its author has it, and a picture for it."""
    torch.manual_seed(0)
    if kind == "torchvision":
        from layerscope.vision import torchvision

        model = torchvision().models.get_model(name, weights=None)
        return model.eval(), torch.rand(1, 3, size, size)
    if kind == "timm":
        from layerscope.vision import timm

        model = timm().create_model(name, pretrained=False)
        side = size or model.pretrained_cfg["input_size"][1]
        return model.eval(), torch.rand(1, 3, side, side)
    if kind == "people":
        from openings import people

        return getattr(people, name)().eval(), torch.rand(1, 3, size, size)
    if kind == "transformers":
        import transformers

        from openings import hf_networks

        with tempfile.TemporaryDirectory() as home:
            folder = hf_networks.save(name, Path(home))
            model = transformers.AutoModelForImageClassification.from_pretrained(folder)
        side = getattr(model.config, "image_size", 64)
        return model.eval(), torch.rand(1, 3, side, side)
    from openings import keras_networks

    model = getattr(keras_networks, name)()
    shape = [side or 32 for side in model.inputs[0].shape[1:]] if model.inputs else [24, 24, 3]
    return InEvaluation(model), torch.rand(1, *shape)


class InEvaluation(nn.Module):
    """A Keras network as it predicts: called plainly, its random layers would draw numbers."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the network predicts for pictures (B, H, W, C)."""
        return self.model(x, training=False)


KERAS_LAYERS = ("Conv2D", "Dense", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose")


def named(model: nn.Module) -> dict[str, nn.Module]:
    """The layers with weights, by torch's paths; Keras's by their names, since torch has none."""
    if isinstance(model, InEvaluation):
        layers = model.model._flatten_layers()  # type: ignore[operator]
        return {layer.name: layer for layer in layers if type(layer).__name__ in KERAS_LAYERS}
    return {p: m for p, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}


def layers_of(model: nn.Module, picture: torch.Tensor) -> dict[str, torch.Tensor]:
    """What a plain hook sees of each layer with weights that is called, at its first call."""
    found: dict[str, torch.Tensor] = {}
    handles = []
    for path, module in named(model).items():

        def keep(_: nn.Module, __: Any, output: Any, path: str = path) -> None:
            if isinstance(output, torch.Tensor):
                found.setdefault(path, output.detach().clone())

        handles.append(module.register_forward_hook(keep))
    with torch.no_grad():
        model(picture)
    for handle in handles:
        handle.remove()
    return found


def by_captum(model: nn.Module, picture: torch.Tensor, paths: list[str]) -> dict[str, Any]:
    """captum: one layer at a time."""
    from captum.attr import LayerActivation

    given = {}
    for path in paths:
        with contextlib.suppress(Exception):
            value = LayerActivation(model, named(model)[path]).attribute(picture)
            given[path] = value[0] if isinstance(value, tuple) else value
    return given


def by_torchvision(model: nn.Module, picture: torch.Tensor, paths: list[str]) -> dict[str, Any]:
    """torchvision: all at once, from a symbolic trace."""
    from layerscope.vision import torchvision

    torchvision()
    from torchvision.models.feature_extraction import create_feature_extractor

    return create_feature_extractor(model, return_nodes={path: path for path in paths})(picture)


def by_torchlens(model: nn.Module, picture: torch.Tensor, paths: list[str]) -> dict[str, Any]:
    """TorchLens: every operation of one forward pass; a layer is where one has its values."""
    import torchlens

    trace = torchlens.trace(model, picture)
    values = [op.out for op in trace.layer_list if isinstance(op.out, torch.Tensor)]
    own = layers_of(model, picture)
    given = {}
    for path in paths:
        for value in values:
            if value.shape == own[path].shape and torch.allclose(value, own[path], atol=1e-4):
                given[path] = value
                break
    return given


def tried(
    way: Callable[[nn.Module, torch.Tensor, list[str]], dict[str, Any]],
    model: nn.Module,
    picture: torch.Tensor,
    own: dict[str, torch.Tensor],
) -> dict[str, Any]:
    """One tool, asked for at most a dozen layers."""
    step = max(1, len(own) // MOST_LAYERS)
    paths = list(own)[::step]
    try:
        with torch.no_grad():
            given = way(model, picture, paths)
    except Exception as error:  # whatever another's tool meets
        return {"asked": len(paths), "found": 0, "right": 0,
                "why": f"{type(error).__name__}: {error}"[:200]}  # fmt: skip
    tensors = {path: value for path, value in given.items() if isinstance(value, torch.Tensor)}
    right = sum(
        value.shape == own[path].shape and torch.allclose(value, own[path], atol=1e-4, rtol=1e-3)
        for path, value in tensors.items()
    )
    return {"asked": len(paths), "found": len(tensors), "right": int(right)}


def row_of(kind: str, name: str, opened_by: str, size: int) -> dict[str, Any]:
    """What each tool gives of one network."""
    row: dict[str, Any] = {}
    with silent():
        try:
            model, picture = network(kind, name, opened_by, size)
            own = layers_of(model, picture)
            row["there"] = len(own)
            ways = {"torchlens": by_torchlens, "captum": by_captum, "torchvision": by_torchvision}
            for tool, way in ways.items():
                row[tool] = tried(way, model, picture, own)
        except Exception as error:  # the network itself
            row["why"] = f"{type(error).__name__}: {error}"[:200]
    return row


if __name__ == "__main__":
    print(json.dumps(row_of(*sys.argv[1:4], int(sys.argv[4]))))
