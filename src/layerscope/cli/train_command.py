"""`layerscope demo` and `layerscope train`."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from layerscope.cli.options.column_options import (
    DateColumn,
    GroupColumn,
    TargetColumn,
    TextColumn,
    Window,
)
from layerscope.cli.reference import completions as offer

if TYPE_CHECKING:
    from layerscope.training.runs.run_folder import Run
    from layerscope.training.session import Listener

Out = Annotated[Path, typer.Option(help="The folder of runs.")]
Device = Annotated[
    str,
    typer.Option(help="What computes: auto (a GPU where there is one), cpu, cuda, cuda:1, mps."),
]
Seed = Annotated[int, typer.Option(help="Random seed of everything that is drawn.")]
Optimiser = Annotated[
    str | None,
    typer.Option(
        "--optimiser",
        "--optimizer",
        help="muon, adamw, adam or sgd.",
        autocompletion=offer.optimisers,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option("--learning-rate", "--lr", help="The highest one of the schedule."),
]
BatchSize = Annotated[int | None, typer.Option(help="Batch size: pictures a step.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Any other field of the recipe or the network, as listed below, such as "
        "schedule=cosine or pooling=avg; may be given several times.",
    ),
]
StartWeights = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Weights of a network from elsewhere: a .safetensors or .pth file, or 'none'; "
        "else its published ones.",
    ),
]


def demo(
    out: Out = Path("runs"),
    device: Device = "auto",
    seed: Seed = 0,
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Go on with this run of a demo that was interrupted.",
            autocompletion=offer.runs_here,
        ),
    ] = None,
) -> None:
    """Train on drawn cats and dogs, look through every layer, write the report. Offline."""
    started = time.perf_counter()
    from layerscope.cli.printing import print_look, print_training
    from layerscope.cli.printing.console import say, working

    with working(reading=1, training=2, looking=4) as line:
        from layerscope.pipeline.effort import DEMO
        from layerscope.pipeline.subject import subject_of

        told = print_training.training(line)
        run = demo_run(told, out=out, device=device, seed=seed, resume=resume)
        if run.evaluation:  # else it was printed when the training ended
            print_training.evaluation(run)
        again = f"'layerscope demo --resume {run.path}'"
        print_look.look(subject_of(run), effort=DEMO, seed=run.record.seed, line=line, again=again)
    say(f"All of it took {time.perf_counter() - started:.0f} s.")


def demo_run(listener: Listener, *, out: Path, device: str, seed: int, resume: Path | None) -> Run:
    """The demo's training: begun, gone on with, or finished already.

    Raises:
        TrainingStopped: Ctrl-C; it names the demo that goes on, looking included.
    """
    from layerscope.cli.process.own_process import sharing_cores
    from layerscope.training import session
    from layerscope.training.runs.resume_plan import is_finished
    from layerscope.training.runs.run_folder import open_run, with_data

    try:
        with sharing_cores(listener, device) as listener:
            if resume is None:
                return session.train(
                    "creatures", model="catdog-cnn", epochs=2, out=out, device=device, seed=seed,
                    listener=listener,
                )  # fmt: skip
            if not is_finished(resume):
                return session.resume(resume, device=device, listener=listener)
            return with_data(open_run(resume, device=device))
    except session.TrainingStopped as stop:
        raise session.TrainingStopped(stop.folder, stop.epoch, stop.epochs, "demo") from stop


def train(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A set's name (see 'data list'), a folder, zip or tar of photos, or a file of "
            "rows: .csv, .tsv, .json, .jsonl, .parquet, or .txt for the next word.",
            autocompletion=offer.sets,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="digit-mlp, digit-cnn, fashion-cnn, catdog-cnn, dog-classifier, compact, "
            "or a published network: torchvision:NAME, timm:NAME. Of rows: text-rnn, "
            "text-transformer, table-mlp, series-lstm. Else compact, or the first that fits.",
            autocompletion=offer.networks,
        ),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            help="default, quick (the tutorial's figure in the least time), best (the highest "
            "figure) or tutorial (what the tutorials do).",
            autocompletion=offer.presets,
        ),
    ] = "default",
    epochs: Annotated[
        int | None, typer.Option(help="Epochs: passes over the training pictures.")
    ] = None,
    batch_size: BatchSize = None,
    optimiser: Optimiser = None,
    learning_rate: Rate = None,
    augment: Annotated[
        str | None,
        typer.Option(
            help="none, shift, flip, flip-shift, strong or flip-strong.",
            autocompletion=offer.augmentations,
        ),
    ] = None,
    settings: Settings = None,
    weights: StartWeights = None,
    size: Annotated[int | None, typer.Option(help="Side of the pictures in pixels.")] = None,
    text: TextColumn = None,
    target: TargetColumn = None,
    date: DateColumn = None,
    group: GroupColumn = None,
    window: Window = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the data sets lie; else LAYERSCOPE_DATA.")
    ] = None,
    out: Out = Path("runs"),
    device: Device = "auto",
    seed: Seed = 0,
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Go on with this run, as it was begun, or with the latest unfinished one of a "
            "folder of runs. With --epochs a finished run is trained longer.",
            autocompletion=offer.runs_here,
        ),
    ] = None,
    report: Annotated[
        bool, typer.Option(help="Look through every layer afterwards and write report.html.")
    ] = True,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Show the training in a browser while it runs: pause it, go batch by batch, "
            "change the learning rate.",
        ),
    ] = False,
) -> None:
    """Train a network, score it once on the test split, and write its report."""
    from layerscope.cli.printing import print_look, print_training
    from layerscope.cli.printing.console import working

    with (
        working(reading=1, training=3, looking=2 if report else 0) as line,
        ExitStack() as stack,
    ):
        from layerscope.cli.process.own_process import sharing_cores
        from layerscope.cli.process.watching import live_file, watched
        from layerscope.cli.rows.rows_commands import is_of_rows, refuse_columns, train_command
        from layerscope.cli.settings import parse_settings
        from layerscope.errors import RecipeError
        from layerscope.pipeline.effort import QUICK
        from layerscope.pipeline.subject import subject_of
        from layerscope.training import session

        if (data is None) == (resume is None):
            raise RecipeError("name a set or a folder to train on, or a run folder with --resume")
        columns = {"text": text, "target": target, "date": date, "group": group}
        if is_of_rows(data, resume):
            train_command(
                line, data, resume, model=model, columns=columns, window=window, out=out,
                device=device, seed=seed, settings=settings or [], watch=watch,
                flags={"epochs": epochs, "batch_size": batch_size, "optimiser": optimiser,
                       "learning_rate": learning_rate, "augment": augment},
                refused={"--preset": None if preset == "default" else preset, "--weights": weights,
                         "--size": size, "--data-dir": data_dir},
            )  # fmt: skip
            return
        refuse_columns({**columns, "window": window}, data or str(resume))
        chosen = parse_settings(
            settings or (), epochs=epochs, batch_size=batch_size, optimiser=optimiser,
            learning_rate=learning_rate, augment=augment,
        )  # fmt: skip
        if resume and (set(chosen) - {"epochs"} or weights or preset != "default"):
            raise RecipeError(
                "a resumed run goes on as it was begun; leave its settings out, but for --epochs"
            )
        listener = print_training.training(line)
        tell_finished = None
        told_in = live_file()
        if watch or told_in:
            from layerscope.serve.web_server import need_server

            need_server()
            listener, tell_finished = stack.enter_context(watched(listener, line, told_in=told_in))
        with sharing_cores(listener, device) as listener:
            if resume:
                run = session.resume(
                    resume, epochs=epochs, data_dir=data_dir, device=device, listener=listener
                )
            else:
                assert data is not None, "checked above"
                run = session.train(
                    data, model=model or "compact", preset=preset, size=size, weights=weights,
                    data_dir=data_dir, out=out, device=device, seed=seed, listener=listener,
                    **chosen,
                )  # fmt: skip
        if tell_finished:
            accuracy = run.record.results.test_accuracy
            tell_finished({"accuracy": accuracy, "path": str(run.path)})
        if run.evaluation is None:  # of several processes, only the first one speaks
            return
        print_training.evaluation(run)
        if report:
            again = f"'layerscope look {run.path} --quick'"
            print_look.look(subject_of(run), effort=QUICK, seed=seed, line=line, again=again)
