"""What experiments and comparisons print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from layerscope.cli.printing.console import columns, console, number, percent, say
from layerscope.cli.printing.terminal_width import fits, one_line
from layerscope.cli.process.progress_line import ProgressLine

if TYPE_CHECKING:
    from layerscope.training.experiments.arms import Experiment
    from layerscope.training.experiments.paired_differences import Scale
    from layerscope.training.experiments.run_groups import Comparison, Group
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

    def of_seeds(seeds: Sequence[int]) -> Table:
        each = (f"seed {seed}" for seed in seeds)
        table = columns("arm", heading(result.scale, "validation"), *each, "parameters", "train")
        for arm in result.arms:
            table.add_row(
                one_line(arm.label),
                percent(mean_of(arm)),
                *(percent(a) for a in arm.accuracies[: len(seeds)]),
                f"{arm.parameters:,}" if arm.parameters else "-",
                f"{arm.train_s:.1f} s" if arm.train_s is not None else "-",
            )
        return table

    whole = of_seeds(result.seeds)
    if fits(whole, console):
        console.print(whole)
    else:
        console.print(of_seeds(()))
        say(f"each of {len(result.seeds)} seeds: {result.path / 'experiment.json'}")
    say("")
    for verdict in result.verdicts:
        say(verdict)


def comparison(result: Comparison) -> None:
    """Print the settings in which finished runs differ, and what came of it."""
    from statistics import fmean

    def with_names(names: Sequence[str]) -> Table:
        table = columns("runs with", "runs", heading(result.validation_scale, "validation"),
                        heading(result.test_scale, "test"))  # fmt: skip
        for name, group in zip(names, result.groups, strict=True):
            table.add_row(
                one_line(name),
                str(len(group.runs)),
                percent(fmean(group.validation)),
                tested(group, result.test_scale),
            )
        return table

    labels = [group.label for group in result.groups]
    whole = with_names(labels)
    if fits(whole, console):
        console.print(whole)
    else:
        numbers = [f"({i})" for i in range(1, len(labels) + 1)]
        console.print(with_names(numbers))
        for number, label in zip(numbers, labels, strict=True):
            say(f"{number} {label}")
    say("")
    for verdict in result.verdicts:
        say(verdict)


def heading(scale: Scale, split: str) -> str:
    """The head of a column."""
    return f"{split} {scale.figure}".rstrip()


def tested(group: Group, scale: Scale) -> str:
    """A group's figure on the test split; of a single run with its interval, where it is known."""
    from statistics import fmean

    write = percent if scale.is_share else number
    if len(group.runs) == 1 and group.test_intervals:
        low, high = group.test_intervals[0]
        return f"{write(group.test[0])} ({write(low)} to {write(high)})"
    return write(fmean(group.test))
