"""`layerscope predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layerscope.cli.reference import completions as offer
from layerscope.cli.train_command import Device


def predict(
    run: Annotated[
        Path,
        typer.Argument(
            help="A run folder, or a folder of runs: its latest.", autocompletion=offer.subjects
        ),
    ],
    photos: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    top: Annotated[int, typer.Option(min=1, help="How many classes to name.")] = 3,
    device: Device = "auto",
) -> None:
    """Name what is in photos: labels and probabilities."""
    from layerscope.cli.printing import print_predictions
    from layerscope.cli.printing.console import named, say, working

    with working(predicting=1) as line:
        from layerscope.data.folders.picture_paths import pictures_under
        from layerscope.models.predict import predict as predict_photos
        from layerscope.training.runs.run_folder import open_run

        opened = open_run(run, device=device)
        if opened.path != run and not as_json:
            say(f"with {opened.path}, the latest run there: {opened.spec.name}, which tells apart "
                f"{named(opened.spec.class_names)}")  # fmt: skip
        found = pictures_under(photos)
        line.tell("predicting", 0.0, f"{len(found):,} pictures" if len(found) > 1 else "a picture")
        predictions = predict_photos(opened, found)
    print_predictions.predictions(predictions, top=top, as_json=as_json)
