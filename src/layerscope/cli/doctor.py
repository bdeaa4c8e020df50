"""`layerscope doctor`."""

from __future__ import annotations

import typer


def doctor() -> None:
    """Say what this machine offers, what is missing, and what to do about it."""
    from layerscope.cli import show
    from layerscope.cli.health import examine

    checks = examine()
    show.health(checks)
    if any(check.state == "broken" for check in checks):
        raise typer.Exit(1)
