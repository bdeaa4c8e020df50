"""The records of a run folder, read back."""

from __future__ import annotations

from pathlib import Path

import msgspec

from layerscope.errors import RunError
from layerscope.formats.documents import Document, read_document, sentence
from layerscope.formats.older.older_runs import upgrade_run
from layerscope.formats.run_figures import EpochFigures, Evaluation
from layerscope.formats.run_record import RunRecord

PLAN = "plan.json"
RECORD = "run.json"
HISTORY = "history.jsonl"
EVALUATION = "evaluation.json"
# A folder: what was recorded at chosen steps of the training.
RECORDING = "recording"
REMEDY = "train again"


def read_run(folder: Path) -> Document[RunRecord]:
    """A run's record, with what a newer version may have written beside what this one knows.

    Raises:
        RunError: it is missing, broken or of another version.
    """
    return read_document(
        folder / RECORD, RunRecord, error=RunError, remedy=REMEDY, upgrade=upgrade_run
    )


def read_run_record(folder: Path) -> RunRecord:
    """A run's record.

    Raises:
        RunError: it is missing, broken or of another version.
    """
    return read_run(folder).record


def read_evaluation(folder: Path) -> Document[Evaluation]:
    """The test split's figures.

    Raises:
        RunError: they are missing or broken.
    """
    return read_document(folder / EVALUATION, Evaluation, error=RunError, remedy=REMEDY)


def read_history(folder: Path) -> tuple[EpochFigures, ...]:
    """The figures of each epoch.

    Raises:
        RunError: they are missing or broken.
    """
    path = folder / HISTORY
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read ({error}); {REMEDY}") from error
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(msgspec.json.decode(line, type=EpochFigures))
        except msgspec.ValidationError as error:
            raise RunError(f"{path}, line {number}: {sentence(error)}; {REMEDY}") from error
        except msgspec.DecodeError as error:
            raise RunError(f"{path}, line {number} is no JSON ({error}); {REMEDY}") from error
    return tuple(rows)
