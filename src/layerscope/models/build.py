"""From a name to a spec, from a spec to a network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from layerscope.errors import ModelError, nearest
from layerscope.models.nets.classic import CLASSICS, build_classic
from layerscope.models.nets.compact import COMPACT, build_compact
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.pretrained.backbone import build_backbone, find_backbone, torchvision_names
from layerscope.models.spec import LIBRARIES, OWN, ModelSpec, NetShape, is_backbone


def model_names() -> tuple[str, ...]:
    """The names of our own networks; `make_spec` knows those of torchvision and timm besides."""
    return (*(classic.name for classic in CLASSICS), "compact")


def make_spec(
    name: str,
    *,
    class_names: Sequence[str],
    channels: int,
    height: int,
    width: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> ModelSpec:
    """Describe a named network for some pictures and classes.

    Args:
        name: one of `model_names()`, "torchvision:NAME" or "timm:NAME".
        class_names: K names.
        channels, height, width: of one picture. A library's network takes colour: grey pictures
            are repeated to three channels (`data.imageset.in_channels`).
        mean, std: per channel, of `pixels / 255`. A library's network keeps those that its
            published weights were learned with.

    Raises:
        ModelError: there is no such network, or fewer than two classes.

    Example:
        >>> spec = make_spec("fashion-cnn", class_names="abcdefghij", channels=1,
        ...                  height=28, width=28, mean=[0.29], std=[0.35])
        >>> sum(p.numel() for p in build(spec, torch.Generator()).parameters())
        121930
    """
    shapes = {classic.name: classic.shape for classic in CLASSICS} | {"compact": COMPACT}
    if is_backbone(name):
        found = find_backbone(name)
        channels, mean, std = 3, found.mean, found.std
        shapes[name] = NetShape(widths=(), hidden=())
    if name not in shapes:
        meant = f"torchvision:{name}"
        if meant in torchvision_names():
            raise ModelError(f"there is no network {name!r}; did you mean {meant!r}?")
        libraries = " and ".join(f"{library}:NAME" for library in LIBRARIES)
        raise ModelError(
            f"there is no network {name!r}{nearest(name, shapes)}; {libraries} name a library's"
        )
    return ModelSpec(
        name=name,
        class_names=tuple(class_names),
        preprocessing=Preprocessing(
            channels,
            height,
            width,
            mean=tuple(float(m) for m in mean),
            std=tuple(float(s) for s in std),
        ),
        shape=shapes[name],
    )


def build(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """Build a network with fresh weights.

    Args:
        spec: what `make_spec` gave, or a run's own.
        generator: draws the weights.

    Returns:
        A module in training mode, from images float32 (B, C, H, W) to logits (B, n_logits).

    Raises:
        ModelError: the pictures are too small for it, or it was handed over as a module.
    """
    if is_backbone(spec.name):
        return build_backbone(spec, generator)
    if spec.name.startswith(OWN):
        raise ModelError(
            f"{spec.name.removeprefix(OWN)} was handed over as a module, and only its weights are "
            "kept; hand it over again: model=…"
        )
    with torch.device("meta"):  # lays the layers out without drawing from torch's global generator
        model = build_compact(spec) if spec.name == "compact" else build_classic(spec)
    model = model.to_empty(device="cpu")
    initialise(model, spec.shape, generator)
    return model


def initialise(model: nn.Module, shape: NetShape, generator: torch.Generator) -> None:
    """Draw the weights of a network afresh, in place.

    Weights keep the variance of their inputs through the activation; biases start at zero; batch
    norms start as the identity; the last dense layer starts small, so that the first predictions
    are close to even.

    Source: He et al., "Delving Deep into Rectifiers", 2015, section 2.2; for tanh and sigmoid
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    2010, equation 16.
    """
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for layer in layers:
        if shape.activation in ("relu", "gelu"):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        else:
            nn.init.xavier_normal_(layer.weight, generator=generator)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    with torch.no_grad():
        layers[-1].weight.mul_(0.3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.reset_parameters()
