"""What is measured of a whole layer, as plain values, and beside its untrained copies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import torch

from layerscope.analysis.observe import Observed
from layerscope.analysis.structure.effective_field import EffectiveField, effective_field
from layerscope.analysis.structure.linear_probe import halves, probe
from layerscope.analysis.structure.representation_geometry import (
    class_separation,
    duplicate_units,
    effective_dimension,
    sparsity,
)
from layerscope.analysis.structure.strongest_inputs import picture_weights
from layerscope.analysis.tuning.gabor_fit import LEAST_PX, GaborFits, fit_gabors
from layerscope.errors import UnreachedError
from layerscope.graph.program import Program

# More pairs than this say no more than their number.
MOST_DUPLICATES = 50
FIELD_PICTURES = 16


def layer_figures(
    program: Program,
    found: Mapping[str, Observed],
    labels: torch.Tensor,
    n_classes: int,
    images: torch.Tensor,
) -> dict[str, dict[str, Any]]:
    """Measure whole layers.

    Args:
        program: the network, or an untrained copy.
        found: layer -> what was observed.
        labels: int64 (N,), of the observed pictures.
        n_classes: K.
        images: float (B, C, H, W), for the effective receptive field.

    Returns:
        layer -> its figures. The probe learns from one half of each class's pictures and is scored
        on the other.
    """
    learned, scored = halves(labels)
    figures = {}
    for name, seen in found.items():
        pooled, at_places = seen.features.pooled, seen.features.at_places.flatten(0, 1)
        result = None
        if len(labels[learned].unique()) > 1:
            result = probe(
                pooled[learned], labels[learned], pooled[scored], labels[scored],
                n_classes=n_classes,
            )  # fmt: skip
        field = field_of(program, name, images[:FIELD_PICTURES])
        fits = gabor_fits(program, name)
        pairs = duplicate_units(at_places)
        figures[name] = {
            "probe": {
                "accuracy": result.accuracy,
                "interval": list(result.interval),
                "n": result.n,
                "chance": result.chance,
            }
            if result
            else None,
            "separation": class_separation(pooled, labels),
            "dimension": effective_dimension(at_places),
            "of": at_places.shape[1],
            "sparsity": sparsity(at_places) if at_places.shape[1] > 1 else None,
            "dead_share": float((seen.features.peaks.amax(0) <= 0).float().mean()),
            "effective_field_px": list(field.size_px) if field else None,
            "field_side_px": math.sqrt(math.prod(field.size_px)) if field else None,
            "gabor_share": float(fits.counts.float().mean()) if fits else None,
            "duplicate_pairs": len(pairs),
            "duplicates": [list(pair) for pair in pairs[:MOST_DUPLICATES]],
        }
    return figures


def field_of(program: Program, layer: str, images: torch.Tensor) -> EffectiveField | None:
    """A layer's effective receptive field; None also where these pictures do not reach it."""
    try:
        return effective_field(program, layer, images)
    except UnreachedError:
        return None


def gabor_fits(program: Program, name: str) -> GaborFits | None:
    """Gabor functions fitted to a first layer's filters; None for others and for small ones."""
    weight = picture_weights(program.model, program.layers, name)
    if weight is None or min(weight.shape[2:]) < LEAST_PX:
        return None
    return fit_gabors(weight)


# What is one number of a layer, and its control's the same number of each copy.
PLAIN = ("separation", "sparsity", "dead_share", "duplicate_pairs", "field_side_px", "gabor_share")


def compared(own: dict[str, Any], untrained: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A layer's figures beside those of its untrained copies, as docs/atlas.md has them."""

    def control(key: str) -> dict[str, float] | None:
        return spread([copy[key] for copy in untrained if copy[key] is not None])

    probes = [copy["probe"]["accuracy"] for copy in untrained if copy["probe"]]
    return {
        "probe": {**own["probe"], "untrained": spread(probes)} if own["probe"] else None,
        "dimension": {
            "value": own["dimension"],
            "of": own["of"],
            "untrained": control("dimension"),
        },
        **{
            key: None if own[key] is None else {"value": own[key], "untrained": control(key)}
            for key in PLAIN
        },
        "effective_field_px": own["effective_field_px"],
        "duplicates": own["duplicates"],
    }


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Mean and range of a control; None without one."""
    if not values:
        return None
    return {"mean": fmean(values), "low": min(values), "high": max(values)}
