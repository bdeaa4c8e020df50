"""What predictions print: a table, or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from layerscope.cli.printing.console import columns, console, percent

if TYPE_CHECKING:
    from layerscope.models.predict import Prediction


def predictions(rows: list[Prediction], *, top: int, as_json: bool) -> None:
    """Print labels and probabilities, as a table or as JSON."""
    if as_json:
        typer.echo(json.dumps([row.to_json() for row in rows], indent=1, ensure_ascii=False))
        return
    table = columns("picture", "label", "probability", "then", left=["label", "then"])
    for row in rows:
        if row.error is not None:
            table.add_row(escape(row.path), "-", "", escape(row.error))
            continue
        first, *others = row.probs[:top]
        then = ", ".join(f"{name} {percent(prob)}" for name, prob in others)
        note = "  (dark on light, inverted)" if row.inverted else ""
        if row.low_confidence:
            why = ": show one thing on a plain ground" if row.cluttered else ""
            note += f"  low confidence{why}"
        table.add_row(escape(row.path), escape(first[0]), percent(first[1]), escape(then + note))
    console.print(table)
