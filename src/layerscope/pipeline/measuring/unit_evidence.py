"""What is measured of each unit: what it responds to, its tuning and concepts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import torch

from layerscope.analysis.concepts.descriptions import Description, KindMeasures
from layerscope.analysis.observe import Observed
from layerscope.analysis.tuning.gabor_fit import GaborFits
from layerscope.analysis.tuning.tunings import Tunings
from layerscope.data.imageset import ImageSet
from layerscope.formats.unit_record import Concept, DescriptionRecord, Tuning, UnitEvidence

CONCEPTS = 3


def unit_evidence(
    seen: Observed,
    described: Sequence[tuple[Description, ...]],
    untrained: Sequence[KindMeasures],
    imageset: ImageSet,
    fits: GaborFits | None,
    strongest: Sequence[Sequence[tuple[int, float]]],
    *,
    outputs: Sequence[str] = (),
) -> list[UnitEvidence]:
    """Every unit's descriptions, tuning, concepts and strongest inputs.

    Args:
        seen: what was observed of the layer.
        described: what each unit responds to.
        untrained: the same layer's measures in untrained copies.
        imageset: the pictures, for the words.
        fits: of its filters, where it has some of a size to be fitted.
        strongest: of each unit, the units that it reads most and the norm of its weights on them;
            empty where that is not known.
        outputs: what each unit is the output for, in the network's last layer; else empty.
    """
    nulls = {
        kind: float(torch.cat([copy.values[kind] for copy in untrained]).double().quantile(0.95))
        for kind in ("class", "part")
        if untrained and all(kind in copy.values for copy in untrained)
    }
    rare = (~seen.places.any(0)).tolist()
    records = []
    for u, listed in enumerate(described):
        first = next((one for one in listed if one.holds), None)
        role = f"output for {outputs[u]}" if outputs else "rarely active" if rare[u] else None
        records.append(
            UnitEvidence(
                name=first.words if first else None,
                kind=first.kind if first else None,
                role=role,
                descriptions=tuple(DescriptionRecord(**asdict(one)) for one in listed),
                tuning=tuning_record(seen.tunings, fits, u),
                concepts=concepts(seen, u, imageset, nulls),
                strongest_inputs=tuple(strongest[u]) if u < len(strongest) else (),
            )
        )
    return records


def tuning_record(found: Tunings, fits: GaborFits | None, u: int) -> Tuning:
    """One unit's responses to synthetic stimuli, and how well a Gabor function fits its filter."""
    prefers, lines = found.prefers, found.indices.lines
    return Tuning(
        orientation_deg=float(lines.angle_deg[u]) if found.best[u] else None,
        orientation_selectivity=float(lines.orientation[u]),
        orientation_curve=tuple(found.curve[u].tolist()),
        frequency_cycles_px=known(lines.frequency_cycles_px[u]),
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
            value=float(seen.classes.auroc[u, k]),
            measure="auroc",
            untrained_p95=(1 + nulls.get("class", 0.0)) / 2,
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
                untrained_p95=nulls.get("part", 0.0),
            )
            for p, name in enumerate(imageset.part_names)
        ]
    found.sort(key=lambda concept: concept.value / max(concept.untrained_p95, 1e-6), reverse=True)
    return tuple(found[:CONCEPTS])
