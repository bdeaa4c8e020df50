"""What is measured of a whole layer, and beside its untrained copies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from msgspec import Struct
from msgspec.structs import replace

from layerscope.analysis.activations.unit_statistics import dead_of
from layerscope.analysis.observe import Observed
from layerscope.analysis.pictures.class_check import compares_classes
from layerscope.analysis.structure.effective_field import (
    EffectiveField,
    effective_field,
    spread_units,
)
from layerscope.analysis.structure.representation_geometry import (
    class_separation,
    duplicate_units,
    effective_dimension,
    sparsity,
)
from layerscope.analysis.structure.strongest_inputs import picture_weights
from layerscope.analysis.tuning.gabor_fit import LEAST_PX, GaborFits, fit_gabors
from layerscope.batch_budget import kept_at_once
from layerscope.errors import NoGradientError, UnreachedError
from layerscope.formats.layer_record import Compared, EffectiveDimension, LayerEvidence, Probe
from layerscope.formats.unit_record import ControlRange
from layerscope.graph.program import Program
from layerscope.pipeline.measuring.layer_probes import ProbePictures, layer_probes
from layerscope.pipeline.recording.control_ranges import least_to_most

# More pairs than this say no more than their number.
MOST_DUPLICATES = 50


class LayerFigures(Struct, frozen=True, kw_only=True):
    """The figures of one layer in one network; `LayerEvidence` says what they are.

    Args:
        probe: without its control; None without two pictures of each of two classes.
        class_separation: from 0 to 1; None where the pictures cannot tell.
        effective_dimension: at most `n_units`.
        n_units: of the layer.
        sparsity: None of a single unit.
        dead_frac: from 0 to 1.
        effective_field_px: (height, width); None without a receptive field.
        effective_field_side_px: likewise.
        gabor_frac: None where no filter can be fitted.
        duplicate_pairs: how many.
        duplicates: (unit, unit, correlation) of the first of them.
    """

    probe: Probe | None
    class_separation: float | None
    effective_dimension: float
    n_units: int
    sparsity: float | None
    dead_frac: float
    effective_field_px: tuple[float, float] | None
    effective_field_side_px: float | None
    gabor_frac: float | None
    duplicate_pairs: int
    duplicates: tuple[tuple[int, int, float], ...]


def layer_figures(
    program: Program,
    found: Mapping[str, Observed],
    labels: torch.Tensor,
    n_classes: int,
    images: torch.Tensor,
    probing: ProbePictures | None,
    *,
    fields: tuple[int, int],
    over_halves: bool = False,
) -> dict[str, LayerFigures]:
    """Measure whole layers.

    Args:
        program: the network, or an untrained copy.
        found: layer -> what was observed.
        labels: int64 (N,), of the observed pictures.
        n_classes: K.
        images: float (B, C, H, W), for the effective receptive field.
        fields: (pictures, units) that it is measured on.
        probing: what probes learn from; None: half of the measured pictures.
        over_halves: whether probes are fitted to halves of that too.

    Returns:
        layer -> its figures.
    """
    scored = {name: seen.features.pooled for name, seen in found.items()}
    probes = layer_probes(program, scored, labels, n_classes, probing, over_halves=over_halves)
    told_apart = compares_classes(labels)
    figures = {}
    for name, seen in found.items():
        pooled, at_places = seen.features.pooled, seen.features.at_places.flatten(0, 1)
        field = field_of(program, name, images[: fields[0]], n_units=fields[1])
        fits = gabor_fits(program, name)
        pairs = duplicate_units(at_places)
        figures[name] = LayerFigures(
            probe=probes.get(name),
            class_separation=class_separation(pooled, labels) if told_apart else None,
            effective_dimension=effective_dimension(at_places),
            n_units=at_places.shape[1],
            sparsity=sparsity(at_places) if at_places.shape[1] > 1 else None,
            dead_frac=float(dead_of(at_places.amin(0), seen.features.peaks.amax(0)).float().mean()),
            effective_field_px=field.size_px if field else None,
            effective_field_side_px=math.sqrt(math.prod(field.size_px)) if field else None,
            gabor_frac=float(fits.counts.float().mean()) if fits else None,
            duplicate_pairs=len(pairs),
            duplicates=tuple(pairs[:MOST_DUPLICATES]),
        )
    return figures


def field_of(
    program: Program, layer: str, images: torch.Tensor, *, n_units: int
) -> EffectiveField | None:
    """A layer's effective receptive field; None where there is none that gradients tell.

    That is without maps, or where no picture or no gradient passes.
    """
    own = next(found for found in program.layers if found.name == layer)
    if len(own.shape) != 3:
        return None
    # Every output is kept for the way back, where it gets a gradient of the same size.
    n_bytes = 8 * sum(math.prod(found.shape) for found in program.layers)
    some = images[: kept_at_once(n_bytes, gradients=True)]
    try:
        return effective_field(program, layer, some, units=spread_units(own.n_units, n_units))
    except (UnreachedError, NoGradientError):
        return None


def gabor_fits(program: Program, name: str) -> GaborFits | None:
    """Gabor functions fitted to a first layer's filters; None for others and for small ones."""
    weight = picture_weights(program.model, program.layers, name)
    if weight is None or min(weight.shape[2:]) < LEAST_PX:
        return None
    return fit_gabors(weight)


def compared(own: LayerFigures, untrained: Sequence[LayerFigures]) -> LayerEvidence:
    """A layer's figures beside those of its untrained copies."""

    def control(key: str) -> ControlRange | None:
        return least_to_most(
            [found for copy in untrained if (found := getattr(copy, key)) is not None]
        )

    def beside(key: str) -> Compared | None:
        value = getattr(own, key)
        return None if value is None else Compared(value=value, untrained=control(key))

    probes = [copy.probe.accuracy for copy in untrained if copy.probe]
    return LayerEvidence(
        probe=replace(own.probe, untrained=least_to_most(probes)) if own.probe else None,
        class_separation=beside("class_separation"),
        effective_dimension=EffectiveDimension(
            value=own.effective_dimension,
            n_units=own.n_units,
            untrained=control("effective_dimension"),
        ),
        sparsity=beside("sparsity"),
        dead_frac=beside("dead_frac"),
        duplicate_pairs=beside("duplicate_pairs"),
        duplicates=own.duplicates,
        effective_field_px=own.effective_field_px,
        effective_field_side_px=beside("effective_field_side_px"),
        gabor_frac=beside("gabor_frac"),
    )
