"""Tables that stay within the terminal: a row is one line, on 80 columns too."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

GAP = 2  # characters between columns
WIDE = 10_000  # no terminal is


def one_line(text: str) -> Text:
    """A cell that is cut at its end, rather than broken, where the terminal is too narrow."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def tail(path: str, width: int) -> str:
    """The end of a path, which tells files of one folder apart.

    Example:
        >>> tail("photos/holidays/IMG_0001.jpg", 18)
        '…idays/IMG_0001.jpg'
    """
    return path if len(path) <= width + 1 else f"…{path[-width:]}"


def in_lines(text: str, console: Console) -> str:
    """A sentence in lines of a terminal's width, broken between words; elsewhere as it is."""
    if not console.is_terminal or len(text) <= console.width:
        return text
    return textwrap.fill(
        text, console.width, break_long_words=False, break_on_hyphens=False, subsequent_indent="  "
    )


def fits(made: Table, console: Console) -> bool:
    """Whether a table is no wider than the terminal."""
    any_width = console.options.update_width(WIDE)
    return console.measure(made, options=any_width).maximum <= console.width


def groups_that_fit(cells: Sequence[Sequence[str]], *, beside: int, width: int) -> list[list[int]]:
    """Part the columns of a table into as few tables as fit, in their order.

    Args:
        cells: of each column, its heading too.
        beside: how wide the columns are that every table has.
        width: of the terminal.

    Returns:
        Rows of column numbers. A column that fits nowhere has a table of its own.

    Example:
        >>> groups_that_fit([["edge", "38"], ["class", "100"], ["part", "6"]], beside=8, width=21)
        [[0, 1], [2]]
    """
    groups: list[list[int]] = []
    room = 0
    for i, column in enumerate(cells):
        needed = max(map(len, column)) + GAP
        if not groups or room < needed:
            groups.append([])
            room = width - beside
        groups[-1].append(i)
        room -= needed
    return groups
