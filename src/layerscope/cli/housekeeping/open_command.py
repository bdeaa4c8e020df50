"""`layerscope open`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from layerscope.cli.reference import completions as offer


def open_report(
    run: Annotated[
        Path,
        typer.Argument(
            help="A run folder, a folder of runs (its latest), or a report.html.",
            autocompletion=offer.runs_here,
        ),
    ] = Path("runs"),
) -> None:
    """Open a run's report in the browser, or say how to see it from here."""
    from layerscope.cli.printing.console import say
    from layerscope.errors import RunError
    from layerscope.training.runs.run_folder import find_run

    report = run if run.suffix == ".html" else find_run(run) / "report.html"
    if not report.is_file():
        looked = "" if run.suffix == ".html" else f"; 'layerscope look {report.parent}' writes it"
        raise RunError(f"there is no {report}{looked}")
    report = report.resolve()
    if has_screen() and open_in_browser(report):
        say(f"opened {report}")
        return
    say(report.as_uri())
    if in_colab():
        say("in Colab, run in a cell: from google.colab import files; "
            f"files.download({str(report)!r})")  # fmt: skip
    else:
        say("there is no screen here; the report is one file, so copy it to your own machine:")
        say(f"scp {user_at_host()}:{report} .")


def has_screen() -> bool:
    """Whether a browser that is opened here would be seen."""
    if sys.platform in ("win32", "darwin"):
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_in_browser(report: Path) -> bool:
    """Open a file in the user's browser; whether there was one."""
    import webbrowser

    try:
        return webbrowser.open(report.as_uri())
    except webbrowser.Error:
        return False


def in_colab() -> bool:
    """Whether this runs on Google Colab."""
    return "COLAB_RELEASE_TAG" in os.environ or "COLAB_GPU" in os.environ


def user_at_host() -> str:
    """What to type before the colon of `scp`."""
    import getpass
    import platform

    return f"{getpass.getuser()}@{platform.node()}"
