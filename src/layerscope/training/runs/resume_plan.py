"""What a training set out to do, written before its first step, so that it can go on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from layerscope.errors import RunError
from layerscope.files import write_json
from layerscope.formats.documents import plain, read_document
from layerscope.formats.older.older_runs import check_plan
from layerscope.formats.rows_record import (
    is_rows_document,
    read_rows_plan,
    read_rows_record,
)
from layerscope.formats.run_files import PLAN, read_run_record
from layerscope.formats.run_record import PLAN_SCHEMA, PlanRecord
from layerscope.models import ModelSpec
from layerscope.training.recipe import Recipe
from layerscope.training.runs.network_records import (
    network_record,
    recipe_of,
    recipe_record,
    spec_of,
)


@dataclass(frozen=True)
class Plan:
    """Everything that decides how a training goes.

    Args:
        source: the set's name or path; None where the pictures were handed over in Python.
        size: side of the pictures asked for; None is the set's own.
        seed: of everything that is drawn.
        spec: the network.
        recipe: every choice.
        fingerprint: of the training pictures.
    """

    source: str | None
    size: int | None
    seed: int
    spec: ModelSpec
    recipe: Recipe
    fingerprint: str

    def record(self) -> PlanRecord:
        """As it is written down."""
        return PlanRecord(
            schema=PLAN_SCHEMA,
            source=self.source,
            size=self.size,
            seed=self.seed,
            model=network_record(self.spec),
            recipe=recipe_record(self.recipe),
            fingerprint=self.fingerprint,
        )


def write_plan(folder: Path, plan: Plan) -> None:
    """Write down what a training sets out to do."""
    write_json(folder / PLAN, plain(plan.record()))


def unfinished_run(path: Path) -> Path:
    """The run folder that a user means to go on with: itself, or the latest unfinished one inside.

    Raises:
        RunError: no run there is unfinished.
    """
    if (path / PLAN).is_file() or not path.is_dir():
        return path
    plans = sorted(path.glob(f"*/{PLAN}"), key=lambda file: (file.stat().st_mtime, file))
    left = [file.parent for file in plans if not is_finished(file.parent)]
    if not left and plans:
        raise RunError(
            f"every run in {path} is finished; name one and more epochs to train it longer, such "
            f"as --resume {plans[-1].parent} --epochs 20"
        )
    return left[-1] if left else path


def is_finished(folder: Path) -> bool:
    """Whether a run folder's training came to its end, and none with more epochs was begun."""
    if not (folder / "run.json").is_file():
        return False
    if is_rows_document(folder / "run.json"):
        return read_rows_record(folder).recipe.epochs >= read_rows_plan(folder).recipe.epochs
    record = read_run_record(folder)
    return record.finished and record.recipe.epochs >= read_plan_record(folder).recipe.epochs


def read_plan_record(folder: Path) -> PlanRecord:
    """A plan as it is written down."""
    return read_document(
        folder / PLAN, PlanRecord, error=RunError, remedy="train anew", upgrade=check_plan
    ).record


def read_plan(folder: Path, *, epochs: int | None = None) -> Plan:
    """Read what a training set out to do.

    Args:
        folder: of the run.
        epochs: how many there shall be now; None leaves it. A finished run goes on with more.

    Raises:
        RunError: the folder is no run, is finished with nothing to add, or its plan is damaged.
        ModelError, RecipeError: its network or its recipe is not one of this version.
    """
    if not (folder / PLAN).is_file():
        raise RunError(f"{folder} is not a run folder (it has no {PLAN}); train anew")
    found = read_plan_record(folder)
    recipe = recipe_of(found.recipe)
    if is_finished(folder) and (epochs is None or epochs <= recipe.epochs):
        raise RunError(
            f"{folder} is finished after {recipe.epochs} epochs; there is nothing to resume, but "
            f"more epochs train it longer: --epochs {2 * recipe.epochs}"
        )
    return Plan(
        source=found.source,
        size=found.size,
        seed=found.seed,
        spec=spec_of(found.model),
        recipe=recipe if epochs is None else replace(recipe, epochs=epochs),
        fingerprint=found.fingerprint,
    )
