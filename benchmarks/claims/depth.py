"""How well each layer tells the classes apart, in the order of the forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import nn

from layerscope.analysis.activations.pooled_features import gather_features
from layerscope.analysis.structure.linear_probe import halves, probe
from layerscope.analysis.structure.representation_geometry import class_separation
from layerscope.data.imageset import ImageSet
from layerscope.graph.read import read_program
from layerscope.models.spec import ModelSpec


@dataclass(frozen=True)
class DepthCurve:
    """The activation layers of a network, first to last.

    Args:
        layers: their names.
        accuracy: of a linear probe, on the half of the pictures that it did not learn from.
        separation: the share of the features' variance that lies between the classes.
    """

    layers: tuple[str, ...]
    accuracy: tuple[float, ...]
    separation: tuple[float, ...]


def depth_curve(
    model: nn.Module, spec: ModelSpec, imageset: ImageSet, *, pictures: int = 1000
) -> DepthCurve:
    """Measure every activation layer as the atlas does: features pooled 2 x 2, at most 512."""
    rows = torch.arange(min(pictures, len(imageset)))
    labels = imageset.labels[rows]
    learned, scored = halves(labels)
    program = read_program(model, spec.normalise(imageset.take(rows[:1])))
    layers = tuple(layer.name for layer in program.layers if layer.kind == "activation")
    found = gather_features(program, layers, imageset, rows, spec.normalise, seed=0)
    accuracy, separation = [], []
    for name in layers:
        x = found[name].pooled
        result = probe(
            x[learned], labels[learned], x[scored], labels[scored], n_classes=imageset.n_classes
        )
        accuracy.append(result.accuracy)
        separation.append(class_separation(x, labels))
    return DepthCurve(layers, tuple(accuracy), tuple(separation))


def rank_with_depth(values: Sequence[float]) -> float:
    """Spearman's correlation of the layers' values with their place."""
    found: Any = spearmanr(range(len(values)), values)
    return float(found.statistic)
