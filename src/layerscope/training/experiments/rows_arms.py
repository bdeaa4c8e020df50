"""Experiments on words and numbers: the same training with one choice varied, over several seeds.

Beside `arms.py`, which does the same for pictures; arms, folders and differences are its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from layerscope.data.rows.load_rows import RowSplits
from layerscope.errors import RecipeError
from layerscope.files import write_json
from layerscope.formats.documents import plain
from layerscope.formats.experiment_record import QuestionRecord
from layerscope.training.experiments.arms import (
    NAME,
    Experiment,
    OnArm,
    claim_folder,
    grid,
    in_turn,
    read_results,
)
from layerscope.training.experiments.rows_comparison import VALIDATION
from layerscope.training.rows.rows_session import (
    RowsListener,
    parted_settings,
    resume_rows,
    settled_choices,
    settled_rows,
    train_rows,
)


def experiment_rows(
    data: str | Path,
    vary: Mapping[str, Sequence[Any]],
    *,
    model: str | None = None,
    text: str | None = None,
    target: str | None = None,
    date: str | None = None,
    group: str | None = None,
    window: int | None = None,
    seeds: int = 3,
    out: Path | str = "experiment",
    device: str = "auto",
    listener: RowsListener | None = None,
    on_arm: OnArm = lambda label, seed, number, of: None,
    **settings: Any,
) -> Experiment:
    """Train on words or numbers with every value of what is varied, on every seed, and compare.

    The same seed parts off the same validation rows in every arm, so arms are compared seed by
    seed on validation: accuracy, the share of a number's variance that is explained, or of words
    that are right.

    Args:
        data, model, text, target, date, group, window, device, **settings: as for `train_rows`.
        vary: field of the recipe or the network -> values; the first values together are the arm
            that the others are compared with, several fields are crossed.
        seeds: how many, from 0 on.
        out: the experiment's folder. What is finished there is not trained again.
        listener: told how each training goes.
        on_arm: told which training begins: (arm, seed, its number from 1 on, how many there are).

    Returns:
        Arms, figures, differences with intervals. Ctrl-C ends it with what is finished.

    Raises:
        RecipeError: nothing to vary, or no such field; and what `train_rows` raises.
        RunError: the folder holds another experiment.

    Example:
        >>> found = experiment_rows("breast-cancer", {"epochs": [1, 2]}, seeds=1)
        >>> [(arm.label, len(arm.accuracies)) for arm in found.arms]
        [('epochs=1', 1), ('epochs=2', 1)]
    """
    arms = grid(vary)
    if seeds < 1:
        raise RecipeError(f"seeds is {seeds}; it must be at least 1")
    columns = {"text": text, "target": target, "date": date, "group": group}
    asked = [{**settings, **arm.changes} for arm in arms]
    splits, spec, _ = settled_rows(
        data, model=model, columns=columns, window=window, recipe=None, seed=0, settings=asked[0]
    )
    for one in asked:  # refuses a value that cannot be before anything is trained
        settled_choices(splits, model=model, recipe=None, settings=one)
    folder = Path(out)
    question = question_of(splits, spec.name, settings, vary, columns=columns, window=window)
    claim_folder(folder, question)
    listener = listener or RowsListener()

    def anew(i: int, seed: int, home: Path) -> None:
        # Arms are compared on validation; folds would take five times as long.
        train_rows(
            data, model=model, window=window, out=home, device=device, seed=seed, folds=False,
            listener=listener, **columns, **asked[i],
        )  # fmt: skip

    def again(unfinished: Path) -> None:
        resume_rows(unfinished, device=device, folds=False, listener=listener)

    in_turn(folder, arms, seeds, on_arm, anew, again)
    found = read_results(folder, arms, range(seeds), VALIDATION[spec.task])
    write_json(folder / NAME, plain(found.record(question)))
    return found


def question_of(
    splits: RowSplits,
    model: str,
    settings: Mapping[str, Any],
    vary: Mapping[str, Sequence[Any]],
    *,
    columns: Mapping[str, str | None],
    window: int | None,
) -> QuestionRecord:
    """What an experiment asks: everything but its seeds."""
    of_recipe, of_shape = parted_settings(dict(settings))
    return QuestionRecord(
        data=splits.fingerprint,
        weights=None,
        model=model,
        preset="default",
        shape=of_shape,
        changes=of_recipe,
        vary={name: tuple(values) for name, values in vary.items()},
        columns={name: column for name, column in columns.items() if column is not None},
        window=window,
    )
