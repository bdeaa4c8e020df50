"""`layerscope predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layerscope.cli.train_command import Device


def predict(
    run: Annotated[Path, typer.Argument(help="A run folder, or a folder of runs: its latest.")],
    photos: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    top: Annotated[int, typer.Option(min=1, help="How many classes to name.")] = 3,
    device: Device = "auto",
) -> None:
    """Name what is in photos: labels and probabilities."""
    from layerscope.cli.printing import print_predictions
    from layerscope.cli.printing.console import named, say
    from layerscope.data.folders.picture_paths import pictures_under
    from layerscope.models.predict import predict as predict_photos
    from layerscope.training.runs.run_folder import open_run

    opened = open_run(run, device=device)
    if opened.path != run and not as_json:
        say(f"with {opened.path}, the latest run there: {opened.spec.name}, which tells apart "
                 f"{named(opened.spec.class_names)}")  # fmt: skip
    predictions = predict_photos(opened, pictures_under(photos))
    print_predictions.predictions(predictions, top=top, as_json=as_json)
