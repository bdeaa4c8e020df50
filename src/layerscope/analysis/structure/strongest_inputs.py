"""The units of the layer before that a unit has its largest weights on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from layerscope.graph.layer import INPUT, Layer

STRONGEST = 4
# Kinds of layers that keep the order of units.
PASSING = ("activation", "batch_norm", "dropout", "max_pool", "avg_pool", "global_pool", "flatten")


def strongest_inputs(
    model: nn.Module, layers: Sequence[Layer], name: str, measured: Sequence[str]
) -> tuple[str | None, list[list[tuple[int, float]]]]:
    """The units that each unit of a layer has its largest weights on.

    Args:
        model: the network.
        layers: all of its layers.
        name: the layer whose inputs are wanted: a convolution, a dense layer, or the activation
            behind one.
        measured: the layers whose units have a page.

    Returns:
        The layer that is read, and for each unit at most four (unit there, Euclidean norm of
        the weights on it), strongest first. None and [] where the layer reads the picture itself,
        an addition, or has no weights.
    """
    known = {layer.name: layer for layer in layers}
    weights = weights_behind(model, known, name)
    if weights is None:
        return None, []
    source = read_through(known, known[weights].inputs, measured)
    module = dict(model.named_modules()).get(known[weights].module or "-")
    if source is None or not isinstance(module, nn.Conv2d | nn.Linear):
        return None, []
    norms = channel_norms(module, known[source].n_units)
    if norms is None:
        return None, []
    best, order = norms.topk(min(STRONGEST, norms.shape[1]), dim=1)
    return source, [
        list(zip(units, sizes, strict=True))
        for units, sizes in zip(order.tolist(), best.tolist(), strict=True)
    ]


def picture_weights(model: nn.Module, layers: Sequence[Layer], name: str) -> torch.Tensor | None:
    """The weights of a convolution that reads the picture itself: float (U, C, h, w), or None.

    Args:
        model: the network.
        layers: all of its layers.
        name: the convolution, or an activation that its units are seen through.
    """
    known = {layer.name: layer for layer in layers}
    weights = weights_behind(model, known, name)
    if weights is None or known[weights].inputs != (INPUT,):
        return None
    module = dict(model.named_modules()).get(known[weights].module or "-")
    return module.weight.detach() if isinstance(module, nn.Conv2d) else None


def weights_behind(model: nn.Module, known: Mapping[str, Layer], name: str) -> str | None:
    """The convolution or dense layer whose units a layer shows; None where several are mixed."""
    layer = known.get(name)
    while layer is not None and layer.kind not in ("conv", "dense"):
        if len(layer.inputs) != 1 or layer.kind not in ("activation", "batch_norm"):
            return None
        layer = known.get(layer.inputs[0])
    return layer.name if layer else None


def read_through(
    known: Mapping[str, Layer], inputs: Sequence[str], measured: Sequence[str]
) -> str | None:
    """The measured layer that some inputs come from, through layers that keep the units apart."""
    while len(inputs) == 1 and inputs[0] != INPUT:
        layer = known[inputs[0]]
        if layer.name in measured:
            return layer.name
        if layer.kind not in PASSING:
            return None
        inputs = layer.inputs
    return None


def channel_norms(module: nn.Conv2d | nn.Linear, units: int) -> torch.Tensor | None:
    """The norm of each unit's weights on each unit before it: float (U, units).

    A dense layer behind a flatten has as many weights on a unit as its map has places.
    """
    weight = module.weight.detach().float().cpu()
    if isinstance(module, nn.Conv2d):
        grouped = module.groups > 1 or module.in_channels != units
        return None if grouped else weight.flatten(2).norm(dim=2)
    if module.in_features % units:
        return None
    return weight.view(module.out_features, units, -1).norm(dim=2)
