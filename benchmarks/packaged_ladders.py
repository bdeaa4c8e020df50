"""Claim: what the layers of the packaged networks respond to, beside untrained copies.

    python benchmarks/packaged_ladders.py DATA_FOLDER      # looks and writes the result
    python benchmarks/packaged_ladders.py --tables         # prints the last result's tables

One network each, measured on pictures of its test split: share of units that respond to each kind,
where it holds in pictures; mean and standard deviation of untrained copies; units that training
explains at a false-discovery rate of 5 and of 20%; headline; dependence profiles beside three
copies; names that patches show. Hidden layers are the activations.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from layerscope.formats.documents import plain
from layerscope.formats.unit_record import UnitRecord
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.training.runs.run_folder import open_run, with_data
from measured import RESULTS, write_result

CLAIM = "what the layers of the packaged networks respond to, beside untrained copies"
# (pictures, untrained copies): a copy of the largest takes a quarter of a minute on two cores.
NETWORKS = {
    "fashion-cnn": (500, 20),
    "catdog-cnn": (500, 20),
    "digit-cnn": (500, 20),
    "creatures-compact": (400, 5),
}


def ladder_of(name: str, data_dir: Path) -> dict[str, Any]:
    """Look at one packaged network and keep its ladder."""
    pictures, copies = NETWORKS[name]
    run = with_data(open_run(name), data_dir=data_dir)
    effort = Effort(
        pictures=pictures, untrained=copies, ablation_pictures=0, featurevis_steps=0,
        directions="none",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        record = look(run, out=Path(folder) / "atlas", effort=effort).record
    evidence = record.evidence
    assert evidence
    hidden = [
        unit
        for layer in record.layers
        if layer.kind == "activation" and layer.evidence
        for unit in layer.units
    ]
    by = {
        verdict: sum(any(one.training in verdicts for one in unit.descriptions) for unit in hidden)
        for verdict, verdicts in (
            ("training", ("training",)),
            ("training or probably", ("training", "probably")),
        )
    }
    return {
        "pictures": evidence.n,
        "copies": copies,
        "ground": evidence.ground,
        "headline": evidence.headline,
        "hidden_units": len(hidden),
        "hidden_units_by": by,
        "ladder": plain(evidence.ladder),
        "dependence": {
            layer.title: plain(layer.evidence.dependence)
            for layer in record.layers
            if layer.evidence and layer.evidence.dependence
        },
        "named": named_figures(hidden),
    }


def named_figures(hidden: Sequence[UnitRecord]) -> dict[str, int]:
    """Hidden units named after a part or class, and those that two thirds of their patches show."""
    named = [unit for unit in hidden if unit.name and unit.kind in ("part", "class")]
    return {"named": len(named), "shown": sum(unit.patches_note is None for unit in named)}


def main() -> None:
    if "--tables" in sys.argv:
        print("\n".join(tables(json.loads((RESULTS / "packaged_ladders.json").read_text()))))
        return
    names = sys.argv[2:] or list(NETWORKS)
    kept = RESULTS / "packaged_ladders.json"
    figures = json.loads(kept.read_text())["figures"] if kept.is_file() else {}
    for name in names:
        figures[name] = ladder_of(name, Path(sys.argv[1]))
        write_result("packaged_ladders", CLAIM, figures)
        print(name, figures[name]["headline"], figures[name]["hidden_units_by"], flush=True)


def tables(result: dict[str, Any]) -> Iterator[str]:
    """The ladders as Markdown, kinds that nothing responds to left out."""
    for name, found in result["figures"].items():
        rungs = found["ladder"]
        kinds = [
            kind
            for kind in rungs[0]["responds"]
            if any(rung["responds"].get(kind, {"count": 0})["count"] for rung in rungs)
        ]
        yield f"### {name}, {found['pictures']} pictures, {found['copies']} copies\n"
        yield "| layer | units | " + " | ".join(kinds) + " |"
        yield "|---|---|" + "---|" * len(kinds)
        for rung in rungs:
            cells = [cell(rung["responds"].get(kind)) for kind in kinds]
            yield f"| {rung['title']} | {rung['n_units']} | " + " | ".join(cells) + " |"
        needs = {"needs_colour": "needs colour", "needs_fine_texture": "fine texture",
                 "needs_arrangement": "arrangement", "bears_shifts": "tolerates shifts",
                 "several_frac": "several things"}  # fmt: skip
        yield "\n| layer | " + " | ".join(needs.values()) + " |"
        yield "|---|" + "---|" * len(needs)
        for title, one in found["dependence"].items():
            yield f"| {title} | " + " | ".join(needed(one[key]) for key in needs) + " |"
        yield f"\n{found['headline']} {found['hidden_units_by']} of {found['hidden_units']}\n"


def needed(figure: dict[str, Any] | None) -> str:
    """ "62 [58 to 66] (untrained 21, 18 to 25)"."""
    if figure is None:
        return "–"
    low, high = (round(100 * end) for end in figure["interval"])
    control = figure["untrained"]
    beside = ""
    if control:
        mean, least, most = (round(100 * control[key]) for key in ("mean", "low", "high"))
        beside = f" ({mean}, {least} to {most})"
    return f"{100 * figure['value']:.0f} [{low} to {high}]{beside}"


def cell(share: dict[str, Any] | None) -> str:
    """ "62 (21 ± 7)", with a star where it is significant."""
    if share is None:
        return "–"
    star = "*" if share["significant"] else ""
    control = f"{100 * share['untrained_mean']:.0f} ± {100 * share['untrained_sd']:.0f}"
    return f"{100 * share['frac']:.0f}{star} ({control})"


if __name__ == "__main__":
    main()
