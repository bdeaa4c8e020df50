"""One training on words or numbers from beginning to end: rows in, run folder out.

Beside `training/session.py`, which does the same for pictures; both go through `training/loop.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from torch import nn

from layerscope.data.rows.load_rows import RowSplits, TextEncoding, load_rows
from layerscope.data.rows.row_sets import fingerprint, tokens_of
from layerscope.data.rows.series_windows import SeriesEncoding
from layerscope.data.rows.table_encoding import TableEncoding
from layerscope.errors import DataError, ModelError, RecipeError, RunError, nearest
from layerscope.files import remove_parts, write_json
from layerscope.formats.documents import plain
from layerscope.formats.rows_record import (
    ROWS_SCHEMA,
    RowsPlanRecord,
    is_rows_document,
    read_rows_plan,
)
from layerscope.formats.run_figures import EpochFigures
from layerscope.formats.run_files import RECORD
from layerscope.formats.run_record import Finding
from layerscope.models.sequences.build_rows import (
    build_rows,
    rows_network_names,
    usual_shape,
)
from layerscope.models.sequences.counted_vectors import first_vectors, give_first_vectors
from layerscope.models.sequences.rows_spec import NETWORKS, RowsShape, RowsSpec
from layerscope.seed import make_generator
from layerscope.training.diagnostics.recorded_steps import chosen_steps
from layerscope.training.diagnostics.recorder import Recorder
from layerscope.training.diagnostics.recording import vitals_of
from layerscope.training.input.batches import steps_per_epoch
from layerscope.training.loop import Fitted, fit
from layerscope.training.machine import make_fabric
from layerscope.training.recipe import Recipe
from layerscope.training.rows.finish_rows import write_rows_run
from layerscope.training.rows.rows_baselines import baselines_of
from layerscope.training.rows.rows_feed import rows_feed
from layerscope.training.rows.rows_recipe import check_rows_recipe, rows_recipe
from layerscope.training.rows.rows_run import (
    RowsRun,
    network_record_of,
    open_rows_run,
    rows_spec_of,
    write_encoding,
)
from layerscope.training.rows.watched_rows import rows_beginning
from layerscope.training.runs.checkpoint import read_checkpoint, write_checkpoint
from layerscope.training.runs.network_records import recipe_of, recipe_record
from layerscope.training.runs.progress import Progress
from layerscope.training.runs.resume_plan import PLAN, unfinished_run
from layerscope.training.runs.run_folder import new_run_folder
from layerscope.training.runs.run_lock import trained_here
from layerscope.training.session import TrainingStopped
from layerscope.training.watch import Watch

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class RowsListener:
    """What a training on rows tells while it runs; every field may be left out.

    `watch` is asked between batches, so that it can be paused and its learning rate changed.
    """

    on_start: Callable[[RowsSpec, Recipe, RowSplits, Path], None] = (
        lambda spec, recipe, splits, folder: None
    )
    on_progress: Callable[[Progress], None] = lambda _: None
    on_epoch: Callable[[EpochFigures], None] = lambda _: None
    on_finding: Callable[[Finding], None] = lambda _: None
    on_fold: Callable[[int, int], None] = lambda done, total: None
    watch: Watch | None = None


def train_rows(
    data: str | Path,
    *,
    model: str | None = None,
    text: str | None = None,
    target: str | None = None,
    date: str | None = None,
    group: str | None = None,
    window: int | None = None,
    recipe: Recipe | None = None,
    out: Path | str = "runs",
    device: str = "auto",
    seed: int = 0,
    folds: bool = True,
    listener: RowsListener | None = None,
    **settings: Any,
) -> RowsRun:
    """Train a network on words or numbers and write its run folder.

    Args:
        data: a file (.csv, .tsv, .json, .jsonl, .parquet; .txt for the next word), or "diabetes",
            "breast-cancer", "stories", "python-topics".
        model: "text-rnn", "text-transformer", "table-mlp" or "series-lstm"; None takes the first
            that fits.
        text, target, date: columns; None guesses them.
        group: a column whose equal values stay on one side of every split.
        window: steps of a series' window; None takes 30.
        recipe: every choice; None takes the usual one of such rows.
        out: the folder of runs.
        device: as `layerscope.device.choose_device` names it.
        seed: of everything that is drawn but the test rows, which are always the same.
        folds: whether a table of up to 2,000 rows is told over five folds too.
        listener: told how it goes.
        **settings: fields of `Recipe` and of `RowsShape`, such as `epochs=3, cell="gru"`.

    Returns:
        The run; its `evaluation` has the figures of simpler models beside the network's.

    Raises:
        DataError, ModelError, RecipeError, RunError: what was asked for cannot be had.
        TrainingStopped: Ctrl-C; `resume_rows` goes on.

    Example:
        >>> run = train_rows("breast-cancer", epochs=2)
        >>> run.evaluation.figures[0].name, run.evaluation.figures[0].network.value > 0.8
        ('accuracy', True)
    """
    columns = {"text": text, "target": target, "date": date, "group": group}
    splits, spec, settled = settled_rows(
        data, model=model, columns=columns, window=window, recipe=recipe, seed=seed,
        settings=settings,
    )  # fmt: skip
    fabric = make_fabric(device, settled.precision)
    if fabric.world_size > 1:
        raise RecipeError("words and numbers are trained by one process; start it without torchrun")
    folder = new_run_folder(Path(out), splits.name, spec.name)
    plan = RowsPlanRecord(
        schema=ROWS_SCHEMA,
        kind=splits.kind,
        source=splits.source,
        columns=splits.columns,
        window=window,
        seed=seed,
        model=network_record_of(spec),
        recipe=recipe_record(settled),
        fingerprint=fingerprint(splits.train, splits.encoding),
    )
    write_json(folder / PLAN, plain(plan))
    with trained_here(folder):
        return carry_out_rows(plan, splits, folder, fabric, listener or RowsListener(), folds=folds)


def settled_rows(
    data: str | Path,
    *,
    model: str | None,
    columns: dict[str, str | None],
    window: int | None,
    recipe: Recipe | None,
    seed: int,
    settings: dict[str, Any],
) -> tuple[RowSplits, RowsSpec, Recipe]:
    """What a training is begun with: its rows, its network and its recipe.

    Args:
        data, model, window, recipe, seed, settings: as for `train_rows`.
        columns: "text", "target", "date" and "group", as far as they are named.
    """
    of_recipe, _ = parted_settings(settings)
    validation_frac = of_recipe.get("validation_frac", (recipe or Recipe()).validation_frac)
    Recipe(validation_frac=validation_frac)  # refuses what is no share
    splits = load_rows(
        data, **columns, window=window, seed=seed, validation_frac=validation_frac
    )  # fmt: skip
    return (splits, *settled_choices(splits, model=model, recipe=recipe, settings=settings))


def settled_choices(
    splits: RowSplits, *, model: str | None, recipe: Recipe | None, settings: dict[str, Any]
) -> tuple[RowsSpec, Recipe]:
    """The network and the recipe for rows that are loaded; the same arguments."""
    of_recipe, of_shape = parted_settings(settings)
    settled = (recipe or rows_recipe(splits.kind)).with_changes(**of_recipe)
    check_rows_recipe(settled)
    return spec_for(splits, model).with_shape(**of_shape), settled


def first_rows_network(spec: RowsSpec, splits: RowSplits, seed: int) -> nn.Module:
    """The network that a training begins with."""
    model = build_rows(spec, make_generator(seed, "weights"))
    give_first_vectors(model, spec, first_vectors(spec, tokens_of(splits.train)))
    return model


def parted_settings(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields of the recipe, and fields of the network."""
    recipe = {f.name for f in fields(Recipe)}
    shape = {f.name for f in fields(RowsShape)}
    for name in settings:
        if name not in recipe | shape:
            raise RecipeError(
                f"there is no field {name!r} of a network of words or numbers, nor of a recipe"
                f"{nearest(name, sorted(recipe | shape))}"
            )
    return (
        {name: value for name, value in settings.items() if name in recipe},
        {name: value for name, value in settings.items() if name in shape},
    )


def spec_for(splits: RowSplits, name: str | None = None) -> RowsSpec:
    """Describe the network that takes some rows.

    Raises:
        ModelError: there is no such network, or it takes others.
    """
    fitting = NETWORKS[splits.kind]
    name = name.lower() if name else fitting[0]
    if name not in fitting:
        known = rows_network_names()
        if name not in known:
            raise ModelError(f"there is no network {name!r} of words or numbers"
                             f"{nearest(name, known)}")  # fmt: skip
        raise ModelError(
            f"{name} does not take {splits.name}, which is a {splits.kind}; take "
            f"{' or '.join(fitting)}"
        )
    encoding = splits.encoding
    if isinstance(encoding, TextEncoding):
        task = "next-word" if splits.kind == "next-word" else "classes"
        return RowsSpec(
            name, task, encoding.class_names, n_words=len(encoding.vocabulary),
            length=encoding.length, shape=usual_shape(name, task),
        )  # fmt: skip
    if isinstance(encoding, SeriesEncoding):
        return RowsSpec(
            name, "number", n_features=len(encoding.feature_names), length=encoding.length,
            shape=usual_shape(name, "number"),
        )  # fmt: skip
    assert isinstance(encoding, TableEncoding), "the last of the kinds"
    names = encoding.target.class_names
    task = "classes" if names else "number"
    return RowsSpec(
        name, task, names, n_features=len(encoding.feature_names), shape=usual_shape(name, task)
    )


def is_rows_plan(path: Path) -> bool:
    """Whether what is to be resumed is a training on words or numbers."""
    try:
        return is_rows_document(unfinished_run(path) / PLAN)
    except RunError:
        return False


def resume_rows(
    folder: Path,
    *,
    epochs: int | None = None,
    device: str = "auto",
    folds: bool = True,
    listener: RowsListener | None = None,
) -> RowsRun:
    """Go on with an interrupted training on words or numbers, or with more epochs.

    Raises:
        RunError: there is nothing to resume, or its files are damaged.
        DataError: the rows are gone or have changed.

    Example:
        >>> run = train_rows("breast-cancer", epochs=1)
        >>> len(resume_rows(run.path, epochs=2).history)
        2
    """
    folder = unfinished_run(folder)
    plan = read_rows_plan(folder)
    recipe = recipe_of(plan.recipe)
    if (folder / RECORD).is_file() and (epochs is None or epochs <= recipe.epochs):
        raise RunError(
            f"{folder} is finished after {recipe.epochs} epochs; there is nothing to resume, but "
            f"more epochs train it longer: --epochs {2 * recipe.epochs}"
        )
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
        plan = msgspec.structs.replace(plan, recipe=recipe_record(recipe))
    given: dict[str, Any] = dict(plan.columns)
    splits = load_rows(
        plan.source, **given, window=plan.window, seed=plan.seed,
        validation_frac=recipe.validation_frac,
    )  # fmt: skip
    if fingerprint(splits.train, splits.encoding) != plan.fingerprint:
        raise DataError(
            f"the rows of {plan.source} are not those that {folder.name} began with; put the old "
            "ones back, or train anew"
        )
    fabric = make_fabric(device, recipe.precision)
    with trained_here(folder):
        remove_parts(folder)
        write_json(folder / PLAN, plain(plan))
        return carry_out_rows(plan, splits, folder, fabric, listener or RowsListener(), folds=folds)


def carry_out_rows(
    plan: RowsPlanRecord,
    splits: RowSplits,
    folder: Path,
    fabric: Fabric,
    listener: RowsListener,
    *,
    folds: bool = True,
) -> RowsRun:
    """Train as planned, from the beginning or from the folder's checkpoint; write the run."""
    spec, recipe = rows_spec_of(plan.model), recipe_of(plan.recipe)
    write_encoding(folder, splits.encoding)
    listener.on_start(spec, recipe, splits, folder)
    start = read_checkpoint(folder)
    model = first_rows_network(spec, splits, plan.seed)
    validation = rows_feed(splits.validation, fabric.device)
    steps = chosen_steps(steps_per_epoch(len(splits.train), recipe.batch_size), recipe.epochs)
    watch = listener.watch
    recorder = Recorder(
        model, spec, validation, steps, fabric=fabric, folder=folder,
        on_frame=watch.frame if watch else None,
    )  # fmt: skip
    simpler = None
    if watch:
        simpler = baselines_of(splits)
        told = rows_beginning(
            plan, spec, splits, folder, layers=tuple(recorder.weights), rows=recorder.rows,
            simpler=simpler,
        )  # fmt: skip
        watch.begin(told, {})
    if start:
        recorder.vitals = vitals_of(folder, through_epoch=start.epoch)
    fitted: Fitted = fit(
        model,
        spec,
        recipe,
        rows_feed(splits.train, fabric.device),
        validation,
        fabric=fabric,
        shuffle=make_generator(plan.seed, "shuffle"),
        changes=make_generator(plan.seed, "augment"),
        recorder=recorder,
        watch=watch,
        start=start,
        on_progress=listener.on_progress,
        on_epoch=listener.on_epoch,
        on_finding=listener.on_finding,
        on_state=lambda state: write_checkpoint(folder, state),
    )
    if fitted.stopped:
        raise TrainingStopped(folder, len(fitted.history), recipe.epochs)
    write_rows_run(
        plan, spec, recipe, splits, folder, fabric, fitted, simpler=simpler, folds=folds,
        on_fold=listener.on_fold,
    )  # fmt: skip
    return replace(open_rows_run(folder, device=str(fabric.device)), data=splits)
