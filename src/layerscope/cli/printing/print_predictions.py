"""What predictions print: a table, or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from layerscope.cli.printing.console import columns, console, percent, say
from layerscope.cli.printing.terminal_width import one_line, tail

if TYPE_CHECKING:
    from layerscope.models.predict import Prediction


def predictions(rows: list[Prediction], *, top: int, as_json: bool) -> None:
    """Print labels and probabilities, as a table or as JSON."""
    if as_json:
        typer.echo(json.dumps([row.to_json() for row in rows], indent=1, ensure_ascii=False))
        return
    table = columns("picture", "label", "probability", "then", left=["label", "then"])
    table.columns[0].no_wrap = True  # cut to size already
    notes, inverted = [], []
    for row in rows:
        name = one_line(tail(row.path, console.width // 4))
        if row.error is not None:
            table.add_row(name, "-")
            # Most messages begin with the file's name.
            named = row.error.startswith(row.path)
            notes.append(row.error if named else f"{row.path}: {row.error}")
            continue
        first, *others = row.probs[:top]
        then = ", ".join(f"{other} {percent(prob)}" for other, prob in others)
        table.add_row(name, one_line(first[0]), percent(first[1]), one_line(then))
        if row.inverted:
            inverted.append(row.path)
        if row.low_confidence:
            why = ": show one thing on a plain ground" if row.cluttered else ""
            notes.append(f"{row.path}: low confidence{why}")
    console.print(table)
    if inverted:
        which = inverted[0] if len(inverted) == 1 else f"{len(inverted)} pictures"
        say(f"{which}: dark on light, inverted")
    for note in notes:
        say(note)
