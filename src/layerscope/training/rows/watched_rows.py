"""What those who watch a training on words or numbers are told of it, beside simpler models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from layerscope.data.rows.load_rows import RowSplits, TextEncoding
from layerscope.data.rows.row_sets import RowSet, SeriesSet, TextSet, WordStream
from layerscope.formats.rows_record import RowsPlanRecord
from layerscope.models.sequences.rows_spec import RowsSpec
from layerscope.training.rows.finish_rows import unit_of
from layerscope.training.rows.rows_baselines import Model
from layerscope.training.rows.rows_scores import READ, row_scores

# The figure that a page follows from epoch to epoch: it is read off the accuracy or the loss.
FOLLOWED = {
    "classes": "accuracy",
    "number": "root mean squared error",
    "next-word": "perplexity",
}
# Windows of a text whose words are shown.
MOST_WINDOWS = 8


def rows_beginning(
    plan: RowsPlanRecord,
    spec: RowsSpec,
    splits: RowSplits,
    folder: Path,
    *,
    layers: Sequence[str],
    rows: torch.Tensor,
    simpler: Mapping[str, Model],
) -> dict[str, Any]:
    """What those who watch are told first.

    Args:
        plan, spec, splits, folder: of the training.
        layers: whose gradients are told.
        rows: int64 (n,), the validation rows that frames are about.
        simpler: models that the network's figure on validation stands beside.
    """
    std, unit = unit_of(splits)
    return {
        "network": spec.name,
        "data": splits.name,
        "run": folder.name,
        "epochs": plan.recipe.epochs,
        "optimiser": plan.recipe.optimiser,
        "schedule": plan.recipe.schedule,
        "batch_size": plan.recipe.batch_size,
        "class_names": list(spec.class_names),
        "layers": list(layers),
        "rows": {
            "task": spec.task,
            "figure": FOLLOWED[spec.task],
            "unit": unit if spec.task == "number" else "",
            "mean": in_units(splits, torch.zeros(1)).item(),
            "std": std,
            "baselines": [
                {"name": name, "value": followed_value(spec, model, splits.validation, std)}
                for name, model in simpler.items()
            ],
            **shown_rows(splits, rows),
        },
    }


def followed_value(spec: RowsSpec, model: Model, rows: RowSet, std: float) -> float:
    """A simpler model's value of the figure that a page follows."""
    name = FOLLOWED[spec.task]
    scores = row_scores(spec, model(rows).double(), rows.targets, std=std)[name]
    return float(READ.get(name, torch.clone)(scores.mean()))


def shown_rows(splits: RowSplits, rows: torch.Tensor) -> dict[str, Any]:
    """The rows that frames are about: what a reader knows them by, and what is to be told of them.

    Args:
        splits: of the training.
        rows: int64 (n,), of the validation rows.

    Returns:
        "names", sentences or dates, none of a table's rows; and "truth": classes, numbers in the
        target's unit, or the words that follow.
    """
    validation, encoding, index = splits.validation, splits.encoding, rows.tolist()
    if isinstance(validation, WordStream):
        assert isinstance(encoding, TextEncoding), "that of a text"
        words = encoding.vocabulary.words
        following = validation.following[rows[:MOST_WINDOWS]].tolist()
        return {"names": [], "truth": [[words[i] for i in one if i] for one in following]}
    names: list[str] = []
    if isinstance(validation, TextSet):
        names = [validation.texts[i] for i in index]
    elif isinstance(validation, SeriesSet):
        names = [validation.dates[i] for i in index]
    targets = validation.targets[rows]
    if targets.is_floating_point():
        targets = in_units(splits, targets[:, 0].double())
    return {"names": names, "truth": targets.tolist()}


def in_units(splits: RowSplits, values: torch.Tensor) -> torch.Tensor:
    """Numbers in the target's own unit; of words they are as they are."""
    encoding = splits.encoding
    return values if isinstance(encoding, TextEncoding) else encoding.in_units(values)
