"""The way of a network's state through its space: two components, its dimension, and its line."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from layerscope.analysis.concepts.class_selectivity import class_auroc
from layerscope.analysis.sequences.word_states import WordStates
from layerscope.analysis.structure.representation_geometry import effective_dimension


@dataclass(frozen=True)
class StatePath:
    """The principal components of a layer's states over all words of all sentences.

    Args:
        mean: float64 (U,).
        axes: float64 (2, U), of unit length; the first points to the second class.
        share: float64 (2,), of the variance that each holds.
        dimension: participation ratio of the states.
        along: float64 (N, T, 2), the paths.
        label_auroc: how well the place of the last state along the first component tells two
            classes apart; None without two classes.
    """

    mean: torch.Tensor = field(repr=False)
    axes: torch.Tensor = field(repr=False)
    share: torch.Tensor = field(repr=False)
    dimension: float
    along: torch.Tensor = field(repr=False)
    label_auroc: float | None


def state_path(found: WordStates, labels: torch.Tensor | None = None) -> StatePath:
    """Lay the states of all words along the two directions in which they vary most.

    Args:
        found: of one layer.
        labels: int64 (N,) of two classes, or None.

    Source: Maheswaranathan et al., "Reverse engineering recurrent networks for sentiment
    classification reveals line attractor dynamics", 2019: a trained network moves along a line.
    """
    values = found.states[found.within].double()
    mean = values.mean(0)
    away = values - mean
    spread, vectors = torch.linalg.eigh(away.T @ away)
    axes = vectors.flip(1)[:, :2].T.clone()
    # A direction has no sign of its own: its largest weight is made positive.
    axes *= axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    told = None
    if labels is not None and len(labels.unique()) == 2:
        one = (found.last().double() - mean) @ axes[:1].T
        told = float(class_auroc(one, (labels == labels.max()).long(), 2)[0, 1])
        if told < 0.5:
            axes[0], told = -axes[0], 1 - told
    total = float(spread.sum()) or 1.0
    return StatePath(
        mean=mean,
        axes=axes,
        share=spread.flip(0)[:2].clamp(min=0) / total,
        dimension=effective_dimension(values),
        along=(found.states.double() - mean) @ axes.T,
        label_auroc=told,
    )
