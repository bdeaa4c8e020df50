"""`layerscope serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from layerscope.cli.reference import completions as offer

DEFAULT_PORT = 8890


def serve(
    runs: Annotated[
        Path,
        typer.Argument(help="The folder of runs; it is made when missing."),
    ] = Path("runs"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = DEFAULT_PORT,
    host: Annotated[
        str,
        typer.Option(help="The address to listen on; others reach 0.0.0.0, with a token alone."),
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            envvar="LAYERSCOPE_TOKEN",
            help="What is asked for before anything is answered; made where others reach the port.",
        ),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            help="A folder of photos, or of several such, that may be trained on from the page.",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Open the page.")] = True,
) -> None:
    """Show the runs of a folder in a browser, and train, look and name pictures from there."""
    from dataclasses import replace

    from layerscope.cli.housekeeping.open_command import has_screen
    from layerscope.cli.printing.console import say
    from layerscope.errors import DataError, RunError
    from layerscope.serve.web_server import bound, link, need_server, server_for, settled_rules

    need_server()
    if runs.exists() and not runs.is_dir():
        raise RunError(f"{runs} is a file; name a folder of runs")
    from layerscope.serve.jobs.job_queue import JobQueue
    from layerscope.serve.jobs.job_requests import Choices
    from layerscope.serve.jobs.photo_folders import PhotoFolders
    from layerscope.serve.runs_app import runs_app

    offered = PhotoFolders(photos)
    if photos is not None and not photos.is_dir():
        raise DataError(
            f"{photos} is no folder; name one with --photos that holds folders of photos"
        )
    if photos is not None and not offered.named():
        raise DataError(
            f"{photos} holds no folder with a folder for each class; see 'layerscope data check'"
        )
    rules = settled_rules(host, port, token)
    sock = bound(host, port)
    rules = replace(rules, port=sock.getsockname()[1])
    queue = JobQueue(runs, replace(choices(Choices), photos=offered), JOB_COMMAND)
    say(f"the runs of {runs} are at {link(rules)}")
    if rules.token:
        say("whoever has this link can train here; it goes over the network as it is, so that a "
            "tunnel (ssh -L) is the safer way from elsewhere")  # fmt: skip
    say("Ctrl-C ends it; jobs that run go on, and are shown again when it is started again")
    if show and has_screen():
        import webbrowser

        webbrowser.open(link(rules))
    try:
        server_for(runs_app(queue, rules)).run(sockets=[sock])
    except KeyboardInterrupt:
        pass
    finally:
        left = queue.running()
        queue.close()
    for view in left:
        say(f"{view.title} goes on without the server")


JOB_COMMAND = (sys.executable, "-m", "layerscope.cli.process.job_process")


def choices(kind):
    """The names that a page offers, which the shell offers too."""
    return kind(
        sets=offer.SETS,
        models=offer.NETWORKS,
        presets=offer.PRESETS,
        ablations=offer.BASELINES,
        trained=tuple(sorted(record.parent.name for record in offer.PACKAGED.glob("*/run.json"))),
    )
