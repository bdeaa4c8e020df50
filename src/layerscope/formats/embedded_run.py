"""What a report carries of the run that its network came from."""

from __future__ import annotations

from msgspec import Struct

from layerscope.formats.run_figures import EpochFigures, Evaluation
from layerscope.formats.run_record import RunRecord


class EmbeddedRun(Struct, frozen=True, kw_only=True):
    """A run inside a report.

    Args:
        run: `run.json`.
        history: the rows of `history.jsonl`.
        evaluation: `evaluation.json`.
    """

    run: RunRecord
    history: tuple[EpochFigures, ...]
    evaluation: Evaluation
