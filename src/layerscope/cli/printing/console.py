"""The one console that commands print on, and what all of them print with."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from layerscope.cli.printing.terminal_width import in_lines
from layerscope.cli.process.progress_line import ProgressLine

# One console a process: rich keeps live bars and printed lines apart only on the same one.
# A pipe or a file has no width: any would cut paths there.
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 1000)


def say(text: str) -> None:
    """Print a sentence; on a terminal it is broken between words, and paths stay whole."""
    console.print(in_lines(text, console), markup=False)


def warn(text: str) -> None:
    """Print a sentence that should not be overlooked; no colour is seen on every terminal."""
    console.print(f"[bold]![/bold]{escape(in_lines(f'! {text}', console)[1:])}")


def working(**parts: float) -> ProgressLine:
    """The command's progress line, at once; what follows may take seconds to import.

    A server that started the command reads the progress in the file that LAYERSCOPE_PROGRESS names.
    """
    file = os.environ.get("LAYERSCOPE_PROGRESS")
    return ProgressLine(console, parts, file=Path(file) if file else None)


@contextlib.contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show the progress line for work that is counted: yields `progress(done, total)`."""
    with working(counting=1) as line:
        yield lambda done, total: line.tell("counting", done / max(total, 1), what)


def columns(*names: str, left: Collection[str] = ()) -> Table:
    """A table without lines: the first column and those named to the left, others to the right."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for i, name in enumerate(names):
        table.add_column(name, justify="left" if i == 0 or name in left else "right")
    return table


def percent(share: float | None) -> str:
    """A share as a percentage, "-" where there is none."""
    return "-" if share is None else f"{100 * share:.1f}%"


def number(value: float) -> str:
    """A figure with four places that count."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def named(names: Sequence[str], most: int = 4) -> str:
    """Some names, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
