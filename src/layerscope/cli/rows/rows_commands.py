"""`layerscope train` and `predict`, where the data are words or numbers."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from layerscope.cli.process.progress_line import ProgressLine
from layerscope.cli.settings import parse_row_settings, parse_variations
from layerscope.errors import DataError, LayerscopeError, ModelError, RecipeError

if TYPE_CHECKING:
    from layerscope.training.experiments.arms import Experiment
    from layerscope.training.experiments.rate_finder import RateSearch

# Defaults of `train` that are of pictures.
OF_PICTURES = "pictures"


def train_command(
    line: ProgressLine,
    data: str | None,
    resume: Path | None,
    *,
    model: str | None,
    columns: dict[str, str | None],
    window: int | None,
    settings: list[str],
    flags: dict[str, Any],
    out: Path,
    device: str,
    seed: int,
    watch: bool,
    refused: dict[str, Any],
) -> None:
    """Train on rows, or go on with it, and print how it did.

    Args:
        watch: whether a page shows it while it runs.
        refused: option -> value, of options that only pictures have.

    Raises:
        RecipeError: an option was given that rows do not have.
    """
    from layerscope.cli.process.watching import live_file, watched
    from layerscope.cli.rows.print_rows import evaluation, in_a_sentence, listener
    from layerscope.training.rows.rows_session import resume_rows, train_rows

    refuse_options(refused, data or str(resume))
    chosen = parse_row_settings(settings, **flags)
    if resume and (set(chosen) - {"epochs"} or any(columns.values()) or window or model):
        raise RecipeError(
            "a resumed run goes on as it was begun; leave its settings out, but for --epochs"
        )
    one_thread()
    told, tell_finished = listener(line), None
    told_in = live_file()
    with ExitStack() as stack:
        if watch or told_in:
            from layerscope.serve.web_server import need_server

            need_server()
            told, tell_finished = stack.enter_context(watched(told, line, told_in=told_in))
        if resume is not None:
            run = resume_rows(resume, epochs=chosen.get("epochs"), device=device, listener=told)
        else:
            assert data is not None, "one of the two is given"
            run = train_rows(
                data, model=model, window=window, out=out, device=device, seed=seed,
                listener=told, **columns, **chosen,
            )  # fmt: skip
        if tell_finished:
            tell_finished({"sentence": in_a_sentence(run), "path": str(run.path)})
        evaluation(run)


def rate_command(
    line: ProgressLine,
    data: str,
    *,
    model: str | None,
    columns: dict[str, str | None],
    window: int | None,
    settings: list[str],
    flags: dict[str, Any],
    device: str,
    seed: int,
    refused: dict[str, Any],
) -> RateSearch:
    """Look for a rate to train on rows with.

    Args:
        refused: option -> value, of options that only pictures have.

    Raises:
        RecipeError: an option was given that rows do not have.
    """
    from layerscope.training.experiments.rows_rate_finder import find_rows_rate

    refuse_options(refused, data)
    chosen = parse_row_settings(settings, **flags)
    one_thread()
    return find_rows_rate(
        data, model=model, window=window, device=device, seed=seed,
        progress=lambda done, total: line.tell("searching", done / total, "trying rates"),
        **columns, **chosen,
    )  # fmt: skip


def experiment_command(
    line: ProgressLine,
    data: str,
    vary: list[str],
    *,
    model: str | None,
    columns: dict[str, str | None],
    window: int | None,
    seeds: int,
    settings: list[str],
    flags: dict[str, Any],
    out: Path,
    device: str,
    refused: dict[str, Any],
) -> Experiment:
    """Train on rows with every value on several seeds.

    Args:
        refused: option -> value, of options that only pictures have.

    Raises:
        RecipeError: an option was given that rows do not have.
    """
    from layerscope.cli.printing.print_experiments import experimenting
    from layerscope.training.experiments.rows_arms import experiment_rows
    from layerscope.training.rows.rows_session import RowsListener

    refuse_options(refused, data)
    chosen = parse_row_settings(settings, **flags)
    varied = parse_variations(vary, parse_row_settings)
    one_thread()
    told, on_arm = experimenting(line)
    return experiment_rows(
        data, varied, model=model, window=window, seeds=seeds, out=out, device=device,
        listener=RowsListener(on_progress=told.on_progress), on_arm=on_arm, **columns, **chosen,
    )  # fmt: skip


def refuse_options(refused: dict[str, Any], data: str) -> None:
    """Refuse options that only pictures have."""
    for option, value in refused.items():
        if value is not None:
            raise RecipeError(f"{option} is for {OF_PICTURES}; {data} has none")


def is_of_rows(data: str | None, resume: Path | None) -> bool:
    """Whether what is trained on, or gone on with, is of words or numbers."""
    from layerscope.data.rows.row_source import is_rows
    from layerscope.training.rows.rows_session import is_rows_plan

    return is_rows(data) if data is not None else resume is not None and is_rows_plan(resume)


def refuse_columns(columns: dict[str, Any], data: str) -> None:
    """Refuse the columns of rows where pictures are trained on."""
    for option, value in columns.items():
        if value is not None:
            raise RecipeError(f"--{option} is for files of rows (.csv, …); {data} holds pictures")


def one_thread() -> None:
    """Give these small networks one thread, unless OMP_NUM_THREADS says otherwise."""
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


def predict_command(
    run: str, rows: list[str], *, top: int, as_json: bool, device: str, given: dict[str, Any]
) -> None:
    """Say what a run on words or numbers makes of sentences, or of files with rows."""
    from layerscope.cli.printing.console import say
    from layerscope.cli.rows.print_rows import row_predictions
    from layerscope.training.rows.predict_rows import predict_rows
    from layerscope.training.rows.rows_run import open_rows_run

    for option, value in given.items():
        if value is not None:
            raise ModelError(f"{option} is for {OF_PICTURES}; {run} is of words or numbers")
    opened = open_rows_run(run, device=device)
    if opened.path != Path(run) and not as_json:
        say(f"with {opened.path}, the latest run there: {opened.spec.name}")
    found, refused = [], []
    for row in rows:
        try:
            found += predict_rows(opened, [row])
        except DataError as error:  # the others are told all the same
            refused.append(error)
    if as_json:
        typer.echo(json.dumps([p.to_json() for p in found], indent=1, ensure_ascii=False))
    elif found:
        row_predictions(opened, found, top=top)
    if refused:
        raise LayerscopeError("; ".join(dict.fromkeys(str(error) for error in refused)))
