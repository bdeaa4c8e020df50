"""What is measured of each unit: its name, tuning and concepts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from layerscope.analysis.concepts.unit_names import Naming
from layerscope.analysis.observe import Observed
from layerscope.analysis.tuning.gabor_fit import GaborFits
from layerscope.analysis.tuning.selectivity_indices import Tunings
from layerscope.data.imageset import ImageSet
from layerscope.formats.unit_record import Concept, Measure, Tuning, UnitEvidence

CONCEPTS = 3


def unit_evidence(
    seen: Observed,
    naming: Naming,
    imageset: ImageSet,
    fits: GaborFits | None,
    strongest: Sequence[Sequence[tuple[int, float]]],
) -> list[UnitEvidence]:
    """Every unit's name, measures, tuning, concepts and strongest inputs.

    Args:
        seen: what was observed of the layer.
        naming: its names, and what 95 % of untrained units stay below.
        imageset: the pictures, for the words.
        fits: of its filters, where it has some of a size to be fitted.
        strongest: of each unit, the units that it reads most and the norm of its weights on them;
            empty where that is not known.
    """
    return [
        UnitEvidence(
            name=unit.name,
            kind=unit.kind,
            score=unit.value,
            measures={
                kind: Measure(
                    value=float(seen.units.values[kind][u]),
                    untrained_p95=naming.null_95[kind],
                    p=float(naming.p[kind][u]),
                    passes=bool(naming.passes[kind][u]),
                    name=seen.units.words[kind][u],
                )
                for kind in naming.p
            },
            tuning=tuning_record(seen.tunings, fits, u),
            concepts=concepts(seen, u, imageset, naming.null_95),
            strongest_inputs=tuple(strongest[u]) if u < len(strongest) else (),
        )
        for u, unit in enumerate(naming.units)
    ]


def tuning_record(found: Tunings, fits: GaborFits | None, u: int) -> Tuning:
    """One unit's responses to synthetic stimuli, and how well a Gabor function fits its filter."""
    prefers = found.prefers
    return Tuning(
        orientation_deg=float(found.angle_deg[u]) if found.best[u] else None,
        orientation_selectivity=float(found.orientation[u]),
        orientation_curve=tuple(found.curve[u].tolist()),
        frequency_cycles_px=known(found.frequency_cycles_px[u]),
        best_family=found.best[u] or None,
        best_response_frac=float(found.reach_frac[u]),
        phase_deg=known(prefers.phase_deg[u]),
        phase_selectivity=known(prefers.phase_selectivity[u]),
        size_px=known(prefers.size_px[u]),
        curvature=known(prefers.curvature[u]),
        corner_deg=known(prefers.corner_deg[u]),
        gabor_r2=float(fits.r2[u]) if fits else None,
        is_gabor=bool(fits.counts[u]) if fits else None,
    )


def known(value: torch.Tensor) -> float | None:
    """A number, or None where it is not a number."""
    number = float(value)
    return None if math.isnan(number) else number


def concepts(
    seen: Observed, u: int, imageset: ImageSet, nulls: Mapping[str, float]
) -> tuple[Concept, ...]:
    """The classes and parts that a unit responds to best, those furthest above their control first.

    A class counts by AUROC, a part by IoU; each beside what 95 % of untrained units stay below.
    """
    found = [
        Concept(
            kind="class",
            name=name,
            value=float(seen.auroc[u, k]),
            measure="auroc",
            untrained_p95=(1 + nulls["object"]) / 2,
        )
        for k, name in enumerate(imageset.class_names)
    ]
    if seen.iou is not None:
        found += [
            Concept(
                kind="part",
                name=name,
                value=float(seen.iou[u, p]),
                measure="iou",
                untrained_p95=nulls["part"],
            )
            for p, name in enumerate(imageset.part_names)
        ]
    found.sort(key=lambda concept: concept.value / max(concept.untrained_p95, 1e-6), reverse=True)
    return tuple(found[:CONCEPTS])
