"""The units of the layer before that a unit reads: what excites it and what inhibits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from layerscope.graph.layer import INPUT, Layer

STRONGEST = 4
# Kinds of layers that keep the order of units.
PASSING = ("activation", "batch_norm", "dropout", "max_pool", "avg_pool", "global_pool", "flatten")


@dataclass(frozen=True)
class UnitInputs:
    """What the units of a layer read, by their weights on the units of the layer before.

    Args:
        source: the layer that is read; None where it is the picture itself, an addition, or where
            there are no weights.
        norms: float (U, V), the Euclidean norm of each unit's weights on each unit before.
        sums: float (U, V), their sum, as a batch norm behind them scales it: what 1 more
            everywhere in the window adds to the unit.
    """

    source: str | None = None
    norms: torch.Tensor | None = None
    sums: torch.Tensor | None = None

    @property
    def strongest(self) -> list[list[tuple[int, float]]]:
        """For each unit at most four (unit before, norm), largest first; below zero where the
        weights sum to less than zero.
        """
        if self.norms is None or self.sums is None:
            return []
        signed = torch.where(self.sums < 0, -self.norms, self.norms)
        return [largest(row, by) for row, by in zip(signed, self.norms, strict=True)]

    def driving(self, deviations: torch.Tensor, sign: int) -> list[list[tuple[int, float]]]:
        """For each unit at most four that excite it (sign 1), or inhibit it (sign -1).

        Args:
            deviations: float (V,), of each unit's response before.

        Returns:
            (unit before, what one standard deviation of its response adds), furthest first.
        """
        if self.sums is None:
            return []
        added = self.sums * deviations
        return [
            [(unit, value) for unit, value in largest(row, sign * row) if sign * value > 0]
            for row in added
        ]


def largest(values: torch.Tensor, by: torch.Tensor) -> list[tuple[int, float]]:
    """The few values that another figure is largest for: [(place, value)]."""
    order = by.topk(min(STRONGEST, len(by))).indices
    return list(zip(order.tolist(), values[order].tolist(), strict=True))


def unit_inputs(
    model: nn.Module, layers: Sequence[Layer], name: str, measured: Sequence[str]
) -> UnitInputs:
    """What the units of a layer read.

    Args:
        model: the network.
        layers: all of its layers.
        name: the layer whose inputs are wanted: a convolution, a dense layer, or the activation
            behind one.
        measured: the layers whose units have a page.
    """
    known = {layer.name: layer for layer in layers}
    weights = weights_behind(model, known, name)
    if weights is None:
        return UnitInputs()
    source = read_through(known, known[weights].inputs, measured)
    modules = dict(model.named_modules())
    module = modules.get(known[weights].module or "-")
    if source is None or not isinstance(module, nn.Conv2d | nn.Linear):
        return UnitInputs()
    by_unit = weights_by_unit(module, known[source].n_units)
    if by_unit is None:
        return UnitInputs()
    scale = batch_norm_scale(modules, known, name, weights)
    return UnitInputs(source, by_unit.norm(dim=2), by_unit.sum(2) * scale[:, None])


def batch_norm_scale(
    modules: Mapping[str, nn.Module], known: Mapping[str, Layer], name: str, weights: str
) -> torch.Tensor:
    """What the batch norms between the weights and a layer multiply each unit by, float (U,)."""
    scale = torch.ones(known[weights].n_units)
    while name != weights:
        norm = modules.get(known[name].module or "-")
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) and norm.running_var is not None:
            own = (norm.running_var + norm.eps).rsqrt()
            scale = scale * (own if norm.weight is None else own * norm.weight).detach().cpu()
        name = known[name].inputs[0]
    return scale


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


def weights_by_unit(module: nn.Conv2d | nn.Linear, units: int) -> torch.Tensor | None:
    """Each unit's weights on each unit before it: float (U, units, weights).

    A dense layer behind a flatten has as many weights on a unit as its map has places.
    """
    weight = module.weight.detach().float().cpu()
    if isinstance(module, nn.Conv2d):
        grouped = module.groups > 1 or module.in_channels != units
        return None if grouped else weight.flatten(2)
    if module.in_features % units:
        return None
    return weight.view(module.out_features, units, -1)
