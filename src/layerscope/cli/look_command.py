"""`layerscope look`."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

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
            help="Pictures to measure on: a set's name, or a folder or zip of class folders; "
            "else those that the run was tested on.",
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
    masks: Annotated[
        Path | None,
        typer.Option(
            help="Masks of the pictures' parts: a folder with a folder of PNGs for each part, or a "
            "COCO .json file."
        ),
    ] = None,
    weights: StartWeights = None,
    scale: Annotated[
        str | None,
        typer.Option(
            help="Values that a network takes: 0..1, 0..255, -1..1, imagenet, caffe, or dataset "
            "(the pictures' own mean and deviation); else what it says itself, or what fits best."
        ),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(help="The same as numbers, of pixels / 255: 0.5 or 0.485,0.456,0.406."),
    ] = None,
    std: Annotated[str | None, typer.Option(help="Deviations that belong to --mean.")] = None,
    size: Annotated[
        int | None, typer.Option(help="Side of the pictures in pixels, for a network.")
    ] = None,
    crop: Annotated[
        int | None,
        typer.Option(
            help="Resize the shorter side to this, then crop the centre of --size; 0 takes the "
            "largest centre whole."
        ),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(
            help="A network's class names in the order of its outputs: a name a line, or .json."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where a network's atlas and report go.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the data sets lie; else LAYERSCOPE_DATA.")
    ] = None,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Random seed of what is drawn.")] = 0,
) -> None:
    """Measure every layer of a trained network; write its atlas and report.html."""
    from layerscope.cli.printing import print_look
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
            from layerscope.models.preprocessing import InputOptions
            from layerscope.pipeline.effort import FULL, QUICK
            from layerscope.pipeline.subject import find_subject
            from layerscope.training.machine import fabric_of_torchrun

            subject = find_subject(
                network,
                data=data,
                weights=weights,
                options=InputOptions(
                    scale=scale,
                    mean=numbers("--mean", mean),
                    std=numbers("--std", std),
                    size=size,
                    crop=crop,
                ),
                classes=classes,
                masks=masks,
                out=out,
                data_dir=data_dir,
                device=device,
            )
            fit_threads(subject.model, subject.spec)
            effort = QUICK if quick else replace(FULL, ablation_baseline=ablation)
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


def numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """The numbers of "0.485,0.456,0.406"."""
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ModelError(
            f"{option} is {text!r}; give a number, or one a channel: 0.485,0.456,0.406"
        ) from error
