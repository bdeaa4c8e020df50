"""Measure one network: every figure of its layers and units that needs a control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from layerscope.analysis.activations.pooled_features import Features, gather_features
from layerscope.analysis.concepts.class_selectivity import class_auroc
from layerscope.analysis.concepts.dissection import part_overlap
from layerscope.analysis.concepts.unit_names import Measured
from layerscope.analysis.tuning.battery import make_battery
from layerscope.analysis.tuning.responses import Window, centre_responses, window_of
from layerscope.analysis.tuning.selectivity_indices import Tunings, selectivities, tune
from layerscope.data.imageset import ImageSet
from layerscope.graph.program import Program
from layerscope.graph.receptive_field import ReceptiveField, receptive_fields
from layerscope.models.spec import ModelSpec
from layerscope.seed import make_generator


@dataclass(frozen=True)
class Observed:
    """What was measured of one layer.

    Args:
        features: of every picture.
        units: every unit's selectivity, by kind.
        tunings: read from responses to synthetic stimuli.
        auroc: float (U, K), how well each unit separates each class from the others.
        iou: float (U, P) against each part; None without masks, or where units have no place.
    """

    features: Features
    units: Measured
    tunings: Tunings
    auroc: torch.Tensor
    iou: torch.Tensor | None


def observe(
    program: Program,
    layers: Sequence[str],
    imageset: ImageSet,
    rows: torch.Tensor,
    spec: ModelSpec,
    *,
    seed: int,
) -> dict[str, Observed]:
    """Measure every unit of some layers: tuning, classes, parts.

    The same pictures, stimuli and random choices serve for every network, so that a network and
    its untrained copies differ in their weights alone.

    Args:
        program: the network.
        layers: names of layers with units.
        imageset: pictures; with part masks, parts are measured too.
        rows: int64 (N,), which pictures.
        spec: what the network takes.
        seed: of the stimuli and of what is drawn.

    Returns:
        layer -> what was measured. A layer is left out that is not run for all pictures and
        stimuli, where the forward pass branches on values.
    """
    labels = imageset.labels[rows]
    fields = receptive_fields(program.layers, height=spec.height, width=spec.width)
    shapes = {layer.name: layer.shape for layer in program.layers}
    features = gather_features(program, layers, imageset, rows, spec.normalise, seed=seed)
    overlaps = {}
    if imageset.part_names:
        overlaps = part_overlap(
            program, layers, fields, imageset, rows, normalise=spec.normalise,
            generator=make_generator(seed, "places"),
        )  # fmt: skip
    found: dict[str, Observed] = {}
    for window, names in same_window(list(features), fields, shapes, spec).items():
        battery = make_battery(
            height=spec.height, width=spec.width, channels=spec.channels,
            centre_px=window[:2], window_px=window[2], seed=seed,
        )  # fmt: skip
        responses = centre_responses(program, names, battery.pixels, spec.normalise)
        for name in responses:
            peaks = features[name].peaks
            tunings = tune(responses[name], battery, natural_max=natural_maximum(peaks))
            auroc = class_auroc(peaks, labels, imageset.n_classes)
            iou = overlaps[name].iou if name in overlaps else None
            units = unit_measures(tunings, auroc, iou, imageset)
            found[name] = Observed(features[name], units, tunings, auroc, iou)
    return {name: found[name] for name in layers if name in found}


def same_window(
    layers: Sequence[str],
    fields: Mapping[str, ReceptiveField | None],
    shapes: Mapping[str, tuple[int, ...]],
    spec: ModelSpec,
) -> dict[Window, list[str]]:
    """The layers whose units look at the same place: the same stimuli serve all of them."""
    found: dict[Window, list[str]] = {}
    for name in layers:
        window = window_of(fields[name], shapes[name], height=spec.height, width=spec.width)
        found.setdefault(window, []).append(name)
    return found


def natural_maximum(peaks: torch.Tensor) -> torch.Tensor:
    """The natural maximum: each unit's mean over the nine pictures that drive it most, (U,).

    A single largest response grows with the number of pictures and may be an outlier.

    Args:
        peaks: float (N, U), each unit's largest response to each picture.
    """
    return peaks.topk(min(9, len(peaks)), dim=0).values.mean(0)


def unit_measures(
    tunings: Tunings, auroc: torch.Tensor, iou: torch.Tensor | None, imageset: ImageSet
) -> Measured:
    """Every kind's selectivity of a layer's units, and the name that each would give."""
    values = dict(selectivities(tunings))
    words = {kind: list(tunings.words[kind]) for kind in values}
    best = auroc.max(1)
    values["object"] = (2 * best.values - 1).float()
    words["object"] = [imageset.class_names[k] for k in best.indices.tolist()]
    if iou is not None:
        most = iou.max(1)
        values["part"] = most.values
        words["part"] = [imageset.part_names[p] for p in most.indices.tolist()]
    return Measured(values, words)
