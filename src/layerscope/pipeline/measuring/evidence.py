"""The evidence of an atlas: names, ladder, probes, each beside untrained copies of the network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from msgspec.structs import replace

from layerscope.analysis.activations.pooled_features import Features
from layerscope.analysis.concepts.descriptions import describe_units
from layerscope.analysis.concepts.headline import headline
from layerscope.analysis.concepts.layer_ladder import ladder
from layerscope.analysis.observe import Scenes, observe
from layerscope.analysis.structure.direct_weights import class_weights
from layerscope.analysis.structure.strongest_inputs import unit_inputs
from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.errors import ModelError
from layerscope.formats.atlas_record import (
    EvidenceRecord,
)
from layerscope.formats.layer_record import LayerEvidence
from layerscope.formats.unit_record import UnitEvidence
from layerscope.graph.program import Program
from layerscope.graph.receptive_field import receptive_fields
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.budget import budget_for, looked_at_closely
from layerscope.pipeline.effects.ablation_evidence import LayerAblations, can_ablate
from layerscope.pipeline.effects.ablation_stages import add_ablations
from layerscope.pipeline.effects.directions_evidence import (
    direction_patches,
    directions_of,
    directions_record,
)
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.fingerprint import fingerprint
from layerscope.pipeline.look_progress import UNITS, Tell, copy_part
from layerscope.pipeline.measuring.cka_evidence import cka_record
from layerscope.pipeline.measuring.dependence_evidence import add_dependence, profiled_units
from layerscope.pipeline.measuring.featurevis_evidence import (
    LayerFeatureVis,
    add_feature_visualisations,
)
from layerscope.pipeline.measuring.layer_evidence import compared, gabor_fits, layer_figures
from layerscope.pipeline.measuring.layer_probes import probe_pictures
from layerscope.pipeline.measuring.unit_evidence import unit_evidence, unit_links
from layerscope.pipeline.measuring.untrained_control import (
    CopyFigures,
    as_measured,
    copies_at_once,
    measure_copy,
)
from layerscope.pipeline.recording.ladder_record import HOW, kinds_of, rung_record
from layerscope.pipeline.stages import Stage, Stages
from layerscope.seed import make_generator

R = TypeVar("R")
FDR_FRAC = 0.05
CALIBRATION_PICTURES = 256

# Of so many copies whole layers are measured too (probes, dimensions): most of a copy's time.
LAYER_COPIES = 5


@dataclasses.dataclass(frozen=True)
class GatheredEvidence:
    """All that the atlas keeps of a look's measures.

    Args:
        network: the atlas's `evidence`.
        layers: layer -> its `evidence`.
        units: layer -> what was measured of each unit.
        featurevis: layer -> the images optimised for its units.
        skipped: what could not be measured of a layer, one sentence each.
    """

    network: EvidenceRecord | None = None
    layers: dict[str, LayerEvidence] = dataclasses.field(default_factory=dict)
    units: dict[str, list[UnitEvidence]] = dataclasses.field(default_factory=dict)
    featurevis: dict[str, LayerFeatureVis] = dataclasses.field(default_factory=dict)
    skipped: list[str] = dataclasses.field(default_factory=list)


def gather_evidence(
    program: Program,
    spec: ModelSpec,
    imageset: ImageSet,
    measured: Sequence[str],
    *,
    effort: Effort,
    seed: int,
    stages: Stages,
    progress: Tell,
    features: Mapping[str, Features] | None = None,
    training: ImageSet | None = None,
) -> GatheredEvidence:
    """Measure what the layers of a network have learned, beside untrained copies of it.

    Args:
        program: the network.
        spec: what it takes.
        imageset: pictures it did not learn from.
        measured: those whose units are measured.
        effort: how much.
        seed: of what is drawn: pictures, untrained weights, stimuli.
        stages: where finished stages are kept, and where the files of the atlas go.
        progress: told (part, done, total) of the parts that are not kept.
        features: of the evidence's pictures (`evidence_rows`), where another pass gathered them.
        training: pictures that it did learn from, for probes to learn from too; None where there
            are none.
    """
    model, layers = program.model, program.layers
    budget = budget_for(effort, program, spec)
    effort = budget.effort
    quick = dataclasses.replace(program, rounded=budget.rounds)
    rows = evidence_rows(imageset, effort, seed)
    probing = probe_pictures(training, spec, most=effort.probe_pictures, seed=seed)
    learned = (probing.imageset, probing.rows) if probing else None
    stages = stages.of(
        fingerprint(quick, spec, imageset, rows, effort, seed=seed, training=learned)
    )
    device = device_of(model)
    some = spec.normalise(imageset.take(rows[:CALIBRATION_PICTURES])).to(device)
    progress(UNITS, 0, 1)
    scenes = Scenes(imageset, rows, spec, seed=seed, steps=budget.stimuli)
    found = observe(quick, measured, scenes, features=features)
    skipped = [budget.told] if budget.told else []
    skipped += [
        f"layer {name!r} has no evidence: it is not run for all pictures and stimuli"
        for name in measured
        if name not in found
    ]
    labels = imageset.labels[rows]
    own = layer_figures(
        program, found, labels, imageset.n_classes, some, probing, over_halves=True,
        fields=budget.fields,
    )  # fmt: skip

    # The last layer's units are the logits themselves.
    hidden = [name for name in found if name != layers[-1].name]
    directions = directions_of(
        program, found, looked_at_closely(hidden, layers, effort.closely), scenes, effort
    )
    n_units = {layer.name: layer.n_units for layer in layers}
    profiled = {
        name: units
        for name in looked_at_closely(list(found), layers, effort.closely)
        if (units := profiled_units(budget, name, n_units[name]))
    }

    at_once = copies_at_once(budget, spec, device)

    def control(i: int, _: Path) -> CopyFigures:
        if i >= at_once - 1:  # the first begin together, and count as one
            progress(copy_part(i, effort.untrained), 0, 1)
        return measure_copy(
            quick, found, scenes, some, seed=seed, copy=i, with_layers=i < LAYER_COPIES,
            fields=budget.fields, probing=probing, effort=effort,
            profiled=profiled if i < effort.dependence_copies else {},
        )  # fmt: skip

    # A copy is measured in the network's own layers, and which those are depends on `measured`.
    controls = [
        raised(result)
        for result in stages.run_all(
            [
                Stage(f"untrained {i}", partial(control, i), CopyFigures, needs=list(found))
                for i in range(effort.untrained)
            ],
            at_once=at_once,
        )
    ]
    # A copy may decide otherwise than the network; then a layer has no control.
    measured = [name for name in found if all(name in record.units for record in controls)]
    for name in list(found):
        if name not in measured:
            skipped.append(f"layer {name!r} has no evidence: it is not run in an untrained copy")
            del found[name]
    nulls = [as_measured(record.units) for record in controls]
    untrained_directions = [as_measured(record.directions) for record in controls]
    values = {name: found[name].units for name in measured}
    rungs = ladder(values, nulls)
    titles = {layer.name: layer.title for layer in layers}
    units = {}
    for name in measured:
        copies = [copy[name] for copy in nulls]
        units[name] = unit_evidence(
            found[name],
            describe_units(values[name], copies),
            copies,
            imageset,
            gabor_fits(program, name),
            unit_links(
                unit_inputs(model, layers, name, measured),
                found,
                class_weights(program, name, some) if name != layers[-1].name else None,
            ),
            outputs=outputs_of(spec) if name == layers[-1].name else (),
        )
    dependence = add_dependence(
        units, program, scenes, found, profiled,
        [record.dependence for record in controls[: effort.dependence_copies]],
        patches=effort.dependence_patches, stages=stages, progress=progress, skipped=skipped,
    )  # fmt: skip
    closely = looked_at_closely(measured, layers, effort.closely)
    ablations: dict[str, LayerAblations] = {}
    if effort.ablation_pictures and can_ablate(spec, imageset):
        # The last layer's units are the logits themselves.
        ablations = add_ablations(
            units, [name for name in closely if name != layers[-1].name], found, program, spec,
            imageset, rows, budget, directions=directions, seed=seed, stages=stages,
            progress=progress, skipped=skipped,
        )  # fmt: skip
    sprites = {}
    if effort.featurevis_steps:
        sprites = add_feature_visualisations(
            units, program, spec, imageset, rows, {name: found[name] for name in closely}, budget,
            seed=seed, stages=stages, progress=progress, skipped=skipped,
        )  # fmt: skip
    return GatheredEvidence(
        network=EvidenceRecord(
            n=len(rows),
            split=imageset.split,
            untrained_copies=effort.untrained,
            fdr_level=FDR_FRAC,
            headline=headline(rungs, titles, imageset.class_names),
            ground=scenes.ground,
            kinds=kinds_of(values),
            kind_descriptions={kind: HOW[kind] for kind in kinds_of(values)},
            ladder=tuple(rung_record(rung, layers) for rung in rungs),
            cka=cka_record(
                found,
                scenes.thumbnails,
                place_thumbnails(program, spec, scenes, measured),
                [record.cka for record in controls],
                controls[0].likeness,
            )
            if controls and found
            else None,
        ),
        layers={
            name: replace(
                compared(own[name], [record.layers[name] for record in controls[:LAYER_COPIES]]),
                groups=ablations[name].groups if name in ablations else (),
                directions=directions_record(
                    directions[name],
                    [copy[name] for copy in untrained_directions if name in copy],
                    ablations.get(name),
                    direction_patches(quick, name, directions[name], scenes, stages.atlas),
                )
                if name in directions
                else None,
                dependence=dependence.get(name),
            )
            for name in measured
        },
        units=units,
        featurevis=sprites,
        skipped=skipped,
    )


def evidence_rows(imageset: ImageSet, effort: Effort, seed: int) -> torch.Tensor:
    """The pictures that evidence is gathered on: all, or a seeded choice, in order."""
    order = torch.randperm(len(imageset), generator=make_generator(seed, "evidence pictures"))
    return order[: effort.pictures].sort().values


def place_thumbnails(
    program: Program, spec: ModelSpec, scenes: Scenes, names: Sequence[str]
) -> dict[str, torch.Tensor]:
    """Thumbnails of what each layer's units see at the places where they are compared."""
    fields = receptive_fields(program.layers, height=spec.height, width=spec.width)
    known = {layer.name: layer for layer in program.layers}
    return {name: scenes.of(known[name], fields[name]).thumbnails for name in names}


def raised(result: R | ModelError) -> R:
    """A stage's result; the error is raised where there is none."""
    if isinstance(result, ModelError):
        raise result
    return result


def outputs_of(spec: ModelSpec) -> tuple[str, ...]:
    """What each unit of the last layer is the output for; a single logit speaks for class 1."""
    return spec.class_names[1:] if spec.n_logits == 1 else spec.class_names
