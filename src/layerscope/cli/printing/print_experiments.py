"""What experiments and comparisons print."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.markup import escape

from layerscope.cli.printing.console import columns, console, percent, say
from layerscope.cli.process.progress_line import ProgressLine

if TYPE_CHECKING:
    from layerscope.training.experiments.arms import Experiment
    from layerscope.training.experiments.comparison import Comparison
    from layerscope.training.session import Listener


def experimenting(line: ProgressLine) -> tuple[Listener, Callable[[str, int, int, int], None]]:
    """Show an experiment: which of its runs, and how far over all of them."""
    from layerscope.training.session import Listener

    run = {"what": "", "number": 1, "of": 1}

    def on_arm(label: str, seed: int, number: int, of: int) -> None:
        run.update(what=f"run {number} of {of}: {label}, seed {seed}", number=number, of=of)
        line.tell("training", (number - 1) / of, run["what"])

    def on_progress(now) -> None:
        done = run["number"] - 1 + now.step / now.total_steps
        line.tell("training", done / run["of"], run["what"])

    return Listener(on_progress=on_progress), on_arm


def arms(result: Experiment) -> None:
    """Print an experiment's table and verdicts."""
    from layerscope.training.experiments.arms import mean_of

    seeds = (f"seed {s}" for s in result.seeds)
    table = columns("arm", "validation", *seeds, "parameters", "train")
    for arm in result.arms:
        table.add_row(
            escape(arm.label),
            percent(mean_of(arm)),
            *(percent(a) for a in arm.accuracies),
            f"{arm.parameters:,}" if arm.parameters else "-",
            f"{arm.train_s:.1f} s" if arm.train_s is not None else "-",
        )
    console.print(table)
    say("")
    for verdict in result.verdicts:
        say(verdict)


def comparison(result: Comparison) -> None:
    """Print the settings in which finished runs differ, and what came of it."""
    from statistics import fmean

    table = columns("runs with", "runs", "validation", "test")
    for group in result.groups:
        table.add_row(
            escape(group.label),
            str(len(group.runs)),
            percent(fmean(group.validation)),
            percent(fmean(group.test)),
        )
    console.print(table)
    say("")
    for verdict in result.verdicts:
        say(verdict)
