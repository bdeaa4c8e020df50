"""What a notebook shows of a run: its figures and its curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from layerscope import html_repr
from layerscope.formats.run_figures import EpochFigures
from layerscope.formats.run_record import RunRecord
from layerscope.plot_axes import axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_history(history: Sequence[EpochFigures], ax: Axes | None, *, title: str) -> Axes:
    """Draw the accuracy of each epoch.

    Args:
        history: of the run.
        ax: axes of matplotlib; None makes a figure.
        title: above them.
    """
    ax = axes_for(ax, width_in=5, height_in=3)
    from matplotlib.ticker import MaxNLocator

    epochs = [row.epoch for row in history]
    ax.plot(epochs, [row.train_accuracy for row in history], marker=".", label="training")
    ax.plot(epochs, [row.validation_accuracy for row in history], marker=".", label="validation")
    ax.set(xlabel="epoch", ylabel="accuracy", title=title)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend()
    return ax


def run_html(
    record: RunRecord, history: Sequence[EpochFigures], path: Path, report: Path | None
) -> str:
    """A run as HTML.

    Args:
        record, history: of the run.
        path: its folder.
        report: the page about it; None where there is none.
    """
    results = record.results
    low, high = results.test_interval
    rows = [
        ("test accuracy", f"{results.test_accuracy:.4f} (95% {low:.4f} to {high:.4f})"),
        ("pictures", f"{record.data.n_train:,} to learn from, {record.data.n_test:,} to test on"),
        ("epochs", f"{len(history)}, the best was {results.best_epoch}"),
        ("training time", f"{results.train_s:.1f} s"),
    ]
    if results.parameters is not None:
        rows.append(("parameters", f"{results.parameters:,}"))
    curves = html_repr.curves(
        [
            ("training", [row.train_accuracy for row in history]),
            ("validation", [row.validation_accuracy for row in history]),
        ],
        label="accuracy of each epoch",
    ) + html_repr.curves(
        [
            ("training", [row.train_loss for row in history]),
            ("validation", [row.validation_loss for row in history]),
        ],
        label="loss of each epoch",
        low=0.0,
    )
    found = "".join(f"<li>{html_repr.text(finding.sentence)}</li>" for finding in record.findings)
    parts = [html_repr.table(("", ""), rows), curves, f"<ul>{found}</ul>" if found else ""]
    if report is not None:
        parts.append(html_repr.link(report, "report"))
    return html_repr.section(f"{record.model.name} on {record.data.name}", *parts, note=str(path))
