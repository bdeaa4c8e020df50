"""What the commands print: progress, tables, results. No decision is made here."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from layerscope.cli.process.progress_line import ProgressLine

if TYPE_CHECKING:
    from layerscope.cli.machine_health import Check
    from layerscope.data import Splits
    from layerscope.data.catalogue import NamedSet
    from layerscope.data.check import Finding
    from layerscope.models.predict import Prediction
    from layerscope.training.experiments.arms import Experiment
    from layerscope.training.experiments.comparison import Comparison
    from layerscope.training.runs.run_folder import Run
    from layerscope.training.session import Listener

# Of more classes than this a list is no longer read.
MOST_CLASSES = 20
# One console a process: rich keeps live bars and printed lines apart only on the same one.
# A pipe or a file has no width of its own: 80 columns would cut paths there.
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)


def say(text: str) -> None:
    """Print a plain line."""
    console.print(text, markup=False)


def working(**parts: float) -> ProgressLine:
    """The command's progress line, at once; what follows may take seconds to import."""
    return ProgressLine(console, parts)


def training(line: ProgressLine) -> Listener:
    """Show a training: the network first, the progress line while it runs, a line an epoch."""
    from layerscope.training.session import Listener

    def on_start(spec, recipe, splits, folder) -> None:
        from layerscope.models.summary import summarise_spec

        H, W = splits.train.size
        say(
            f"{spec.name} on {splits.train.name}: {len(splits.train):,} pictures to learn from, "
            f"{len(splits.test):,} to test on, {splits.train.channels} x {H} x {W}, "
            f"{splits.train.n_classes} classes"
        )
        skipped(splits)
        say("")
        say(summarise_spec(spec).text())
        say("")
        line.tell("training", 0.0, f"epoch 1 of {recipe.epochs}")

    def on_progress(now) -> None:
        line.tell(
            "training",
            now.step / now.total_steps,
            f"epoch {now.epoch} of {now.epochs}  loss {now.loss:.3f}  accuracy {now.accuracy:.3f}",
        )

    def on_epoch(row) -> None:
        say(
            f"epoch {row.epoch:>2}  loss {row.train_loss:.3f}  accuracy {row.train_accuracy:.3f}  "
            f"validation {row.validation_accuracy:.3f}  {row.images_per_s:,.0f} images/s  "
            f"{row.elapsed_s:.0f} s"
        )

    def on_finding(finding) -> None:
        console.print(f"[yellow]![/yellow] {escape(finding.sentence)}")

    return Listener(
        on_start=on_start, on_progress=on_progress, on_epoch=on_epoch, on_finding=on_finding
    )


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

    table = Table(box=None, pad_edge=False, header_style="dim")
    names = ("arm", "validation", *(f"seed {s}" for s in result.seeds), "parameters", "train")
    for i, name in enumerate(names):
        table.add_column(name, justify="left" if i == 0 else "right")
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

    table = Table(box=None, pad_edge=False, header_style="dim")
    for i, name in enumerate(("runs with", "runs", "validation", "test")):
        table.add_column(name, justify="left" if i == 0 else "right")
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


def skipped(splits: Splits, *, most_files: int = 5) -> None:
    """Name the files of a set that are not used, or used otherwise than they lie there."""
    for note in splits.notes:
        say(f"note: {note}")
    files = splits.skipped
    for file in files[:most_files]:
        say(f"skipped {file.path}: {file.why}")
    if len(files) > most_files > 0:
        say(f"skipped {len(files) - most_files:,} more; 'layerscope data check' lists all")


def evaluation(run: Run) -> None:
    """Print how a finished training did on the test split."""
    from layerscope.training.runs.baselines import baselines

    figures = run.evaluation
    assert figures is not None, "a training scores its test split"
    lo, hi = figures.interval
    say("")
    say(kept(run))
    console.print(
        f"[bold]test accuracy {figures.accuracy:.4f}[/bold]  "
        f"(95% interval {lo:.4f} to {hi:.4f}, {figures.correct:,} of {figures.n:,} right)"
    )
    if (epoch := run.record.results.test_epoch) is not None:
        say(
            f"that is the score of epoch {epoch}'s weights, from when this run was first finished: "
            "the test split is scored once, so what came after is told by validation"
        )
    beside = baselines(figures.per_class, lo)
    say(
        f"balanced accuracy {beside.balanced:.4f}; always saying {beside.most_frequent!r} would "
        f"give {beside.most_frequent_frac:.4f}"
    )
    for warning in beside.warnings:
        console.print(f"[yellow]![/yellow] {escape(warning)}")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("class", "n", "precision", "recall", "mistaken for"):
        table.add_column(name, justify="left" if name in ("class", "mistaken for") else "right")
    names = [row.name for row in figures.per_class]
    for k, row in enumerate(figures.per_class[:MOST_CLASSES]):
        others = [(n, names[j]) for j, n in enumerate(figures.confusion[k]) if j != k and n]
        most = max(others, default=None)
        table.add_row(
            escape(row.name),
            f"{row.n:,}",
            percent(row.precision),
            percent(row.recall),
            escape(f"{most[1]} ({most[0]})") if most else "",
        )
    console.print(table)
    if len(figures.per_class) > MOST_CLASSES:
        say(f"and {len(figures.per_class) - MOST_CLASSES:,} more classes (evaluation.json)")
    say(f"calibration error {figures.calibration.error:.3f}; run folder {run.path}")


def kept(run: Run) -> str:
    """Which epoch's weights were kept, and why the training ended where it did."""
    from layerscope.training.runs.endings import ending

    results, recipe = run.record.results, run.record.recipe
    history = (run.path / "history.jsonl").read_text(encoding="utf-8").splitlines()
    return ending(
        best_epoch=results.best_epoch,
        done=len(history),
        epochs=recipe.epochs,
        stop_after_epochs=recipe.stop_after_epochs,
        broke=any(finding.kind == "loss-not-finite" for finding in run.record.findings),
    )


def percent(share: float | None) -> str:
    """A share as a percentage, "-" where there is none."""
    return "-" if share is None else f"{100 * share:.1f}%"


def progress_bar() -> Progress:
    """A bar that counts, and goes when the work is done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
    )


@contextlib.contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for work that is counted: yields `progress(done, total)`."""
    with progress_bar() as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def named(names: Sequence[str], most: int = 4) -> str:
    """Some names, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def predictions(rows: list[Prediction], *, top: int, as_json: bool) -> None:
    """Print labels and probabilities, as a table or as JSON."""
    if as_json:
        typer.echo(json.dumps([row.to_json() for row in rows], indent=1, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("picture", "label", "probability", "then"):
        table.add_column(name, justify="right" if name == "probability" else "left")
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


def health(checks: list[Check]) -> None:
    """Print what a machine offers."""
    table = Table(box=None, pad_edge=False, show_header=False)
    marks = {"ok": "ok", "note": "--", "broken": "BROKEN"}
    for check in checks:
        advice = f"; {check.advice}" if check.advice else ""
        table.add_row(marks[check.state], check.what, escape(check.found + advice))
    console.print(table)


def models(rows: list[tuple[str, str, str, bool]]) -> None:
    """Print the networks: name, what it is, parameters at home, whether it comes trained."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("network", "what", "parameters", "trained"):
        table.add_column(name, justify="right" if name == "parameters" else "left")
    for name, about, parameters, trained in rows:
        table.add_row(name, about, parameters, "yes" if trained else "")
    console.print(table)
    say("trained: comes with weights, for look and predict")
    say("A library's: torchvision:NAME, timm:NAME ('layerscope models torchvision' lists them).")


def sets(rows: list[tuple[NamedSet, str]]) -> None:
    """Print the named sets, and where each would come from: paths are too long for a column."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("set", "classes", "pixels", "what"):
        table.add_column(name, justify="right" if name in ("classes", "pixels") else "left")
    for known, _ in rows:
        side = f"{known.side_px} x {known.side_px} x {known.channels}"
        table.add_row(known.name, str(len(known.class_names)), side, known.about)
    console.print(table)
    say("")
    say("from:")
    for known, place in rows:
        say(f"  {known.name:<14} {place}")
    say("Any folder, zip or tar with a folder of pictures per class is a set, too.")


def findings(splits: Splits, found: list[Finding]) -> None:
    """Print what a set's check found."""
    train, test = splits.train, splits.test
    H, W = train.size
    say(
        f"{train.name}: {len(train):,} pictures to learn from, {len(test):,} to test on, "
        f"{train.channels} x {H} x {W}, {train.n_classes} classes"
    )
    counts = list(zip(train.class_names, train.class_counts(), test.class_counts(), strict=True))
    if len(counts) > MOST_CLASSES:
        sizes = sorted(n for _, n, _ in counts)
        say(
            f"  {sizes[0]:,} to {sizes[-1]:,} pictures to learn from in each class, "
            f"{sizes[len(sizes) // 2]:,} in the middle one; the smallest and the largest:"
        )
        by_size = sorted(counts, key=lambda row: row[1])
        counts = [*by_size[:5], *by_size[-5:]]
    for name, n, m in counts:
        say(f"  {name}: {n:,} + {m:,}")
    skipped(splits, most_files=0)
    if not found:
        say("nothing is wrong with it that a check can see")
    for finding in found:
        mark = "!!" if finding.serious else "--"
        say(f"{mark} {finding.count:,} {finding.what}")
        for example in finding.examples:
            say(f"     {example}")
