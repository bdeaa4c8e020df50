"""`layerscope cache`: where decoded, drawn and downloaded pictures are kept; how large they are."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(invoke_without_command=True)

ROOMS = {
    "decoded": "your photos as raw pixels; made again when needed",
    "drawn": "the drawn creatures; made again when needed",
    "sets": "downloaded sets; fetched again when needed",
}


@app.callback()
def cache(context: typer.Context) -> None:
    """Say where pictures are kept and how large that is."""
    if context.invoked_subcommand is None:
        from layerscope.data.downloads.places import cache_folder

        folder = cache_folder()
        typer.echo(str(folder))
        for room, about in ROOMS.items():
            typer.echo(f"  {room:<8} {megabytes(folder / room):>10,.1f} MB  {about}")
        typer.echo("'layerscope cache prune' removes all but the downloads; --all those too")


@app.command()
def prune(
    everything: Annotated[bool, typer.Option("--all", help="The downloaded sets, too.")] = False,
) -> None:
    """Remove what can be made again. Your own photos, runs and reports are not touched."""
    from layerscope.data.downloads.places import cache_folder

    folder = cache_folder()
    rooms = list(ROOMS) if everything else ["decoded", "drawn"]
    freed = sum(megabytes(folder / room) for room in rooms)
    for room in rooms:
        shutil.rmtree(folder / room, ignore_errors=True)
    typer.echo(f"removed {', '.join(rooms)} in {folder}: {freed:,.1f} MB")


def megabytes(folder: Path) -> float:
    """How large the files below a folder are together."""
    files = (file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return sum(file.stat().st_size for file in files) / 1e6
