"""The command line: it parses, calls the library and prints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from layerscope.cli import data_command as data
from layerscope.cli import doctor_command as doctor
from layerscope.cli import experiment_command as experiment
from layerscope.cli import find_rate_command as find_rate
from layerscope.cli import look_command as look
from layerscope.cli import predict_command as predict
from layerscope.cli import serve_command as serve
from layerscope.cli import train_command as train
from layerscope.cli.housekeeping import cache_command, open_command
from layerscope.cli.process.own_process import settle_process
from layerscope.cli.reference import models_command
from layerscope.cli.reference.fields_help import CommandWithFields
from layerscope.errors import LayerscopeError


class CommandStoppedError(Exception):
    """Ctrl-C, with what a command says of it."""


class Commands(TyperGroup):
    """The commands, whose Ctrl-C reaches `main`: typer would end the process without a word."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise CommandStoppedError(str(stop)) from stop


app = typer.Typer(
    name="layerscope",
    cls=Commands,
    help="Train an image classifier and see, with evidence, what every layer of it has learned.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # Plain help: rich's panels leave a quarter of 80 columns to the words, and cut names.
    rich_markup_mode=None,
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
app.command("train", cls=CommandWithFields)(train.train)
app.command("experiment", cls=CommandWithFields)(experiment.experiment)
app.command("compare")(experiment.compare)
app.command("find-rate", cls=CommandWithFields)(find_rate.find_rate)
app.command("look")(look.look)
app.command("predict")(predict.predict)
app.command("serve")(serve.serve)
app.command("open")(open_command.open_report)
app.command("models")(models_command.models)
app.add_typer(data.app, name="data", help="List, fetch, check and show data sets.")
app.add_typer(cache_command.app, name="cache", help="Where pictures are kept; make room.")
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run a command; a mistake in what was asked is one line on stderr and exit status 2."""
    settle_process()
    try:
        app()
    except LayerscopeError as error:
        typer.echo(f"layerscope: {error}", err=True)
        sys.exit(2)
    except (CommandStoppedError, KeyboardInterrupt) as stop:
        typer.echo(f"layerscope: {str(stop) or 'stopped'}", err=True)
        sys.exit(130)
    except OSError as error:
        # What no room foresaw: a full disk, a file taken away meanwhile.
        where = f" ({Path(error.filename)})" if isinstance(error.filename, str) else ""
        typer.echo(f"layerscope: {error.strerror or error}{where}", err=True)
        sys.exit(2)
