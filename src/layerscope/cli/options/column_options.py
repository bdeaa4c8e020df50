"""The options that say what the columns of a file of rows are for."""

from __future__ import annotations

from typing import Annotated

import typer

TextColumn = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="The column of texts; else it is guessed.")
]
TargetColumn = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="The column that is to be told; else it is guessed."),
]
DateColumn = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="The column of dates; else it is guessed.")
]
GroupColumn = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="Rows that are equal here stay on one side of every split."
    ),
]
Window = Annotated[int | None, typer.Option(help="Steps of a series' window; else 30.")]
