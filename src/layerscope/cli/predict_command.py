"""`layerscope predict`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from layerscope.cli.options.network_options import (
    Classes,
    Crop,
    Mean,
    Scale,
    Size,
    Std,
    input_options,
)
from layerscope.cli.reference import completions as offer
from layerscope.cli.train_command import Device, StartWeights
from layerscope.errors import ModelError


def predict(
    network: Annotated[
        str,
        typer.Argument(
            metavar="RUN|NETWORK",
            help="A run folder, or a folder of runs: its latest. A network that comes trained, or "
            "one from elsewhere, as look takes it.",
            autocompletion=offer.subjects,
        ),
    ],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTO|SENTENCE|FILE...",
            help="Pictures, or folders of pictures; of a run on words or numbers sentences, or "
            "files with rows.",
            autocompletion=offer.files_here,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    top: Annotated[int, typer.Option(min=1, help="How many classes to name.")] = 3,
    weights: StartWeights = None,
    scale: Scale = None,
    mean: Mean = None,
    std: Std = None,
    size: Size = None,
    crop: Crop = None,
    classes: Classes = None,
    device: Device = "auto",
) -> None:
    """Name what is in photos, or tell of sentences and rows: labels and probabilities."""
    from layerscope.cli.printing import print_predictions
    from layerscope.cli.printing.console import named, say, working

    with working(predicting=1) as line:
        from layerscope.cli.rows.rows_commands import predict_command
        from layerscope.data.folders.picture_paths import pictures_under
        from layerscope.models.predict import predict as predict_run
        from layerscope.models.predict import predict_with
        from layerscope.models.pretrained.foreign_network import is_given
        from layerscope.pipeline.from_elsewhere.lone_network import open_lone
        from layerscope.pipeline.subject import OF_A_RUN
        from layerscope.training.rows.rows_run import is_rows_run
        from layerscope.training.runs.run_folder import open_run

        if is_rows_run(network):
            given = {"--weights": weights, "--scale": scale, "--mean": mean, "--std": std,
                     "--size": size, "--crop": crop, "--classes": classes}  # fmt: skip
            predict_command(network, inputs, top=top, as_json=as_json, device=device, given=given)
            return
        photos = [Path(given) for given in inputs]
        options = input_options(scale, mean, std, size, crop)
        if is_given(network):
            lone = open_lone(
                network, weights=weights, options=options, classes=classes, device=device
            )
            for sentence in () if as_json else lone.known.sentences:
                say(sentence)
            name = partial(predict_with, lone.model, lone.spec)
        elif weights is not None or classes is not None or options.given:
            raise ModelError(OF_A_RUN)
        else:
            opened = open_run(network, device=device)
            if not as_json and Path(network).exists() and opened.path != Path(network):
                say(f"with {opened.path}, the latest run there: {opened.spec.name}, which tells "
                    f"apart {named(opened.spec.class_names)}")  # fmt: skip
            name = partial(predict_run, opened)
        found = pictures_under(photos)
        line.tell("predicting", 0.0, counted_pictures(found))
        predictions = name(found)
    print_predictions.predictions(predictions, top=top, as_json=as_json)


def counted_pictures(found: list[Path]) -> str:
    """How many pictures are named, for the progress line."""
    return f"{len(found):,} pictures" if len(found) > 1 else "a picture"
