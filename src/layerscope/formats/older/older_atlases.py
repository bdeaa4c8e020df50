"""Atlases of schema 2, turned into what this version writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layerscope.errors import AtlasError
from layerscope.formats.atlas_record import ATLAS_SCHEMA

LAYER_NAMES = {
    "options": "window",
    "filters": "filter_sprite",
    "spectra": "spectrum_sprite",
    "made_sprite": "featurevis_sprite",
}
LAYER_EVIDENCE_NAMES = {
    "separation": "class_separation",
    "dimension": "effective_dimension",
    "dead_share": "dead_frac",
    "field_side_px": "effective_field_side_px",
    "gabor_share": "gabor_frac",
}
TUNING_NAMES = {
    "angle_deg": "orientation_deg",
    "orientation": "orientation_selectivity",
    "curve": "orientation_curve",
    "best": "best_family",
    "reach_frac": "best_response_frac",
    "gabor_counts": "is_gabor",
}
REPLAY_NAMES = {
    "layers": "n_layers",
    "difference": "layer_difference",
    "worst": "worst_layer",
}
KIND_NAMES = {"object": "class", "unnamed": "undescribed"}
EVIDENCE_NAMES = {
    "untrained_seeds": "untrained_copies",
    "fdr_frac": "fdr_level",
    "measures": "kind_descriptions",
}


def upgrade_atlas(value: dict[str, Any], path: Path) -> dict[str, Any]:
    """An atlas as this version writes it, from one of schema 2 or 3.

    Raises:
        AtlasError: it is of another schema.
    """
    found = value.get("schema")
    if found == ATLAS_SCHEMA and not isinstance(found, bool):
        return value
    if found != 2:
        raise AtlasError(
            f"{path} has schema {found!r}; this layerscope reads 2 and {ATLAS_SCHEMA}: look "
            "again, or use the version that wrote it"
        )
    value = renamed(value, {"made": "created"})
    return value | {
        "schema": ATLAS_SCHEMA,
        "created": renamed(value["created"], {"seconds_s": "duration_s"}),
        "model": upgraded_model(value["model"]),
        "layers": [upgraded_layer(layer) for layer in value["layers"]],
        "evidence": upgraded_evidence(value["evidence"]),
        "samples": [renamed(sample, {"maps": "activations"}) for sample in value["samples"]],
    }


def renamed(value: dict[str, Any] | None, names: dict[str, str]) -> Any:
    """The same object with other names for some fields; None stays None."""
    if value is None:
        return None
    return {names.get(name, name): item for name, item in value.items()}


def upgraded_model(model: dict[str, Any]) -> dict[str, Any]:
    """The network as a whole."""
    names = {"dense_parameters": "dense_equivalent_parameters", "escaped": "not_captured"}
    model = renamed(model, names)
    return model | {"replay": renamed(model["replay"], REPLAY_NAMES)}


def upgraded_layer(layer: dict[str, Any]) -> dict[str, Any]:
    """One layer."""
    layer = renamed(layer, LAYER_NAMES)
    evidence = renamed(layer["evidence"], LAYER_EVIDENCE_NAMES)
    if evidence:
        dimension = renamed(evidence["effective_dimension"], {"of": "n_units"})
        evidence = evidence | {"effective_dimension": dimension}
    return layer | {
        "window": layer["window"] or None,
        "evidence": evidence,
        "units": [upgraded_unit(unit) for unit in layer["units"]],
    }


def upgraded_unit(unit: dict[str, Any]) -> dict[str, Any]:
    """One unit. What schema 2 named was not checked in pictures."""
    unit = renamed(unit, {"made": "featurevis"})
    measures, score, kind = unit.pop("measures"), unit.pop("score"), unit["kind"]
    ablation = {"way": "baseline", "per_class": "class_accuracy_change"}
    descriptions = [] if kind is None else [named_by(unit["name"], kind, score, measures[kind])]
    return unit | {
        "kind": descriptions[0]["kind"] if descriptions else None,
        "role": None,
        "descriptions": descriptions,
        "tuning": renamed(unit["tuning"], TUNING_NAMES),
        "concepts": [
            renamed(found, {"untrained_95": "untrained_p95"}) for found in unit["concepts"]
        ],
        "ablation": renamed(unit["ablation"], ablation),
        "featurevis": renamed(unit["featurevis"], {"natural_path": "natural_path_similarity"}),
    }


def named_by(name: str, kind: str, score: float, measure: dict[str, Any]) -> dict[str, Any]:
    """The description that a name was: beyond untrained units one by one, unseen in pictures."""
    return {
        "kind": KIND_NAMES.get(kind, kind),
        "words": name,
        "strength": score,
        "interval": None,
        "holds": None,
        "auroc": None,
        "rival": None,
        "rival_auroc": None,
        "base_rate": None,
        "q": measure["p"],
        "training": "training",
    }


def upgraded_evidence(evidence: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the layers have learned."""
    if evidence is None:
        return None
    found: dict[str, Any] = renamed(evidence, EVIDENCE_NAMES)
    return found | {
        "headline": "This atlas is of an older version: look again for a summary.",
        "ground": 0.5,
        "kinds": [KIND_NAMES.get(kind, kind) for kind in found["kinds"]],
        "kind_descriptions": {
            KIND_NAMES.get(kind, kind): how for kind, how in found["kind_descriptions"].items()
        },
        "ladder": [upgraded_rung(rung) for rung in found["ladder"]],
    }


def upgraded_rung(rung: dict[str, Any]) -> dict[str, Any]:
    """One layer of the ladder: names become what responds, selective units what synthetic says."""
    shares, selective = rung.pop("shares"), rung.pop("selective")
    return rung | {
        "responds": {
            KIND_NAMES.get(kind, kind): ladder_frac(one["count"], one["share"], one["untrained"])
            for kind, one in shares.items()
        },
        "synthetic": {
            KIND_NAMES.get(kind, kind): ladder_frac(
                round(one["share"] * rung["n_units"]),
                one["share"],
                one["untrained"] and one["untrained"]["mean"],
            )
            for kind, one in selective.items()
        },
    }


def ladder_frac(count: int, frac: float, untrained: float | None) -> dict[str, Any]:
    """A share of units with the one figure of its control that schema 2 has."""
    return {
        "count": count,
        "frac": frac,
        "untrained_mean": untrained,
        "untrained_sd": None,
        "excess": None if untrained is None else frac - untrained,
        "excess_interval": None,
        "q": None,
        "significant": False,
    }
