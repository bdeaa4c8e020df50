"""The command line: it parses, calls the library and prints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from layerscope.cli import data_command as data
from layerscope.cli import doctor_command as doctor
from layerscope.cli import experiment_command as experiment
from layerscope.cli import find_rate_command as find_rate
from layerscope.cli import look_command as look
from layerscope.cli import predict_command as predict
from layerscope.cli import train_command as train
from layerscope.errors import LayerscopeError

app = typer.Typer(
    name="layerscope",
    help="Train an image classifier and see, with evidence, what every layer of it has learned.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def version_option(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"layerscope {installed('layerscope')}")
        raise typer.Exit


app.command("demo")(train.demo)
app.command("train")(train.train)
app.command("experiment")(experiment.experiment)
app.command("compare")(experiment.compare)
app.command("find-rate")(find_rate.find_rate)
app.command("look")(look.look)
app.command("predict")(predict.predict)
app.add_typer(data.app, name="data", help="List, fetch, check and show data sets.")
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run a command; a mistake in what was asked is one line on stderr and exit status 2."""
    try:
        app()
    except LayerscopeError as error:
        typer.echo(f"layerscope: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("layerscope: stopped", err=True)
        sys.exit(130)
    except OSError as error:
        # What no room foresaw: a full disk, a file taken away meanwhile.
        where = f" ({Path(error.filename)})" if isinstance(error.filename, str) else ""
        typer.echo(f"layerscope: {error.strerror or error}{where}", err=True)
        sys.exit(2)
