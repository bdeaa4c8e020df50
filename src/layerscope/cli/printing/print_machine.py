"""What is printed of the machine and of what is installed on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from layerscope.cli.printing.console import columns, console, say

if TYPE_CHECKING:
    from layerscope.cli.machine_health import Check


def health(checks: list[Check]) -> None:
    """Print what a machine offers."""
    table = Table(box=None, pad_edge=False, show_header=False)
    marks = {"ok": "ok", "note": "--", "broken": "BROKEN"}
    for check in checks:
        advice = f"; {check.advice}" if check.advice else ""
        table.add_row(marks[check.state], check.what, Text(check.found + advice))
    console.print(table)


def models(rows: list[tuple[str, str, str, bool]]) -> None:
    """Print the networks: name, what it is, parameters at home, whether it comes trained."""
    table = columns("network", "what", "parameters", "trained", left=["what", "trained"])
    for name, about, parameters, trained in rows:
        table.add_row(name, about, parameters, "yes" if trained else "")
    console.print(table)
    say("trained: comes with weights, for look and predict")
    say("A library's: torchvision:NAME, timm:NAME ('layerscope models torchvision' lists them).")
