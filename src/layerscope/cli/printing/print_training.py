"""What a training prints: its progress, and how it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerscope.cli.printing.console import columns, console, percent, say, warn
from layerscope.cli.printing.print_sets import skipped
from layerscope.cli.printing.terminal_width import one_line
from layerscope.cli.process.progress_line import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from layerscope.formats.run_record import HandChange
    from layerscope.training.runs.run_folder import Run
    from layerscope.training.session import Listener

# Of more classes than this a list is no longer read.
MOST_CLASSES = 20


def training(line: ProgressLine) -> Listener:
    """Show a training: the network first, the progress line while it runs, a line an epoch."""
    from layerscope.training.session import Listener

    def on_pictures(done: int, total: int) -> None:
        line.tell("reading", done / total, f"reading {total:,} pictures")

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
        *rows, sentence = summarise_spec(spec).text(width=console.width).splitlines()
        console.print("\n".join(rows), markup=False)
        say(sentence)
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
        warn(finding.sentence)

    return Listener(
        on_pictures=on_pictures, on_start=on_start, on_progress=on_progress, on_epoch=on_epoch,
        on_finding=on_finding,
    )  # fmt: skip


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
        warn(warning)
    table = columns("class", "n", "precision", "recall", "mistaken for", left=["mistaken for"])
    names = [row.name for row in figures.per_class]
    for k, row in enumerate(figures.per_class[:MOST_CLASSES]):
        others = [(n, names[j]) for j, n in enumerate(figures.confusion[k]) if j != k and n]
        most = max(others, default=None)
        table.add_row(
            one_line(row.name),
            f"{row.n:,}",
            percent(row.precision),
            percent(row.recall),
            one_line(f"{most[1]} ({most[0]})" if most else ""),
        )
    console.print(table)
    if len(figures.per_class) > MOST_CLASSES:
        say(f"and {len(figures.per_class) - MOST_CLASSES:,} more classes (evaluation.json)")
    if changes := run.record.by_hand:
        warn(by_hand(changes))
    say(f"calibration error {figures.calibration.error:.3f}; run folder {run.path}")


def by_hand(changes: Sequence[HandChange]) -> str:
    """That a result came by hand."""
    last = changes[-1]
    now = "the schedule's" if last.rate is None else f"{last.rate:.3g}"
    times = "" if len(changes) == 1 else f" {len(changes)} times, the last time"
    return (
        f"the learning rate was changed by hand{times} at step {last.step + 1:,} of epoch "
        f"{last.epoch}, from {last.rate_before:.3g} to {now}: the recipe alone does not give this "
        "run again"
    )


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
