"""Look through a network: measure every layer and write the atlas."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from msgspec import structs
from torch import nn

from layerscope.analysis.activations.memory_format import in_fastest_format
from layerscope.analysis.activations.pooled_features import FeatureCollector
from layerscope.analysis.activations.scan import scan
from layerscope.analysis.activations.sharded_scan import scan_shards
from layerscope.atlas.atlas_folder import Atlas, load_atlas, write_atlas
from layerscope.data.imageset import ImageSet, Splits
from layerscope.device import device_of
from layerscope.formats.atlas_record import (
    ATLAS_SCHEMA,
    AtlasRecord,
)
from layerscope.graph.read import read_program
from layerscope.graph.replay_check import check_replay
from layerscope.models.class_names import in_network_order
from layerscope.models.inference import with_logits
from layerscope.models.own_pictures import OwnPictures, read_own
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.budget import budget_for
from layerscope.pipeline.effects.ablation_evidence import can_ablate
from layerscope.pipeline.effort import FULL, QUICK, Effort
from layerscope.pipeline.look_plan import plan_of
from layerscope.pipeline.look_progress import PICTURES, WRITING, LookProgress, LookTimer
from layerscope.pipeline.look_request import (
    found_by,
    ink_of,
    measured_rows,
    scanned_layers,
    settle,
    too_few,
    training_of,
)
from layerscope.pipeline.measuring.evidence import (
    GatheredEvidence,
    evidence_rows,
    gather_evidence,
)
from layerscope.pipeline.measuring.network_accuracy import network_accuracy, pictures_to_name
from layerscope.pipeline.preliminaries import Preliminaries
from layerscope.pipeline.recording.eight_steps import eight_steps
from layerscope.pipeline.recording.layer_records import layer_records, units_elsewhere
from layerscope.pipeline.recording.network_record import (
    model_record,
    partly_reached,
    replay_record,
)
from layerscope.pipeline.recording.provenance import created_now, data_record, input_record
from layerscope.pipeline.recording.sample_walks import write_samples
from layerscope.pipeline.recording.sprite_files import write_patch_pictures
from layerscope.pipeline.stages import Stages
from layerscope.pipeline.unfinished import unfinished_look

if TYPE_CHECKING:
    from lightning_fabric import Fabric

NOTHING_KNOWN = Preliminaries()
# What the network is compared with its own layers on: each layer costs about one forward pass.
REPLAYED_PICTURES, REPLAYED_LAYERS = 4, 16


def look(
    run: Any,
    data: Splits | ImageSet | None = None,
    *,
    spec: ModelSpec | None = None,
    out: str | Path | None = None,
    effort: Effort | None = FULL,
    only: Sequence[str] | None = None,
    pictures: Sequence[Any] | OwnPictures = (),
    seed: int = 0,
    progress: Callable[[LookProgress], None] = lambda now: None,
    tell: Callable[[str], None] = lambda sentence: None,
    fabric: Fabric | None = None,
    training: ImageSet | None = None,
    known: Preliminaries = NOTHING_KNOWN,
) -> Atlas:
    """Measure every layer of a network and write its atlas.

    What is finished is kept until the atlas is whole: the same call goes on where an interrupted
    one stopped. The folder's former atlas stays until then, and is replaced as a whole.

    Args:
        run: a run; or a network, with `spec` and `out` saying what it takes and where to write.
        data: the pictures to measure on; None takes the run's test split. Of more than 10,000 a
            seeded choice is measured.
        spec: of a bare network.
        out: the atlas folder; None is `atlas` inside the run.
        effort: how much is measured beside statistics and patches: `effort.FULL`, `QUICK`, or
            None for nothing.
        only: names of layers; the others are listed without their units.
        pictures: of your own, to walk through every layer: files, folders, arrays or Pillow
            pictures (`models.own_pictures.read_own`).
        seed: of what is drawn: which pictures are walked through, which are measured.
        progress: told what is done, how far all of the look is, and when it will be done.
        tell: told first of all, one sentence after another, how many of these pictures the network
            names right, what had to be done to get logits of it, and what makes its figures
            doubtful (these begin with "WARNING").
        fabric: launched, as `training.machine.make_fabric` makes it under torchrun, where several
            processes make this same call: each takes a share of the pictures, copies and layers,
            and the first writes. Means and spreads may differ from one process's in their last
            digits, nothing else does as long as the processes compute alike.
        training: pictures that the network learned from, for linear probes to learn from too; None
            takes those of `data`, or of the run, where there are any.
        known: what was found out of the network before, for the atlas.

    Returns:
        The atlas, read back from its folder.

    Raises:
        AtlasError: data, spec or out are missing, or the folder holds more than an atlas.
        LayerNotFoundError: `only` names a layer that is not there, or that has no units.
        ModelError: the network cannot be read, does not take the pictures, or gives another number
            of logits than `spec` has classes for.

    Example:
        >>> atlas = look(run)                                       # doctest: +SKIP
        >>> atlas["features.1"].unit(3).name                        # doctest: +SKIP
        'edge at 45°'
    """
    started = time.perf_counter()
    timer = LookTimer(progress)
    model, spec, imageset, folder = settle(run, data, spec, out)
    if training is None:
        training = training_of(run, data)
    own: OwnPictures | None = None
    if isinstance(pictures, OwnPictures):
        own = pictures
    elif pictures:
        own = read_own(pictures, spec, ink=ink_of(run))
    together = fabric if fabric is not None and fabric.world_size > 1 else None
    with unfinished_look(folder) as work:
        stages = Stages(work.kept, work.fresh, fabric=together)
        record = measure(
            model,
            spec,
            imageset,
            stages,
            effort=effort,
            only=only,
            own=own,
            seed=seed,
            timer=timer,
            tell=tell,
            training=training and in_network_order(training, spec.class_names),
            known=known.before(Preliminaries(values_from=found_by(run))),
        )
        atlas = None
        if together is None or together.is_global_zero:
            created = structs.replace(record.created, duration_s=time.perf_counter() - started)
            write_atlas(work.fresh, structs.replace(record, created=created))
            atlas = load_atlas(work.fresh)
            work.finish(stages.used)
        if together is not None:
            atlas = together.broadcast(atlas)
    assert atlas is not None, "the first process has one"
    timer.at(WRITING, 1, 1)
    return replace(atlas, path=folder)


def measure(
    model: nn.Module,
    spec: ModelSpec,
    imageset: ImageSet,
    stages: Stages,
    *,
    effort: Effort | None,
    only: Sequence[str] | None,
    own: OwnPictures | None = None,
    seed: int,
    timer: LookTimer,
    tell: Callable[[str], None],
    training: ImageSet | None = None,
    known: Preliminaries = NOTHING_KNOWN,
) -> AtlasRecord:
    """Measure a network, and write all files of its atlas but the record, which is returned.

    Args:
        model, spec, imageset: the network, what it takes, and the pictures.
        stages: where finished stages are kept, and where the files of the atlas go.
        effort, only, seed: those of `look`.
        own: pictures that somebody brought.
        timer: told which part is done how far.
        tell, training, known: those of `look`.
    """
    device = device_of(model)
    chosen = measured_rows(imageset, seed)
    reduced = with_logits(model, spec, imageset.take(chosen[:REPLAYED_PICTURES]))
    model = reduced.model
    program = read_program(model, spec.normalise(imageset.take(chosen[:1])).to(device))
    layers = program.layers
    scanned = scanned_layers(layers, only)
    measured = [name for name in scanned if units_elsewhere(name, layers) is None]
    budget = budget_for(effort or QUICK, program, spec)
    timer.plan(
        plan_of(
            budget, layers, measured, pictures=len(chosen),
            evidence=effort is not None, ablates=can_ablate(spec, imageset),
            has_parts=bool(imageset.part_names),
        )
    )  # fmt: skip
    named = pictures_to_name(chosen, budget.total, seed)
    accuracy = network_accuracy(model, spec, imageset, named)
    now = Preliminaries(
        (*reduced.notes, *accuracy.notes, *too_few(imageset, effort)),
        (*reduced.warnings, *accuracy.warnings),
    )
    for sentence in now.sentences:
        if sentence not in known.sentences:
            tell(sentence)
    known = known.before(now)
    some = chosen[:: max(1, len(chosen) // REPLAYED_PICTURES)][:REPLAYED_PICTURES]
    replay = check_replay(
        program,
        spec.normalise(imageset.take(some)).to(device),
        layers=None if only is None else scanned,
        most_layers=REPLAYED_LAYERS,
    )
    settings: dict[str, Any] = {"normalise": spec.normalise, "layers": scanned, "rows": chosen}
    features = None
    if stages.fabric is not None:
        found = partial(scan_shards, fabric=stages.fabric)
        scans = found(model, imageset, **settings, progress=partial(timer.at, PICTURES))
    else:
        if effort is not None and budget.in_one_pass:
            rows = evidence_rows(imageset, budget.effort, seed)
            if torch.equal(rows, chosen):
                features = FeatureCollector(measured, len(rows), seed=seed)
        scans = scan(
            model,
            imageset,
            **settings,
            also=features.add if features else None,
            progress=partial(timer.at, PICTURES),
        )
    evidence = GatheredEvidence()
    if effort is not None and not too_few(imageset, effort):
        # The filters are laid out once, not again for every batch of every measure.
        with in_fastest_format(model, spec.normalise(imageset.take(chosen[:1])).to(device)):
            evidence = gather_evidence(
                program,
                spec,
                imageset,
                [name for name in measured if name in scans],
                effort=effort,
                seed=seed,
                stages=stages,
                progress=timer.at,
                features=features.gathered if features else None,
                training=training,
            )
    timer.at(WRITING, 0, 1)
    samples = write_samples(stages.atlas, program, spec, imageset, seed=seed, own=own)
    records = layer_records(stages.atlas, model, spec, layers, scans, imageset, evidence)
    return AtlasRecord(
        schema=ATLAS_SCHEMA,
        created=created_now(seed, device, duration_s=0.0),
        model=model_record(
            model,
            spec,
            layers,
            not_captured=(
                *replay.escaped,
                *partly_reached(scanned, scans, len(chosen)),
                *evidence.skipped,
                *too_few(imageset, effort),
            ),
            replay=replay_record(replay, len(some)),
        ),
        input=input_record(spec, known.values_from),
        data=data_record(imageset, chosen),
        steps=eight_steps(layers),
        layers=records,
        evidence=evidence.network,
        samples=samples,
        accuracy=accuracy.record,
        notes=known.notes,
        warnings=known.warnings,
        patch_pictures=write_patch_pictures(stages.atlas, records, imageset),
    )
