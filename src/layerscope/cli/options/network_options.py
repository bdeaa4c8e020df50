"""Options that say what a network from elsewhere takes, shared by the commands that open one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from layerscope.errors import ModelError

if TYPE_CHECKING:
    from layerscope.models.preprocessing import InputOptions

Scale = Annotated[
    str | None,
    typer.Option(
        help="Values that a network takes: 0..1, 0..255, -1..1, imagenet, caffe, or dataset "
        "(the pictures' own mean and deviation); else what it says itself, or what fits best."
    ),
]
Mean = Annotated[
    str | None,
    typer.Option(help="The same as numbers, of pixels / 255: 0.5 or 0.485,0.456,0.406."),
]
Std = Annotated[str | None, typer.Option(help="Deviations that belong to --mean.")]
Size = Annotated[int | None, typer.Option(help="Side of the pictures in pixels, for a network.")]
Crop = Annotated[
    int | None,
    typer.Option(
        help="Resize the shorter side to this, then crop the centre of --size; 0 takes the "
        "largest centre whole."
    ),
]
Classes = Annotated[
    Path | None,
    typer.Option(
        help="A network's class names in the order of its outputs: a name a line, or .json."
    ),
]


def input_options(
    scale: str | None, mean: str | None, std: str | None, size: int | None, crop: int | None
) -> InputOptions:
    """What the options say of the pictures."""
    from layerscope.models.preprocessing import InputOptions

    return InputOptions(
        scale=scale,
        mean=numbers("--mean", mean),
        std=numbers("--std", std),
        size=size,
        crop=crop,
    )


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
