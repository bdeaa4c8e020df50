"""`layerscope find-rate`."""

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
from layerscope.cli.train_command import BatchSize, Device, Optimiser, Seed, Settings, StartWeights


def find_rate(
    data: Annotated[
        str,
        typer.Argument(
            help="A set's name, a folder, zip or tar of photos, or a file of rows.",
            autocompletion=offer.sets,
        ),
    ],
    model: Annotated[
        str | None, typer.Option(help="As for train.", autocompletion=offer.networks)
    ] = None,
    preset: Annotated[
        str, typer.Option(help="As for train.", autocompletion=offer.presets)
    ] = "default",
    batch_size: BatchSize = None,
    optimiser: Optimiser = None,
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
    plot: Annotated[Path, typer.Option(help="Where the plot goes.")] = Path("learning-rate.png"),
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Look for a good learning rate: train briefly while it climbs, and plot the loss."""
    from layerscope.cli.printing.console import say, working
    from layerscope.cli.rows.rows_commands import is_of_rows, rate_command, refuse_columns

    with working(searching=1) as line:
        from layerscope.cli.settings import parse_settings
        from layerscope.training.experiments.rate_finder import find_rate as search_rate
        from layerscope.training.experiments.rate_plot import plot_rates

        columns = {"text": text, "target": target, "date": date, "group": group}
        flags = {"batch_size": batch_size, "optimiser": optimiser}
        if is_of_rows(data, None):
            search = rate_command(
                line, data, model=model, columns=columns, window=window, settings=settings or [],
                flags=flags, device=device, seed=seed,
                refused={"--preset": None if preset == "default" else preset, "--weights": weights,
                         "--size": size, "--data-dir": data_dir},
            )  # fmt: skip
        else:
            refuse_columns({**columns, "window": window}, data)
            search = search_rate(
                data, model=model or "compact", preset=preset, size=size, weights=weights,
                data_dir=data_dir, device=device, seed=seed,
                progress=lambda done, total: line.tell("searching", done / total, "trying rates"),
                **parse_settings(settings or (), **flags),
            )  # fmt: skip
    plot_rates(search, plot)
    breaks = (
        f"it breaks away at {search.breaks_at:.2g}"
        if search.breaks_at
        else f"it never breaks away up to {search.rates[-1]:.2g}"
    )
    say(
        f"with {search.recipe.optimiser} the loss is halfway down at a learning rate of "
        f"{search.suggestion:.2g}; {breaks} (the recipe has {search.recipe.learning_rate:g})"
    )
    say(f"plot {plot}; take it with --learning-rate {search.suggestion:.2g}")
