"""What is measured of each unit: what it responds to, its tuning and concepts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch

from layerscope.analysis.concepts.descriptions import Description, KindMeasures
from layerscope.analysis.observe import Observed
from layerscope.analysis.structure.strongest_inputs import UnitInputs
from layerscope.analysis.tuning.gabor_fit import GaborFits
from layerscope.analysis.tuning.tunings import Tunings
from layerscope.data.imageset import ImageSet
from layerscope.formats.unit_record import Concept, DescriptionRecord, Tuning, UnitEvidence

CONCEPTS = 3


Links = Sequence[Sequence[tuple[int, float]]]


@dataclass(frozen=True)
class UnitLinks:
    """What the units of a layer are connected with; empty where it is not known.

    Args:
        strongest: of each unit, the units that it reads most, with the signed norm of its weights.
        excited_by, inhibited_by: the units that raise and lower it most.
        class_weights: float (U, K); None where the way to the logits is not linear.
    """

    strongest: Links = ()
    excited_by: Links = ()
    inhibited_by: Links = ()
    class_weights: torch.Tensor | None = None


def unit_links(
    inputs: UnitInputs, found: Mapping[str, Observed], weights: torch.Tensor | None
) -> UnitLinks:
    """What the units of a layer are connected with.

    Args:
        inputs: what they read.
        found: layer -> what was observed, for how much each unit that is read varies.
        weights: on the classes.
    """
    if inputs.source is None or inputs.source not in found:
        return UnitLinks(inputs.strongest, class_weights=weights)
    deviations = found[inputs.source].features.at_places.flatten(0, 1).std(0, correction=0)
    return UnitLinks(
        inputs.strongest, inputs.driving(deviations, 1), inputs.driving(deviations, -1), weights
    )


def at(links: Links, u: int) -> tuple[tuple[int, float], ...]:
    """The links of one unit."""
    return tuple(links[u]) if u < len(links) else ()


def unit_evidence(
    seen: Observed,
    described: Sequence[tuple[Description, ...]],
    untrained: Sequence[KindMeasures],
    imageset: ImageSet,
    fits: GaborFits | None,
    links: UnitLinks,
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
        links: of each unit with the units before it and with the classes.
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
                strongest_inputs=at(links.strongest, u),
                excited_by=at(links.excited_by, u),
                inhibited_by=at(links.inhibited_by, u),
                class_weights=tuple(links.class_weights[u].tolist())
                if links.class_weights is not None
                else (),
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

    A class counts by AUROC, a part by IoU; each beside what 95% of untrained units stay below.
    """
    found = []
    if seen.classes is not None:
        found += [
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
