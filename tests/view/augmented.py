"""Made-up but plausible evidence for a real atlas: what the page must show, not what is true."""

from __future__ import annotations

import copy
import math
import random
from typing import Any

KINDS = ["colour", "edge", "corner", "texture", "part", "object"]
TITLES = {"part": "ear", "object": "cat", "corner": "corner at 120°", "texture": "grain"}


def with_evidence(record: dict[str, Any], *, seed: int = 0, made: bool = True) -> dict[str, Any]:
    """The same atlas in schema 2; every unit of every measured layer gets the new fields.

    Args:
        record: an atlas of schema 1.
        seed: of the made-up numbers.
        made: show each unit's first patch as its made image, so that there is a picture.
    """
    rng = random.Random(seed)
    record = {**copy.deepcopy(record), "schema": 2}
    layers = [layer for layer in record["layers"] if layer["units"] and not layer["units_in"]]
    for depth, layer in enumerate(layers):
        t = depth / max(1, len(layers) - 1)
        layer["evidence"] = layer_evidence(rng, layer, t)
        layer["made_sprite"] = None
        if made and layer["patch_sprite"]:
            sheet = layer["patch_sprite"]
            layer["made_sprite"] = {**sheet, "count": math.ceil(sheet["count"] / 9)}
        for unit in layer["units"]:
            before = len(layers[depth - 1]["units"]) if depth else 0
            unit.update(unit_evidence(rng, t, len(record["model"]["class_names"]), before))
    record["evidence"] = {
        "n": 1000,
        "split": "test",
        "untrained_seeds": 5,
        "fdr_frac": 0.05,
        "kinds": KINDS,
        "measures": {kind: f"How far the unit tells {kind} from all else." for kind in KINDS},
        "ladder": [rung(layer) for layer in layers],
        "cka": cka(layers),
    }
    return record


def around(value: float, wide: float) -> dict[str, float]:
    return {"mean": value, "low": value - wide, "high": value + wide}


def layer_evidence(rng: random.Random, layer: dict[str, Any], t: float) -> dict[str, Any]:
    accuracy, n = 0.62 + 0.3 * t, len(layer["units"])
    return {
        "probe": {
            "accuracy": accuracy,
            "interval": [accuracy - 0.03, accuracy + 0.025],
            "n": 500,
            "chance": 0.5,
            "untrained": around(0.6 + 0.05 * t, 0.02),
        },
        "separation": {"value": 0.05 + 0.5 * t**2, "untrained": around(0.05, 0.01)},
        "dimension": {"value": max(1.0, n * (0.4 - 0.3 * t)), "of": n, "untrained": around(max(1.0, n * 0.15), 0.02 * n)},
        "effective_field_px": [7.2, 7.0] if layer["receptive_field"] else None,
        "duplicates": [[0, 1, 0.98]] if n > 1 and rng.random() < 0.5 else [],
    }


def unit_evidence(rng: random.Random, t: float, classes: int, before: int) -> dict[str, Any]:
    likely = {"colour": 2 - 2 * t, "edge": 3 - 3 * t, "corner": 1.0, "texture": 2 * t}
    likely |= {"part": 2 * t, "object": 3 * t * t}
    kind = rng.choices([*likely, None], [*likely.values(), 1.6])[0]
    angle = rng.choice(range(0, 180, 15))
    measures = {}
    for name in KINDS:
        passes = name == kind
        value = rng.uniform(0.58, 0.95) if passes else rng.uniform(0.02, 0.5)
        p = 10 ** rng.uniform(-5, -2.5) if passes else rng.uniform(0.06, 1)
        what = f"edge at {angle}°" if name == "edge" else TITLES.get(name, "orange")
        measures[name] = {
            "value": value, "untrained_95": 0.55, "p": p, "passes": passes, "what": what,
        }  # fmt: skip
    curve = [
        0.1 + 0.75 * math.cos(math.pi * (15 * i - angle) / 180) ** 4 + rng.uniform(0, 0.08)
        for i in range(12)
    ]
    changes = [rng.uniform(-0.03, 0.006) for _ in range(classes)]
    ratio, unnatural = rng.uniform(0.9, 2.2), rng.random() < 0.4
    return {
        "name": measures[kind]["what"] if kind else None,
        "kind": kind,
        "score": measures[kind]["value"] if kind else None,
        "measures": measures,
        "tuning": None if t == 1 else {
            "angle_deg": float(angle), "orientation": 0.81, "frequency_cycles_px": 0.125,
            "reach_frac": max(curve), "best": "grating", "curve": curve,
            "gabor_r2": 0.83 if t == 0 else None,
        },
        "concepts": [
            {"kind": "part", "name": "ear", "value": 0.12 * (1 + t), "measure": "iou",
             "untrained_95": 0.04},
            {"kind": "class", "name": "cat", "value": 0.5 + 0.4 * t, "measure": "auroc",
             "untrained_95": 0.62},
        ],
        "ablation": {
            "way": "mean", "accuracy_change": sum(changes) / classes, "per_class": changes,
            "control": {"mean": -0.001, "low": -0.004, "high": 0.002},
        },
        "made": {
            "value": 8.4 * ratio, "natural_max": 8.4, "ratio": ratio, "path_similarity": 0.61,
            "natural_path": 0.83, "unnatural": unnatural,
        },
        "strongest_inputs": [
            [u, 1.5 - 0.2 * i] for i, u in enumerate(rng.sample(range(before), min(4, before)))
        ],
    }  # fmt: skip


def rung(layer: dict[str, Any]) -> dict[str, Any]:
    units = layer["units"]
    shares = {}
    for kind in [*KINDS, "unnamed"]:
        count = sum((unit["kind"] or "unnamed") == kind for unit in units)
        share = count / len(units)
        half = 1.96 * math.sqrt((share * (1 - share) + 0.01) / len(units))
        shares[kind] = {
            "share": share,
            "interval": [max(0.0, share - half), min(1.0, share + half)],
            "count": count,
            "untrained": {"unnamed": 0.84, "edge": 0.12}.get(kind, 0.008),
        }
    return {
        "layer": layer["name"], "title": layer["title"], "n_units": len(units), "shares": shares,
        "edge_above": None,
    }  # fmt: skip


def cka(layers: list[dict[str, Any]]) -> dict[str, Any]:
    n = len(layers)
    return {
        "layers": [layer["name"] for layer in layers],
        "trained": [[math.exp(-0.35 * abs(i - j)) for j in range(n)] for i in range(n)],
        "with_untrained": [0.95 - 0.7 * i / max(1, n - 1) for i in range(n)],
    }
