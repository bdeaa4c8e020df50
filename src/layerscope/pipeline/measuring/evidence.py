"""The evidence of an atlas: names, ladder, probes, each beside untrained copies of the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from layerscope.analysis.concepts.layer_ladder import Rung, ladder, untrained_names
from layerscope.analysis.concepts.unit_names import KINDS, Naming, name_units
from layerscope.analysis.observe import Observed, observe
from layerscope.analysis.structure.strongest_inputs import strongest_inputs
from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.errors import ModelError
from layerscope.graph.layer import Layer
from layerscope.graph.program import Program
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.budget import Budget, budget_for
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.fingerprint import fingerprint
from layerscope.pipeline.measuring.ablation_evidence import ablation_evidence, can_ablate
from layerscope.pipeline.measuring.featurevis_evidence import featurevis_evidence
from layerscope.pipeline.measuring.layer_evidence import compared, gabor_fits, layer_figures, spread
from layerscope.pipeline.measuring.unit_evidence import named_units, nothing_known
from layerscope.pipeline.measuring.untrained_control import as_measured, cka_of, measure_copy
from layerscope.pipeline.stages import Stages
from layerscope.seed import make_generator

FDR_FRAC = 0.05
CALIBRATION_PICTURES = 256

HOW = {
    "colour": "how much more its best hue drives the unit than grey of the same brightness does",
    "edge": "how strongly the response depends on a line's angle (1: one alone drives it)",
    "corner": "how much more its best corner or arc drives the unit than any straight line does",
    "texture": "how much more its best texture drives the unit than any single line or edge does",
    "part": "how well the places where the unit is on (its strongest 0.5 %) cover a part: "
    "intersection over union with the part's mask",
    "object": "how well the unit's largest activation separates one class from the others: "
    "2 AUROC - 1",
}


@dataclass(frozen=True)
class EvidenceRecord:
    """What the atlas keeps, as plain values.

    Args:
        top: the atlas's `evidence`.
        layers: layer -> its `evidence`.
        units: layer -> the units' new fields.
        made: layer -> the sprite of its feature visualisations.
        skipped: what could not be measured of a layer, one sentence each.
    """

    top: dict[str, Any] | None = None
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)
    units: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def unit(self, layer: str, index: int) -> dict[str, Any]:
        """A unit's fields, empty where nothing was measured."""
        known = self.units.get(layer)
        return known[index] if known else nothing_known()


def gather_evidence(
    program: Program,
    spec: ModelSpec,
    imageset: ImageSet,
    measured: Sequence[str],
    *,
    effort: Effort,
    seed: int,
    stages: Stages,
    progress: Callable[[str, int, int], None],
) -> EvidenceRecord:
    """Measure what the layers of a network have learned, beside untrained copies of it.

    Args:
        program: the network.
        spec: what it takes.
        imageset: pictures it did not learn from.
        measured: those whose units are measured.
        effort: how much.
        seed: of what is drawn: pictures, untrained weights, stimuli.
        stages: where finished stages are kept, and where the files of the atlas go.
        progress: told (what, done, total).
    """
    model, layers = program.model, program.layers
    budget = budget_for(effort, program, spec)
    effort = budget.effort
    order = torch.randperm(len(imageset), generator=make_generator(seed, "evidence pictures"))
    rows = order[: effort.pictures].sort().values
    stages = stages.of(fingerprint(program, spec, imageset, rows, effort, seed=seed))
    device = device_of(model)
    some = spec.normalise(imageset.take(rows[:CALIBRATION_PICTURES])).to(device)
    total = 1 + effort.untrained
    progress("measuring units", 0, total)
    found = observe(program, measured, imageset, rows, spec, seed=seed)
    skipped = [
        f"layer {name!r} has no evidence: it is not run for all pictures and stimuli"
        for name in measured
        if name not in found
    ]
    labels = imageset.labels[rows]
    own = layer_figures(program, found, labels, imageset.n_classes, some)

    def control(i: int, _: Path) -> dict[str, Any]:
        return measure_copy(program, spec, found, imageset, rows, some, seed=seed, copy=i)

    controls = []
    for i in range(effort.untrained):
        progress("measuring untrained copies", 1 + i, total)
        # A copy is asked the network's own layers, and which those are depends on `measured`.
        controls.append(stages.run(f"untrained {i}", partial(control, i), needs=list(found)))
    progress("measuring untrained copies", total, total)
    # A copy may decide otherwise than the network; then a layer has no control.
    measured = [name for name in found if all(name in record["units"] for record in controls)]
    for name in list(found):
        if name not in measured:
            skipped.append(f"layer {name!r} has no evidence: it is not run in an untrained copy")
            del found[name]
    nulls = [as_measured(record["units"]) for record in controls]
    values = {name: found[name].units for name in measured}
    names = name_units(values, nulls, fdr_frac=FDR_FRAC)
    rungs = ladder(names, untrained_names(nulls, fdr_frac=FDR_FRAC), values, nulls)
    units = {
        name: named_units(found[name], names[name], imageset, gabor_fits(program, name))
        for name in measured
    }
    for name in measured:
        _, inputs = strongest_inputs(model, layers, name, measured)
        for unit, strongest in zip(units[name], inputs, strict=False):
            unit["strongest_inputs"] = [list(pair) for pair in strongest]
    if effort.ablation_pictures and can_ablate(spec, imageset):
        # The last layer's units are the logits themselves.
        for name in (n for n in measured if n != layers[-1].name):

            def ablate_layer(_: Path, name: str = name) -> list[dict[str, Any] | None]:
                return ablation_evidence(
                    program, spec, name, imageset, rows, budget, seed=seed,
                    progress=lambda done, total: progress(f"ablating {name}", done, total),
                )  # fmt: skip

            try:
                result = stages.run("ablation", ablate_layer, layer=name)
            except ModelError as error:
                skipped.append(f"no unit of {name!r} was ablated: {error}")
                continue
            for unit, record in zip(units[name], result, strict=True):
                unit["ablation"] = record
    made = {}
    if effort.featurevis_steps:
        made = add_feature_visualisations(
            units, program, spec, imageset, rows, found, budget,
            seed=seed, stages=stages, progress=progress, skipped=skipped,
        )  # fmt: skip
    return EvidenceRecord(
        top={
            "n": len(rows),
            "split": imageset.split,
            "untrained_seeds": effort.untrained,
            "fdr_frac": FDR_FRAC,
            "kinds": kinds_of(names),
            "measures": {kind: HOW[kind] for kind in kinds_of(names)},
            "ladder": [rung_record(rung, layers) for rung in rungs],
            "cka": cka_record(found, controls[0]) if controls and found else None,
        },
        layers={
            name: compared(own[name], [record["layers"][name] for record in controls])
            for name in measured
        },
        units=units,
        made=made,
        skipped=skipped,
    )


def add_feature_visualisations(
    units: Mapping[str, list[dict[str, Any]]],
    program: Program,
    spec: ModelSpec,
    imageset: ImageSet,
    rows: torch.Tensor,
    found: Mapping[str, Observed],
    budget: Budget,
    *,
    seed: int,
    stages: Stages,
    progress: Callable[[str, int, int], None],
    skipped: list[str],
) -> dict[str, dict[str, Any]]:
    """Add an optimised image for each unit to its record; returns the sprites by layer.

    A layer that it cannot be done for is named in `skipped`.
    """
    sprites = {}
    for name, seen in found.items():

        def make(folder: Path, name: str = name, seen: Observed = seen) -> dict[str, Any]:
            return featurevis_evidence(
                program, spec, name, imageset, rows, seen, folder, budget, seed=seed,
                progress=lambda done, total: progress(f"optimising images for {name}", done, total),
            )  # fmt: skip

        try:
            result = stages.run("optimised images", make, layer=name)
        except ModelError as error:
            skipped.append(f"no images were optimised for {name!r}: {error}")
            continue
        sprites[name] = result["sprite"]
        for unit, record in zip(units[name], result["units"], strict=True):
            unit["made"] = record
    return sprites


def kinds_of(names: Mapping[str, Naming]) -> list[str]:
    """The kinds that were measured anywhere, in the ladder's order."""
    return [kind for kind in KINDS if any(kind in naming.p for naming in names.values())]


def rung_record(rung: Rung, layers: Sequence[Layer]) -> dict[str, Any]:
    """A rung of the ladder as plain values."""
    return {
        "layer": rung.layer,
        "title": next(layer.title for layer in layers if layer.name == rung.layer),
        "n_units": rung.n_units,
        "shares": {
            kind: {**asdict(share), "interval": list(share.interval)}
            for kind, share in rung.shares.items()
        },
        "selective": {
            kind: {
                "share": found.share,
                "interval": list(found.interval),
                "untrained": spread(found.untrained),
            }
            for kind, found in rung.selective.items()
        },
    }


def cka_record(found: Mapping[str, Observed], control: dict[str, Any]) -> dict[str, Any]:
    """How alike the layers are: trained, untrained, and each with itself untrained."""
    own, untrained = cka_of(found), control["cka_matrix"]
    layers = own["layers"]
    place = [untrained["layers"].index(name) for name in layers]
    return {
        "layers": layers,
        "trained": own["matrix"],
        "untrained": [[untrained["matrix"][i][j] for j in place] for i in place],
        "with_untrained": [control["cka"][name] for name in layers],
    }
