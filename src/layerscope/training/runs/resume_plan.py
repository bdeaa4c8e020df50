"""What a training set out to do, written before its first step, so that it can go on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layerscope.errors import LayerscopeError, RunError
from layerscope.models import ModelSpec
from layerscope.training.recipe import Recipe

PLAN = "plan.json"
SCHEMA = 1


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

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "size": self.size,
            "seed": self.seed,
            "model": self.spec.to_json(),
            "recipe": self.recipe.to_json(),
            "fingerprint": self.fingerprint,
        }


def read_plan(folder: Path) -> Plan:
    """Read what an interrupted training set out to do.

    Raises:
        RunError: the folder is no run, is finished already, or its plan is damaged.
    """
    try:
        value = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        record = folder / "run.json"
        finished = record.is_file() and json.loads(record.read_text(encoding="utf-8"))["finished"]
        if finished:
            raise RunError(f"{folder} is finished; there is nothing to resume")
        if value["schema"] != SCHEMA:
            raise RunError(
                f"{folder / PLAN} has schema {value['schema']!r}; this layerscope reads {SCHEMA}: "
                "resume it with the version that began it"
            )
        return Plan(
            source=value["source"],
            size=value["size"],
            seed=value["seed"],
            spec=ModelSpec.from_json(value["model"]),
            recipe=Recipe(**value["recipe"]),
            fingerprint=value["fingerprint"],
        )
    except FileNotFoundError as error:
        raise RunError(f"{folder} is not a run folder (it has no {PLAN}); train anew") from error
    except LayerscopeError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder / PLAN} cannot be read ({error}); train anew") from error
