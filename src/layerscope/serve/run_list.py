"""The runs of a folder, as a list shows them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from layerscope.errors import LayerscopeError, RunError
from layerscope.formats.documents import read_document
from layerscope.formats.older.older_runs import check_plan
from layerscope.formats.rows_record import (
    is_rows_document,
    read_rows_evaluation,
    read_rows_plan,
    read_rows_record,
)
from layerscope.formats.run_files import PLAN, RECORD, read_history, read_run_record
from layerscope.formats.run_record import PlanRecord
from layerscope.serve.jobs.job_requests import RUN_NAME
from layerscope.training.runs.run_lock import is_trained

REPORT = "report.html"


class RunView(Struct, frozen=True, kw_only=True):
    """A run in a list.

    Args:
        name: of its folder.
        state: "finished", "training" (by a process of this machine), "unfinished" or "damaged".
        model, data: what was trained, and on what.
        epochs, done: how many there shall be, and how many are done.
        accuracy, interval: of the test split, where it was scored.
        validation: accuracy of each epoch, where the training is finished.
        created: ISO 8601; "" where it is not known.
        report: whether there is a page about it.
        figure: how a run on words or numbers did; only pictures can be looked at.
        by_hand: whether a learning rate was changed by hand while it was trained.
        trouble: why it is damaged.
    """

    name: str
    state: Literal["finished", "training", "unfinished", "damaged"]
    model: str = ""
    data: str = ""
    epochs: int = 0
    done: int = 0
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    validation: tuple[float, ...] = ()
    created: str = ""
    report: bool = False
    figure: str = ""
    by_hand: bool = False
    trouble: str = ""


class RunList:
    """Reads runs, each again only when its files have changed.

    Args:
        runs: the folder of runs.
    """

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self._known: dict[str, tuple[tuple[int, ...], RunView]] = {}

    def views(self) -> list[RunView]:
        """All runs, the newest first, damaged ones last."""
        found: list[tuple[float, RunView]] = []
        for folder in self.runs.iterdir():
            plan = folder / PLAN
            begun = plan if plan.is_file() else folder / RECORD
            if folder.is_symlink() or not RUN_NAME.fullmatch(folder.name) or not begun.is_file():
                continue
            mark = marks(folder)
            known = self._known.get(folder.name)
            if known is None or known[0] != mark:
                known = self._known[folder.name] = (mark, view_of(folder))
            view = known[1]
            if view.state != "damaged" and is_trained(folder):
                view = replace(view, state="training")
            found.append((begun.stat().st_mtime, view))
        # The newest first; those that nothing can be done with come last.
        found.sort(key=lambda one: (one[1].state == "damaged", -one[0], one[1].name))
        return [view for _, view in found]


def marks(folder: Path) -> tuple[int, ...]:
    """What changes when a run's files do."""
    marks: list[int] = []
    for name in (RECORD, PLAN, REPORT, "recording"):
        try:
            found = (folder / name).stat()
            marks += (found.st_mtime_ns, found.st_size)
        except OSError:
            marks += (0, 0)
    return tuple(marks)


def view_of(folder: Path) -> RunView:
    """A run in a list."""
    report = (folder / REPORT).is_file()
    try:
        if is_rows_document(folder / RECORD) or is_rows_document(folder / PLAN):
            return view_of_rows(folder)
        plan = plan_of(folder)
        if (folder / RECORD).is_file():
            record = read_run_record(folder)
            history = read_history(folder)
            epochs = plan.recipe.epochs if plan else record.recipe.epochs
            return RunView(
                name=folder.name,
                state="finished" if epochs <= record.recipe.epochs else "unfinished",
                model=record.model.name,
                data=record.data.name,
                epochs=epochs,
                done=len(history),
                accuracy=record.results.test_accuracy,
                interval=record.results.test_interval,
                validation=tuple(row.validation_accuracy for row in history),
                created=record.created,
                report=report,
                by_hand=bool(record.by_hand),
            )
        assert plan is not None, "a run folder has one or the other"
        return RunView(
            name=folder.name,
            state="unfinished",
            model=plan.model.name,
            data=Path(plan.source).name if plan.source else "pictures from Python",
            epochs=plan.recipe.epochs,
            done=last_recorded(folder),
            report=report,
        )
    except LayerscopeError as error:
        trouble = str(error).replace(f"{folder}{os.sep}", "")
        return RunView(name=folder.name, state="damaged", trouble=trouble, report=report)


def last_recorded(folder: Path) -> int:
    """The last epoch that a training recorded something of; late ones may pass unrecorded."""
    names = (file.stem for file in (folder / "recording").glob("epoch-*.safetensors"))
    numbers = (name.removeprefix("epoch-") for name in names)
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


def view_of_rows(folder: Path) -> RunView:
    """A run on words or numbers in a list."""
    if not (folder / RECORD).is_file():
        plan = read_rows_plan(folder)
        return RunView(
            name=folder.name, state="unfinished", model=plan.model.name,
            data=Path(plan.source).name, epochs=plan.recipe.epochs, figure="unfinished",
        )  # fmt: skip
    record = read_rows_record(folder)
    first = read_rows_evaluation(folder).figures[0]
    low, high = first.network.interval
    unit = f" {first.unit}" if first.unit else ""
    return RunView(
        name=folder.name,
        state="finished",
        model=record.model.name,
        data=record.data.name,
        epochs=record.recipe.epochs,
        done=record.recipe.epochs,
        created=record.created,
        figure=f"{first.name} {first.network.value:.3g}{unit} ({low:.3g} to {high:.3g})",
        by_hand=bool(record.by_hand),
    )


def plan_of(folder: Path) -> PlanRecord | None:
    """What a training set out to do; None in a run that came without."""
    if not (folder / PLAN).is_file():
        return None
    return read_document(
        folder / PLAN, PlanRecord, error=RunError, remedy="train anew", upgrade=check_plan
    ).record
