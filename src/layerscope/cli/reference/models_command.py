"""`layerscope models`."""

from __future__ import annotations

from typing import Annotated

import typer


def models(
    library: Annotated[
        str | None,
        typer.Argument(help="torchvision or timm: list the networks of that library instead."),
    ] = None,
    containing: Annotated[str, typer.Option(help="Only names with this in them.")] = "",
) -> None:
    """List the networks that --model takes."""
    from layerscope.cli.printing import print_machine
    from layerscope.errors import ModelError, nearest
    from layerscope.models.build import model_names
    from layerscope.models.nets.classic import CLASSICS
    from layerscope.models.spec import LIBRARIES
    from layerscope.training.runs.run_folder import packaged_names

    if library is None:
        trained = packaged_names()
        print_machine.models(
            [(c.name, c.about, f"{c.parameters:,}", c.name in trained) for c in CLASSICS]
            + [(n, "residual, normalised: the default", "by size", n in trained)
               for n in model_names() if n not in {c.name for c in CLASSICS}]
        )  # fmt: skip
        return
    if library not in LIBRARIES:
        raise ModelError(f"there is no library {library!r}{nearest(library, LIBRARIES)}")
    for name in library_names(library):
        if containing.lower() in name:
            typer.echo(name)


def library_names(library: str) -> list[str]:
    """The networks of torchvision or timm, as --model takes them."""
    from layerscope.errors import ModelError
    from layerscope.models.pretrained.backbone import torchvision_names

    if library == "torchvision":
        return torchvision_names()
    try:
        import timm
    except ImportError as error:
        raise ModelError("timm is not installed; pip install 'layerscope[timm]'") from error
    return [f"timm:{name}" for name in timm.list_models()]
