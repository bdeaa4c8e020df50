"""`layerscope data list|fetch|check|show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layerscope.cli.reference import completions as offer

app = typer.Typer(no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(
        help="A set's name, or a folder, zip or tar of class folders.", autocompletion=offer.sets
    ),
]
DataDir = Annotated[
    Path | None, typer.Option(help="Where the data sets lie; else LAYERSCOPE_DATA.")
]


@app.command("list")
def list_sets() -> None:
    """List the named sets, and where each would come from now."""
    from layerscope.cli.printing import print_sets
    from layerscope.data.catalogue import SETS
    from layerscope.data.rows.embedded_rows import ABOUT
    from layerscope.data.sets import where

    print_sets.sets([(known, where(known)) for known in SETS], ABOUT)


@app.command()
def fetch(
    name: Annotated[
        str,
        typer.Argument(
            help="mnist, fashion-mnist, cifar10 or cats-vs-dogs.", autocompletion=offer.sets
        ),
    ],
) -> None:
    """Download a public set into the cache."""
    from layerscope.cli.printing.console import say
    from layerscope.data.sets import fetch_set

    say(f"{name} is in {fetch_set(name)}")


@app.command()
def check(name: Name, data_dir: DataDir = None) -> None:
    """Look a set over: duplicates, blank pictures, uneven classes, broken files."""
    from layerscope.cli.printing import print_sets
    from layerscope.cli.printing.console import counted

    with counted("reading pictures") as progress:
        from layerscope.data import load
        from layerscope.data.check import check as look_over

        splits = load(name, data_dir=data_dir, progress=progress)
    print_sets.findings(splits, look_over(splits))


@app.command("show")
def show_set(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="The picture to write.")] = None,
    split: Annotated[str, typer.Option(help="train or test.")] = "train",
    masks: Annotated[bool, typer.Option(help="Paint the parts (creatures).")] = False,
    data_dir: DataDir = None,
    seed: Annotated[int, typer.Option(help="Random seed of the choice.")] = 0,
    rows: Annotated[
        str, typer.Option(metavar="3,17,…", help="These pictures instead of a choice.")
    ] = "",
) -> None:
    """Write a contact sheet: a row of pictures for each class."""
    from layerscope.cli.printing.console import counted, say
    from layerscope.errors import DataError

    if split not in ("train", "test"):
        raise DataError(f"split is {split!r}; choose train or test")
    try:
        chosen_rows = [int(row) for row in rows.split(",") if row.strip()]
    except ValueError as error:
        raise DataError(f"--rows is {rows!r}; give whole numbers, such as 3,17") from error
    with counted("reading pictures") as progress:
        from layerscope.data import load
        from layerscope.data.contact_sheet import write_sheet

        splits = load(name, data_dir=data_dir, progress=progress)
    chosen = splits.train if split == "train" else splits.test
    path = out or Path(f"{chosen.name}-{split}.png")
    say(str(write_sheet(path, chosen, masks=masks, seed=seed, rows=chosen_rows).resolve()))
