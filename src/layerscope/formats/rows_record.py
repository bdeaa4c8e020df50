"""A training on words or numbers, as `run.json`, `plan.json` and `evaluation.json` hold it.

Beside the records of pictures (`run_record.py`), not among them: a row has no channels, a picture
no columns. `kind` tells the two apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from layerscope.errors import RunError
from layerscope.formats.documents import read_document
from layerscope.formats.quantities import Count, Frac, NonNegative
from layerscope.formats.run_figures import ClassFigures
from layerscope.formats.run_files import EVALUATION, RECORD, REMEDY
from layerscope.formats.run_record import Finding, HandChange, Hardware, RecipeRecord

ROWS_SCHEMA = 1


class RowsNetworkRecord(Struct, frozen=True, kw_only=True):
    """A network of words or numbers: with it and its weights it is built again.

    Args:
        name: of the network.
        task: "classes", "number" or "next-word".
        class_names: K names.
        n_words: V.
        n_features: F.
        length: T.
        shape: field -> value, as `RowsShape` names them.
    """

    name: str
    task: str
    class_names: tuple[str, ...]
    n_words: Count
    n_features: Count
    length: Count
    shape: dict[str, int | float | str]


class RowsData(Struct, frozen=True, kw_only=True):
    """The rows of a training.

    Args:
        name: of the set.
        source: the file, or the name of an embedded set.
        columns: what each named column was for: "text", "target", "date", "group".
        window: steps of a series' window; null where it is none.
        n_train: rows learned from.
        n_validation: rows set apart to choose by.
        n_test: rows scored once, at the end.
        fingerprint: of the training rows.
        test_fingerprint: of the test rows, as the vocabulary or the scalers of this training turn
            them into numbers.
        rows_fingerprint: of all rows as they were read, and of what is told: where it is the same,
            so are the test rows, whatever the seed; "" of earlier versions.
        notes: what was found and done, one sentence each.
    """

    name: str
    source: str
    columns: dict[str, str | None]
    window: int | None
    n_train: Count
    n_validation: Count
    n_test: Count
    fingerprint: str
    test_fingerprint: str
    notes: tuple[str, ...]
    rows_fingerprint: str = ""


class Estimate(Struct, frozen=True, kw_only=True):
    """A figure of one model.

    Args:
        name: of the model.
        value: the figure.
        interval: 95%.
        difference: the network's figure less this one, on the same rows; null of the network.
        difference_interval: 95%, of a paired bootstrap.
    """

    name: str
    value: float
    interval: tuple[float, float]
    difference: float | None = None
    difference_interval: tuple[float, float] | None = None


class RowsFigure(Struct, frozen=True, kw_only=True):
    """A figure of the network, and the same of simpler models on the same rows.

    Args:
        name: "accuracy", "mean absolute error", "root mean squared error", "perplexity", …
        unit: of the value; "" where it has none.
        higher_is_better: which way is good.
        network: the network's.
        baselines: simpler models.
    """

    name: str
    unit: str
    higher_is_better: bool
    network: Estimate
    baselines: tuple[Estimate, ...]


class FoldFigure(Struct, frozen=True, kw_only=True):
    """A figure on the rows of one fold.

    Args:
        n: rows.
        figure: the one that counts, told by models that had seen none of these rows.
    """

    n: Count
    figure: RowsFigure


class CrossValidated(Struct, frozen=True, kw_only=True):
    """Figures over folds: every row is told by models that have not seen it.

    Args:
        folds: how many.
        n: rows.
        figures: over all rows.
        by_fold: the first of them, in each fold alone; none of earlier versions.
    """

    folds: Count
    n: Count
    figures: tuple[RowsFigure, ...]
    by_fold: tuple[FoldFigure, ...] = ()


class RowsEvaluation(Struct, frozen=True, kw_only=True):
    """A network's figures on the test rows, beside those of simpler models.

    Args:
        n: rows.
        figures: the first is the one that counts.
        per_class: each class's figures; none without classes.
        confusion: the confusion matrix, K x K counts: rows are the true class.
        cross_validated: of small tables; null else.
        error_interval: of numbers, how far 90% of the validation rows lay from what was told of
            them, in the target's unit.
    """

    n: Count
    figures: tuple[RowsFigure, ...]
    per_class: tuple[ClassFigures, ...] = ()
    confusion: tuple[tuple[Count, ...], ...] = ()
    cross_validated: CrossValidated | None = None
    error_interval: tuple[float, float] | None = None


class RowsResults(Struct, frozen=True, kw_only=True):
    """The outcome of a training.

    Args:
        validation_loss: of the chosen epoch; null where no epoch was finished.
        validation_accuracy: likewise, as `EpochFigures` says.
        best_epoch: the chosen one.
        test_epoch: whose weights the test rows were scored with.
        train_s: training time.
        parameters: of the network.
    """

    validation_loss: float | None
    validation_accuracy: Frac | None
    best_epoch: Count
    test_epoch: Count
    train_s: NonNegative
    parameters: Count


class RowsRunRecord(Struct, frozen=True, kw_only=True):
    """A training on words or numbers, as `run.json` holds it.

    Args:
        schema: the version of this format.
        kind: "text", "next-word", "table" or "series".
        name: of the run folder.
        created: ISO 8601.
        data: the rows.
        model: the network.
        recipe: every choice.
        seed: of everything that was drawn.
        versions: library -> version.
        hardware: the machine.
        results: the outcome.
        findings: what went wrong.
        by_hand: learning rates that were changed while the training ran; such a run cannot be
            made again from its recipe.
    """

    schema: Literal[1]
    kind: str
    name: str
    created: str
    data: RowsData
    model: RowsNetworkRecord
    recipe: RecipeRecord
    seed: int
    versions: dict[str, str]
    hardware: Hardware
    results: RowsResults
    findings: tuple[Finding, ...] = ()
    by_hand: tuple[HandChange, ...] = ()


class RowsPlanRecord(Struct, frozen=True, kw_only=True):
    """What a training on words or numbers set out to do, as `plan.json` holds it.

    Args:
        schema: the version of this format.
        kind: as in the run's record.
        source: the file, or the name of an embedded set.
        columns: what each named column was for.
        window: steps of a series' window.
        seed: of everything that is drawn.
        model: the network.
        recipe: every choice.
        fingerprint: of the training rows.
    """

    schema: Literal[1]
    kind: str
    source: str
    columns: dict[str, str | None]
    window: int | None
    seed: int
    model: RowsNetworkRecord
    recipe: RecipeRecord
    fingerprint: str


def is_rows_document(path: Path) -> bool:
    """Whether a run's or a plan's file is of words or numbers."""
    try:
        value: Any = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False
    return isinstance(value, dict) and "kind" in value


def read_rows_record(folder: Path) -> RowsRunRecord:
    """The record of a run on words or numbers.

    Raises:
        RunError: it is missing, broken or of another version.
    """
    return read_document(folder / RECORD, RowsRunRecord, error=RunError, remedy=REMEDY).record


def read_rows_plan(folder: Path) -> RowsPlanRecord:
    """What a training on words or numbers set out to do.

    Raises:
        RunError: it is missing, broken or of another version.
    """
    return read_document(
        folder / "plan.json", RowsPlanRecord, error=RunError, remedy="train anew"
    ).record


def read_rows_evaluation(folder: Path) -> RowsEvaluation:
    """The figures of its test rows.

    Raises:
        RunError: they are missing or broken.
    """
    return read_document(folder / EVALUATION, RowsEvaluation, error=RunError, remedy=REMEDY).record
