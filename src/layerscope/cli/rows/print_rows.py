"""What a training on words or numbers prints, and its predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerscope.cli.printing.console import columns, console, number, percent, say, warn
from layerscope.cli.printing.print_training import by_hand
from layerscope.cli.printing.terminal_width import fits, one_line
from layerscope.cli.process.progress_line import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from layerscope.formats.rows_record import CrossValidated, Estimate, RowsFigure
    from layerscope.training.rows.predict_rows import RowPrediction
    from layerscope.training.rows.rows_run import RowsRun
    from layerscope.training.rows.rows_session import RowsListener

MOST_CLASSES = 20
SCORES = {"classes": "accuracy", "number": "explained", "next-word": "accuracy"}


def listener(line: ProgressLine) -> RowsListener:
    """Show a training: the rows and the network first, then about ten lines."""
    from layerscope.training.rows.rows_session import RowsListener

    told = {"every": 1, "score": "accuracy"}

    def on_start(spec, recipe, splits, folder) -> None:
        from layerscope.models.sequences.build_rows import laid_out

        import torch  # isort: skip

        said = {"next-word": "windows", "series": "windows", "text": "texts", "table": "rows"}
        say(
            f"{spec.name} on {splits.name}: {len(splits.train):,} {said[splits.kind]} to learn "
            f"from, {len(splits.validation):,} to choose by, {len(splits.test):,} to test on"
        )
        for note in splits.notes:
            say(note)
        with torch.device("meta"):
            network = laid_out(spec)
        n = sum(p.numel() for p in network.parameters())
        options = ", ".join(f"{name}={value}" for name, value in spec.options.items())
        say(f"{n:,} parameters ({options})")
        say("")
        told["every"] = max(1, recipe.epochs // 10)
        told["score"] = SCORES[spec.task]
        line.tell("training", 0.0, f"epoch 1 of {recipe.epochs}")

    def on_progress(now) -> None:
        line.tell(
            "training",
            now.step / now.total_steps,
            f"epoch {now.epoch} of {now.epochs}  loss {now.loss:.3f}",
        )

    def on_epoch(row) -> None:
        if row.epoch % told["every"] == 0:
            say(
                f"epoch {row.epoch:>3}  loss {row.train_loss:.3f}  {told['score']} "
                f"{row.train_accuracy:.3f}  validation loss {row.validation_loss:.3f}  "
                f"{told['score']} {row.validation_accuracy:.3f}  {row.elapsed_s:.0f} s"
            )

    def on_finding(finding) -> None:
        warn(finding.sentence)

    def on_fold(done: int, total: int) -> None:
        line.tell("training", 1.0, f"fold {done + 1} of {total}")

    return RowsListener(
        on_start=on_start, on_progress=on_progress, on_epoch=on_epoch, on_finding=on_finding,
        on_fold=on_fold,
    )  # fmt: skip


def evaluation(run: RowsRun) -> None:
    """Print how a finished training did on the test rows, beside simpler models."""
    found, results = run.evaluation, run.record.results
    say("")
    say(f"kept the weights of epoch {results.best_epoch} of {len(run.history)}, the best one on "
        "validation")  # fmt: skip
    if results.test_epoch != results.best_epoch:
        say(
            f"the figures are those of epoch {results.test_epoch}'s weights, from when this run "
            "was first finished: the test rows are scored once"
        )
    first = found.figures[0]
    low, high = first.network.interval
    console.print(
        f"[bold]test {first.name} {number(first.network.value)}[/bold]  "
        f"(95% interval {number(low)} to {number(high)}{unit(first)}, on {found.n:,} rows)"
    )
    console.print(figure_table(found.figures))
    if changes := run.record.by_hand:
        warn(by_hand(changes))
    if found.cross_validated:
        folds = found.cross_validated
        say(
            f"over {folds.folds} folds, all {folds.n:,} rows told by models that had not seen them:"
        )
        console.print(figure_table(folds.figures))
        if folds.by_fold:
            console.print(fold_table(folds))
    if found.per_class:
        table = columns("class", "n", "precision", "recall")
        for row in found.per_class[:MOST_CLASSES]:
            table.add_row(
                one_line(row.name), f"{row.n:,}", percent(row.precision), percent(row.recall)
            )
        console.print(table)
    say(f"run folder {run.path}")


def in_a_sentence(run: RowsRun) -> str:
    """How a finished training did on the test rows, beside the first of the simpler models."""
    first = run.evaluation.figures[0]
    other = first.baselines[0]
    return (
        f"Test {first.name}{unit(first)}: {valued(first.network)}; {other.name}: {valued(other)}."
        + (" The learning rate was changed by hand." if run.record.by_hand else "")
    )


def valued(estimate: Estimate) -> str:
    """A value with its interval."""
    low, high = estimate.interval
    return f"{number(estimate.value)} (95% interval {number(low)} to {number(high)})"


def figure_table(figures: Sequence[RowsFigure]):
    """Each figure, the network first, then simpler models and whether it beats them."""
    from layerscope.training.rows.rows_scores import verdict

    table = columns("figure", "model", "value", "95% interval", "", left=["model", ""])

    def add(figure: RowsFigure, estimate: Estimate, name: str, said: str) -> None:
        low, high = estimate.interval
        table.add_row(
            name, estimate.name, number(estimate.value), f"{number(low)} to {number(high)}", said
        )

    for figure in figures:
        add(figure, figure.network, figure.name + unit(figure), "")
        for estimate in figure.baselines:
            add(figure, estimate, "",
                verdict(estimate, higher_is_better=figure.higher_is_better))  # fmt: skip
    return table


def fold_table(found: CrossValidated):
    """The first figure in each fold alone, of as many models as the terminal has room for."""
    first = found.by_fold[0].figure

    def of(n_models: int):
        names = [first.network.name, *(one.name for one in first.baselines)][:n_models]
        table = columns(f"{first.name}{unit(first)}", "rows", *names)
        for k, fold in enumerate(found.by_fold, start=1):
            models = [fold.figure.network, *fold.figure.baselines][:n_models]
            table.add_row(f"fold {k}", f"{fold.n:,}", *(ranged(one) for one in models))
        return table

    most = 1 + len(first.baselines)
    return next((table for n in range(most, 1, -1) if fits(table := of(n), console)), of(1))


def ranged(estimate: Estimate) -> str:
    """A value, and its interval in brackets."""
    low, high = estimate.interval
    return f"{number(estimate.value)} ({number(low)} to {number(high)})"


def unit(figure: RowsFigure) -> str:
    """The unit of a figure, in brackets."""
    return f" ({figure.unit})" if figure.unit else ""


def row_predictions(run: RowsRun, found: Sequence[RowPrediction], *, top: int) -> None:
    """Print what a network says of rows."""
    task = run.spec.task
    heads = {"classes": ("label", "probability", "then"), "number": ("value", "90% lie in", "")}
    names = heads.get(task, ("goes on", "next word", "then"))
    table = columns("given", *names, left=[names[0], "then"])
    notes = []
    for row in found:
        given = one_line(row.given[:60])
        if row.unknown:
            notes.append(f"not known: {', '.join(row.unknown)} (in {row.given[:40]!r})")
        if row.value is not None:
            around = (
                f"{number(row.interval[0])} to {number(row.interval[1])}" if row.interval else ""
            )
            table.add_row(given, number(row.value), around, "")
            continue
        (word, prob), *others = row.probs[:top]
        then = ", ".join(f"{other} {percent(p)}" for other, p in others)
        next_word = percent(prob) if task == "classes" else f"{word} {percent(prob)}"
        table.add_row(given, one_line(row.label), next_word, one_line(then))
    console.print(table)
    for note in notes:
        say(note)
