"""`layerscope experiment` and `layerscope compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layerscope.cli.options.column_options import (
    DateColumn,
    GroupColumn,
    TargetColumn,
    TextColumn,
    Window,
)
from layerscope.cli.reference import completions as offer
from layerscope.cli.train_command import BatchSize, Device, Optimiser, Rate, Settings, StartWeights


def experiment(
    data: Annotated[
        str,
        typer.Argument(
            help="A set's name, a folder, zip or tar of photos, or a file of rows.",
            autocompletion=offer.sets,
        ),
    ],
    vary: Annotated[
        list[str],
        typer.Option(
            metavar="FIELD=A,B,C",
            help="A field of the recipe or the network and its values, the first being what the "
            "others are compared with; may be given several times. Values that are lists "
            "themselves are parted by ';': widths=32,64;32,64,128.",
        ),
    ],
    seeds: Annotated[int, typer.Option(help="How many seeds each value is trained with.")] = 3,
    model: Annotated[
        str | None, typer.Option(help="As for train.", autocompletion=offer.networks)
    ] = None,
    preset: Annotated[
        str, typer.Option(help="As for train.", autocompletion=offer.presets)
    ] = "default",
    epochs: Annotated[
        int | None, typer.Option(help="Epochs: passes over the training pictures.")
    ] = None,
    batch_size: BatchSize = None,
    optimiser: Optimiser = None,
    learning_rate: Rate = None,
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
    out: Annotated[
        Path, typer.Option(help="The experiment's folder; an interrupted one goes on.")
    ] = Path("experiment"),
    device: Device = "auto",
) -> None:
    """Train with every value on several seeds, and say what it changes, with intervals."""
    from layerscope.cli.printing import print_experiments
    from layerscope.cli.printing.console import say, working
    from layerscope.cli.rows.rows_commands import experiment_command, is_of_rows, refuse_columns

    with working(training=1) as line:
        from layerscope.cli.process.own_process import sharing_cores
        from layerscope.cli.settings import parse_settings, parse_variations
        from layerscope.training.experiments.arms import experiment as run_experiment
        from layerscope.training.experiments.arms_plot import plot_arms

        columns = {"text": text, "target": target, "date": date, "group": group}
        flags = {"epochs": epochs, "batch_size": batch_size, "optimiser": optimiser,
                 "learning_rate": learning_rate}  # fmt: skip
        if is_of_rows(data, None):
            result = experiment_command(
                line, data, vary, model=model, columns=columns, window=window, seeds=seeds,
                settings=settings or [], flags=flags, out=out, device=device,
                refused={"--preset": None if preset == "default" else preset, "--weights": weights,
                         "--size": size, "--data-dir": data_dir},
            )  # fmt: skip
        else:
            refuse_columns({**columns, "window": window}, data)
            listener, on_arm = print_experiments.experimenting(line)
            with sharing_cores(listener, device) as listener:
                result = run_experiment(
                    data, parse_variations(vary), model=model or "compact", preset=preset,
                    seeds=seeds, size=size, weights=weights, data_dir=data_dir, out=out,
                    device=device, listener=listener, on_arm=on_arm,
                    **parse_settings(settings or (), **flags),
                )  # fmt: skip
    print_experiments.arms(result)
    figure = result.path / "experiment.png"
    plot_arms(
        [arm.label for arm in result.arms], [arm.accuracies for arm in result.arms], figure,
        what=f"validation {result.scale.figure or 'accuracy'}",
    )  # fmt: skip
    say(f"figure {figure}; all of it in {result.path / 'experiment.json'}")


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of finished runs, two or more, or the folder that holds them.",
            autocompletion=offer.runs_here,
        ),
    ],
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Of two runs that were looked at: write a page that shows them side by side.",
        ),
    ] = None,
) -> None:
    """Say in which settings finished runs differ, and what came of it, with intervals."""
    from layerscope.cli.printing import print_experiments
    from layerscope.cli.printing.console import say

    if report is None:
        from layerscope.training.experiments.comparison import compare as compare_runs

        print_experiments.comparison(compare_runs(runs))
        return
    from layerscope.api.compare_and_report import compare_and_report
    from layerscope.errors import RunError

    if len(runs) != 2:
        raise RunError(f"{len(runs)} runs were given; a page shows two side by side")
    print_experiments.comparison(compare_and_report(runs[0], runs[1], report))
    say(f"page {report}")
