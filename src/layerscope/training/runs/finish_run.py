"""Score a finished training on the test split, once, and write down what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from layerscope.data.folders.ink import measure_ink
from layerscope.data.imageset import Splits, in_channels
from layerscope.files import write_json, write_tensors
from layerscope.formats.documents import plain
from layerscope.formats.run_figures import Evaluation
from layerscope.formats.run_files import HISTORY, RECORD, read_evaluation, read_run_record
from layerscope.formats.run_record import (
    RUN_SCHEMA,
    Finding,
    Fingerprints,
    InkRecord,
    Results,
    RunData,
    RunRecord,
)
from layerscope.models import predicted
from layerscope.models.inference import set_logits
from layerscope.training.diagnostics.label_suspects import label_suspects
from layerscope.training.input.prepare import same_network
from layerscope.training.loop import Fitted
from layerscope.training.machine import hardware, versions
from layerscope.training.runs.evaluation import evaluation_of
from layerscope.training.runs.network_records import network_record, recipe_record
from layerscope.training.runs.resume_plan import Plan
from layerscope.training.runs.run_folder import (
    HITS,
    WEIGHTS,
    Run,
    write_evaluation,
    write_history,
    write_hits,
)

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric


def write_run(
    plan: Plan,
    found: Splits,
    folder: Path,
    fabric: Fabric,
    fitted: Fitted,
    held_out: torch.Tensor,
    own: nn.Module | None,
    *,
    on_finding: Callable[[Finding], None],
) -> Run:
    """Score the chosen weights on the test split, once, and write the run folder.

    A run that was finished before keeps its score: whoever looks at the test split again and again
    chooses by it. The record says which epoch's weights the score is of.

    Args:
        plan: what the training set out to do.
        found: the pictures as they were found; a network may take them in other channels.
        folder: of the run.
        fabric: names the device.
        fitted: what the training gave.
        held_out: int64 (n,), the rows that it was chosen by.
        own: the module that was handed over, where the network has no name.
        on_finding: told of labels that look wrong.
    """
    spec, recipe = plan.spec, plan.recipe
    splits = in_channels(found, spec.channels)
    validation = splits.train.subset(held_out, split="validation")
    # A fresh network with the chosen weights: the very one that an opened run will have.
    network = same_network(spec, plan.seed, own)
    network.load_state_dict(fitted.best_weights)
    network.eval().to(fabric.device)
    fingerprints = Fingerprints(train=found.train.fingerprint(), test=found.test.fingerprint())
    score = scored_before(folder, fingerprints.test)
    if score is None:
        test_logits = set_logits(network, spec, splits.test)
        score = Score(fitted.best_epoch, evaluation_of(test_logits, splits.test))
        write_evaluation(folder, score.evaluation, splits.test)
        write_hits(folder / HITS, predicted(test_logits) == splits.test.labels)
    findings = list(fitted.findings)
    logits = set_logits(network, spec, validation)
    suspects = label_suspects(logits, validation.labels, spec.class_names, held_out)
    if suspects:
        findings.append(suspects)
        on_finding(suspects)
    record = RunRecord(
        schema=RUN_SCHEMA,
        name=folder.name,
        finished=True,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        data=run_data(plan, found, fingerprints, n_validation=len(validation)),
        model=network_record(spec),
        recipe=recipe_record(recipe),
        seed=plan.seed,
        versions=versions(),
        hardware=hardware(fabric.device),
        results=results(fitted, score, network),
        findings=tuple(findings),
        by_hand=fitted.by_hand,
    )
    write_tensors(folder / WEIGHTS, fitted.best_weights)
    write_history(folder / HISTORY, fitted.history)
    write_json(folder / RECORD, plain(record))  # last: a folder with it is complete
    return Run(folder, spec, network, record, splits, score.evaluation)


@dataclass(frozen=True)
class Score:
    """How a run did on the test split, the one time that it was scored.

    Args:
        epoch: whose weights were scored.
        evaluation: the figures.
    """

    epoch: int
    evaluation: Evaluation


def scored_before(folder: Path, fingerprint: str) -> Score | None:
    """The score of a run that was finished before, on these very test pictures."""
    if not (folder / RECORD).is_file():
        return None
    record = read_run_record(folder)
    if not record.finished or record.data.fingerprint.test != fingerprint:
        return None
    epoch = record.results.test_epoch
    return Score(
        record.results.best_epoch if epoch is None else epoch, read_evaluation(folder).record
    )


def run_data(
    plan: Plan, found: Splits, fingerprints: Fingerprints, *, n_validation: int
) -> RunData:
    """What the record says of the pictures, as they were found."""
    H, W = found.train.size
    ink = measure_ink(found.train)
    return RunData(
        name=found.train.name,
        source=plan.source,
        size=plan.size,
        n_train=len(found.train) - n_validation,
        n_validation=n_validation,
        n_test=len(found.test),
        channels=found.train.channels,
        height=H,
        width=W,
        class_names=tuple(found.train.class_names),
        fingerprint=fingerprints,
        n_skipped=len(found.skipped),
        ink=InkRecord(fit_frac=ink.fit_frac, by_mass=ink.by_mass) if ink else None,
    )


def results(fitted: Fitted, score: Score, network: nn.Module) -> Results:
    """What the record says of the outcome."""
    chosen = next((row for row in fitted.history if row.epoch == fitted.best_epoch), None)
    return Results(
        test_accuracy=score.evaluation.accuracy,
        test_interval=score.evaluation.interval,
        validation_accuracy=chosen.validation_accuracy if chosen else None,
        best_epoch=fitted.best_epoch,
        train_s=fitted.history[-1].elapsed_s if fitted.history else 0.0,
        parameters=sum(p.numel() for p in network.parameters()),
        test_epoch=None if score.epoch == fitted.best_epoch else score.epoch,
    )
