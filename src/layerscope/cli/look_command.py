"""`layerscope look`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import replace
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


def look(
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|NETWORK...",
            help="A run folder, or a folder of runs: its latest; several are each looked at, and "
            "their units matched. A network that comes trained, "
            "such as fashion-cnn. Or one from elsewhere: torchvision:NAME, timm:NAME, hf:NAME or "
            "its folder, module:make, file.py:make, a .keras or .onnx file.",
            autocompletion=offer.subjects,
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="Pictures to measure on: a set's name, or a folder or zip of class folders (or of "
            "pictures without labels: then classes are not compared); else those that the run was "
            "tested on.",
            autocompletion=offer.sets,
        ),
    ] = None,
    picture: Annotated[
        list[Path] | None,
        typer.Option(
            help="A picture of your own, or a folder of some, to walk through every layer in the "
            "report; may be given again."
        ),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(help="Print this layer's units instead of writing; may be given again."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Measure the units of this layer alone; may be given again."),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            help="Fewer pictures and untrained copies, no ablation, no feature visualisation."
        ),
    ] = False,
    ablation: Annotated[
        str,
        typer.Option(
            help="Ablation baseline, what stands in for a unit: mean, resample or zero.",
            autocompletion=offer.baselines,
        ),
    ] = "mean",
    directions: Annotated[
        str,
        typer.Option(
            help="How a layer's directions are found, which are described and ablated beside its "
            "units: nmf, pca, dictionary (sparse), none; auto takes nmf where nothing is below 0.",
            autocompletion=offer.ways,
        ),
    ] = "auto",
    masks: Annotated[
        Path | None,
        typer.Option(
            help="Masks of the pictures' parts: a folder with a folder of PNGs for each part, or a "
            "COCO .json file."
        ),
    ] = None,
    weights: StartWeights = None,
    scale: Scale = None,
    mean: Mean = None,
    std: Std = None,
    size: Size = None,
    crop: Crop = None,
    classes: Classes = None,
    out: Annotated[Path | None, typer.Option(help="Where a network's atlas and report go.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the data sets lie; else LAYERSCOPE_DATA.")
    ] = None,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Random seed of what is drawn.")] = 0,
) -> None:
    """Measure every layer of a trained network; write its atlas and report.html."""
    from layerscope.cli.printing import print_look, print_rows_look
    from layerscope.cli.printing.console import working

    if len(networks) > 1 and (layer or out):
        raise ModelError(
            f"{len(networks)} networks were given; --layer and --out are for one: each one's atlas "
            "goes where its own look puts it"
        )
    # Of several processes the first one speaks.
    speaks = os.environ.get("RANK", "0") == "0"
    subjects, fabric = [], None
    for network in networks:
        with working(looking=1) if speaks else contextlib.nullcontext() as line:
            from layerscope.cli.process.own_process import fit_threads
            from layerscope.pipeline.effort import FULL, QUICK
            from layerscope.pipeline.subject import find_subject
            from layerscope.training.machine import fabric_of_torchrun
            from layerscope.training.rows.rows_run import is_rows_run

            if is_rows_run(network):
                given = {"--data": data, "--picture": picture, "--layer": layer, "--only": only}
                refuse_for_rows(network, {**given, "--masks": masks, "--weights": weights})
                print_rows_look.look(network, out=out, seed=seed, line=line)
                continue
            subject = find_subject(
                network,
                data=data,
                weights=weights,
                options=input_options(scale, mean, std, size, crop),
                classes=classes,
                masks=masks,
                out=out,
                data_dir=data_dir,
                device=device,
            )
            fit_threads(subject.model, subject.spec)
            effort = QUICK if quick else replace(FULL, ablation_baseline=ablation)
            effort = replace(effort, directions=directions)
            fabric = fabric or fabric_of_torchrun()
            if layer:
                print_look.units(subject, layer, line)
            else:
                print_look.look(
                    subject, effort=effort, only=only, pictures=picture or (), seed=seed,
                    line=line, fabric=fabric,
                )  # fmt: skip
        subjects.append(subject)
    if len(subjects) > 1 and speaks:
        print_look.across(subjects, seed=seed)


def refuse_for_rows(network: str, given: Mapping[str, object]) -> None:
    """Refuse what a look at words or numbers would leave unheard.

    Raises:
        ModelError: an option was given that is for pictures.
    """
    for name, value in given.items():
        if value:
            raise ModelError(
                f"{network} is a run on words or numbers, of which all is measured on its own test "
                f"rows; leave out {name}, which is for pictures"
            )
