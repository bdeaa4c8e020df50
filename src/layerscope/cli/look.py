"""`layerscope look`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def look(
    run: Annotated[Path, typer.Argument(help="A run folder, or a folder of runs: its latest.")],
    layer: Annotated[
        list[str] | None,
        typer.Option(help="Print this layer's units instead of writing; may be given again."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the data sets lie; else LAYERSCOPE_DATA.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of what is drawn.")] = 0,
) -> None:
    """Measure every layer of a trained network; write its atlas and report.html."""
    from layerscope.cli import show
    from layerscope.training.run import find_run, open_run, with_data

    opened = with_data(open_run(find_run(run)), data_dir=data_dir)
    if layer:
        show.units(opened, layer)
    else:
        show.look(opened, seed=seed)
