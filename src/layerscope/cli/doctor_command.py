"""`layerscope doctor`."""

from __future__ import annotations

import typer


def doctor() -> None:
    """Say what this machine offers, what is missing, and what to do about it."""
    from layerscope.cli.machine_health import examine
    from layerscope.cli.printing import print_machine

    checks = examine()
    print_machine.health(checks)
    if any(check.state == "broken" for check in checks):
        raise typer.Exit(1)
