"""What a training set out to do, written before its first step, so that it can go on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from layerscope.errors import RunError
from layerscope.files import write_json
from layerscope.formats.documents import from_plain, plain, read_document
from layerscope.formats.older_runs import check_plan
from layerscope.formats.run_files import read_run_record
from layerscope.formats.run_record import PLAN_SCHEMA, NetworkRecord, PlanRecord, RecipeRecord
from layerscope.models import ModelSpec
from layerscope.training.recipe import Recipe

PLAN = "plan.json"


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


def network_record(spec: ModelSpec) -> NetworkRecord:
    """A network's description, as run and plan hold it."""
    return from_plain(spec.to_json(), NetworkRecord).record


def spec_of(record: NetworkRecord) -> ModelSpec:
    """The network's description that a run or a plan holds.

    Raises:
        ModelError: it is not one that this version builds.
    """
    return ModelSpec.from_json(plain(record))


def recipe_record(recipe: Recipe) -> RecipeRecord:
    """A recipe, as run and plan hold it."""
    return from_plain(recipe.to_json(), RecipeRecord).record


def write_plan(folder: Path, plan: Plan) -> None:
    """Write down what a training sets out to do."""
    write_json(folder / PLAN, plain(plan.record()))


def read_plan(folder: Path) -> Plan:
    """Read what an interrupted training set out to do.

    Raises:
        RunError: the folder is no run, is finished already, or its plan is damaged.
        ModelError, RecipeError: its network or its recipe is not one of this version.
    """
    if not (folder / PLAN).is_file():
        raise RunError(f"{folder} is not a run folder (it has no {PLAN}); train anew")
    if (folder / "run.json").is_file() and read_run_record(folder).finished:
        raise RunError(f"{folder} is finished; there is nothing to resume")
    found = read_document(
        folder / PLAN, PlanRecord, error=RunError, remedy="train anew", upgrade=check_plan
    ).record
    return Plan(
        source=found.source,
        size=found.size,
        seed=found.seed,
        spec=spec_of(found.model),
        recipe=Recipe(**plain(found.recipe)),
        fingerprint=found.fingerprint,
    )
