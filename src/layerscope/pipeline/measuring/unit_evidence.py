"""What is measured of each unit, as plain values: its name, tuning and concepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layerscope.analysis.concepts.unit_names import Naming
from layerscope.analysis.observe import Observed
from layerscope.analysis.tuning.gabor_fit import GaborFits
from layerscope.data.imageset import ImageSet

CONCEPTS = 3


def nothing_known() -> dict[str, Any]:
    """The fields of a unit of which nothing was measured."""
    return {
        "name": None,
        "kind": None,
        "score": None,
        "measures": {},
        "tuning": None,
        "concepts": [],
        "ablation": None,
        "made": None,
        "strongest_inputs": [],
    }


def named_units(
    seen: Observed, naming: Naming, imageset: ImageSet, fits: GaborFits | None
) -> list[dict[str, Any]]:
    """Every unit's name, measures, tuning and concepts.

    Args:
        seen: what was observed of the layer.
        naming: its names, and what 95 % of untrained units stay below.
        imageset: the pictures, for the words.
        fits: of its filters, where it has some of a size to be fitted.
    """
    records = []
    for u, unit in enumerate(naming.units):
        records.append(
            {
                **nothing_known(),
                "name": unit.name,
                "kind": unit.kind,
                "score": unit.value,
                "measures": {
                    kind: {
                        "value": float(seen.units.values[kind][u]),
                        "untrained_95": naming.null_95[kind],
                        "p": float(naming.p[kind][u]),
                        "passes": bool(naming.passes[kind][u]),
                        "what": seen.units.words[kind][u],
                    }
                    for kind in naming.p
                },
                "tuning": {**seen.tunings.record(u), **gabor_record(fits, u)},
                "concepts": concepts(seen, u, imageset, naming.null_95),
            }
        )
    return records


def gabor_record(fits: GaborFits | None, u: int) -> dict[str, Any]:
    """How well a Gabor function describes a unit's filter, and whether that makes it one."""
    if fits is None:
        return {"gabor_r2": None, "gabor_counts": None}
    return {"gabor_r2": float(fits.r2[u]), "gabor_counts": bool(fits.counts[u])}


def concepts(
    seen: Observed, u: int, imageset: ImageSet, nulls: Mapping[str, float]
) -> list[dict[str, Any]]:
    """The classes and parts that a unit responds to best, those furthest above their control first.

    A class counts by AUROC, a part by IoU; each beside what 95 % of untrained units stay below.
    """
    found = [
        {
            "kind": "class",
            "name": name,
            "value": float(seen.auroc[u, k]),
            "measure": "auroc",
            "untrained_95": (1 + nulls["object"]) / 2,
        }
        for k, name in enumerate(imageset.class_names)
    ]
    if seen.iou is not None:
        found += [
            {
                "kind": "part",
                "name": name,
                "value": float(seen.iou[u, p]),
                "measure": "iou",
                "untrained_95": nulls["part"],
            }
            for p, name in enumerate(imageset.part_names)
        ]
    found.sort(key=lambda c: c["value"] / max(c["untrained_95"], 1e-6), reverse=True)
    return found[:CONCEPTS]
