"""Score a finished training on the test rows, once, beside simpler models, and write it down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from layerscope.data.rows.load_rows import RowSplits
from layerscope.data.rows.row_sets import fingerprint
from layerscope.data.rows.series_windows import SeriesEncoding
from layerscope.data.rows.table_encoding import TableEncoding
from layerscope.files import write_json, write_tensors
from layerscope.formats.documents import plain
from layerscope.formats.rows_record import (
    ROWS_SCHEMA,
    RowsData,
    RowsEvaluation,
    RowsPlanRecord,
    RowsResults,
    RowsRunRecord,
    read_rows_evaluation,
    read_rows_record,
)
from layerscope.formats.run_files import EVALUATION, HISTORY, RECORD
from layerscope.models.sequences.build_rows import build_rows
from layerscope.models.sequences.rows_spec import RowsSpec
from layerscope.seed import make_generator
from layerscope.training.loop import Fitted
from layerscope.training.machine import hardware, versions
from layerscope.training.recipe import Recipe
from layerscope.training.rows.row_folds import cross_validated, worth_folds
from layerscope.training.rows.rows_baselines import Model, baselines_of
from layerscope.training.rows.rows_run import network_record_of
from layerscope.training.rows.rows_scores import (
    BLOCK,
    NETWORK,
    ROW_SCORES,
    figures_of,
    outputs_of,
    quantiles,
    row_scores,
)
from layerscope.training.runs.evaluation import class_figures, confusion_matrix
from layerscope.training.runs.network_records import recipe_record
from layerscope.training.runs.run_folder import WEIGHTS, write_history

if TYPE_CHECKING:
    from lightning_fabric import Fabric

ERROR_SHARE = 0.9


def write_rows_run(
    plan: RowsPlanRecord,
    spec: RowsSpec,
    recipe: Recipe,
    splits: RowSplits,
    folder: Path,
    fabric: Fabric,
    fitted: Fitted,
    *,
    simpler: Mapping[str, Model] | None = None,
    folds: bool = True,
    on_fold: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Score the chosen weights on the test rows, once, and write the run folder.

    A run that was finished before keeps its score: whoever looks at the test rows again and again
    chooses by them.

    Args:
        simpler: models that are fitted already; None fits them.
        folds: whether a small table is told over folds too.
    """
    network = build_rows(spec, make_generator(plan.seed, "weights"))
    network.load_state_dict(fitted.best_weights)
    network.eval().to(fabric.device)
    test_fingerprint = fingerprint(splits.test, splits.encoding)
    test_epoch = scored_epoch(folder, test_fingerprint)
    if test_epoch is None:
        test_epoch = fitted.best_epoch
        found, scores = evaluate_rows(
            network, spec, recipe, splits, seed=plan.seed, simpler=simpler, folds=folds,
            on_fold=on_fold,
        )  # fmt: skip
        write_tensors(folder / ROW_SCORES, scores)
        write_json(folder / EVALUATION, plain(found))
    chosen = next((row for row in fitted.history if row.epoch == fitted.best_epoch), None)
    record = RowsRunRecord(
        schema=ROWS_SCHEMA,
        kind=splits.kind,
        name=folder.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        data=RowsData(
            name=splits.name,
            source=splits.source,
            columns=splits.columns,
            window=plan.window,
            n_train=len(splits.train),
            n_validation=len(splits.validation),
            n_test=len(splits.test),
            fingerprint=plan.fingerprint,
            test_fingerprint=test_fingerprint,
            rows_fingerprint=splits.fingerprint,
            notes=splits.notes,
        ),
        model=network_record_of(spec),
        recipe=recipe_record(recipe),
        seed=plan.seed,
        versions=versions(),
        hardware=hardware(fabric.device),
        results=RowsResults(
            validation_loss=chosen.validation_loss if chosen else None,
            validation_accuracy=chosen.validation_accuracy if chosen else None,
            best_epoch=fitted.best_epoch,
            test_epoch=test_epoch,
            train_s=fitted.history[-1].elapsed_s if fitted.history else 0.0,
            parameters=sum(p.numel() for p in network.parameters()),
        ),
        findings=fitted.findings,
        by_hand=fitted.by_hand,
    )
    write_tensors(folder / WEIGHTS, fitted.best_weights)
    write_history(folder / HISTORY, fitted.history)
    write_json(folder / RECORD, plain(record))  # last: a folder with it is complete


def scored_epoch(folder: Path, test_fingerprint: str) -> int | None:
    """Whose weights these test rows were scored with before; None where they never were."""
    if not (folder / RECORD).is_file():
        return None
    record = read_rows_record(folder)
    if record.data.test_fingerprint != test_fingerprint:
        return None
    read_rows_evaluation(folder)  # refuses a damaged one before it is built upon
    return record.results.test_epoch


def evaluate_rows(
    network: nn.Module,
    spec: RowsSpec,
    recipe: Recipe,
    splits: RowSplits,
    *,
    seed: int,
    simpler: Mapping[str, Model] | None = None,
    folds: bool = True,
    on_fold: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[RowsEvaluation, dict[str, torch.Tensor]]:
    """The test rows' figures, those of simpler models beside; small tables over folds too.

    Args:
        network, spec, recipe, splits, seed: of the training.
        simpler, folds, on_fold: as for `write_rows_run`.

    Returns:
        The figures; and what the network scored on each test row, as `row_scores` gives it.
    """
    outputs = {NETWORK: outputs_of(network, spec, splits.test)}
    for name, model in (simpler or baselines_of(splits)).items():
        outputs[name] = model(splits.test)
    targets = splits.test.targets
    std, unit = unit_of(splits)
    block = BLOCK if splits.kind == "series" else 1
    figures = figures_of(spec, outputs, targets, std=std, unit=unit, block=block)
    per_class, confusion = (), ()
    if spec.task == "classes":
        counted = confusion_matrix(targets, outputs[NETWORK].argmax(1), len(spec.class_names))
        per_class = class_figures(counted, spec.class_names)
        confusion = tuple(tuple(row) for row in counted.tolist())
    interval = None
    if spec.task == "number":
        held_out = splits.validation
        errors = held_out.targets.double() - outputs_of(network, spec, held_out)
        interval = quantiles(errors[:, 0] * std, ERROR_SHARE)
    told_over = None
    if folds and worth_folds(splits):
        told_over = cross_validated(spec, recipe, splits, seed=seed, unit=unit, on_fold=on_fold)
    evaluation = RowsEvaluation(
        n=len(splits.test),
        figures=figures,
        per_class=per_class,
        confusion=confusion,
        cross_validated=told_over,
        error_interval=interval,
    )
    return evaluation, row_scores(spec, outputs[NETWORK], targets, std=std)


def unit_of(splits: RowSplits) -> tuple[float, str]:
    """A target's standard deviation, and what it is a number of."""
    encoding = splits.encoding
    if isinstance(encoding, TableEncoding):
        name = encoding.target.name
        return encoding.target.std, ", ".join(filter(None, (name, encoding.units.get(name))))
    if isinstance(encoding, SeriesEncoding):
        return encoding.std[0], encoding.columns[0]
    return 1.0, ""
