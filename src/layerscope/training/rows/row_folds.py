"""Cross-validation of small tables: a test split of forty rows says little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from layerscope.data.rows.column_roles import Roles
from layerscope.data.rows.load_rows import RowSplits, encoded_table
from layerscope.data.rows.row_file import Table
from layerscope.data.rows.row_parting import part_rows
from layerscope.data.rows.row_sets import TableSet
from layerscope.data.rows.table_encoding import TableEncoding, target_of
from layerscope.formats.rows_record import CrossValidated, FoldFigure
from layerscope.models.sequences.build_rows import build_rows
from layerscope.models.sequences.rows_spec import RowsSpec
from layerscope.seed import make_generator
from layerscope.training.loop import fit
from layerscope.training.machine import make_fabric
from layerscope.training.recipe import Recipe
from layerscope.training.rows.rows_baselines import baselines_of
from layerscope.training.rows.rows_feed import rows_feed
from layerscope.training.rows.rows_scores import NETWORK, figures_of, outputs_of

FOLDS = 5
MOST_ROWS = 2000


def worth_folds(splits: RowSplits) -> bool:
    """Whether a set is a table, and small enough for its test split to say little."""
    return isinstance(splits.raw, Table) and len(splits.raw) <= MOST_ROWS


def folds_of(splits: RowSplits, n_folds: int = FOLDS) -> list[list[int]]:
    """Rows in folds: classes in their shares, or groups whole."""
    table = splits.raw
    assert isinstance(table, Table), "only tables are folded"
    target, group = splits.columns["target"], splits.columns["group"]
    assert target is not None, "a table has a target"
    classes = target_of(table, target, range(len(table))).class_names
    labels = table.column(target) if classes else None
    groups = table.column(group) if group else None
    left, folds = list(range(len(table))), []
    generator = make_generator(0, "folds")
    for k in range(n_folds - 1):
        rest, part = part_rows(
            len(left), 1 / (n_folds - k), generator,
            labels=[labels[i] for i in left] if labels else None,
            groups=[groups[i] for i in left] if groups else None,
        )  # fmt: skip
        folds.append([left[i] for i in part])
        left = [left[i] for i in rest]
    return [*folds, left]


def cross_validated(
    spec: RowsSpec,
    recipe: Recipe,
    splits: RowSplits,
    *,
    seed: int,
    unit: str = "",
    on_fold: Callable[[int, int], None] = lambda done, total: None,
) -> CrossValidated:
    """Tell every row by models that have not seen it: the network's recipe, and simpler models.

    Scalers, categories and baselines are fitted anew in every fold, so that nothing of a fold
    gets into what tells it. Nothing is chosen by these figures. `unit` is the target's.
    """
    table = splits.raw
    assert isinstance(table, Table), "only tables are folded"
    named = splits.columns
    roles = Roles("table", named["target"] or "", group=named["group"])
    folds = folds_of(splits)
    outputs: dict[str, list[torch.Tensor]] = {}
    truth: list[torch.Tensor] = []
    for k, fold in enumerate(folds):
        on_fold(k, len(folds))
        others = [i for other in folds if other is not fold for i in other]
        labels = table.column(roles.target) if spec.class_names else None
        kept, held_out = part_rows(
            len(others), recipe.validation_frac, make_generator(seed, f"fold {k}"),
            labels=[labels[i] for i in others] if labels else None,
        )  # fmt: skip
        index = ([others[i] for i in kept], [others[i] for i in held_out], fold)
        train, validation, test, encoding = encoded_table(table, roles, index)
        own = replace(splits, train=train, validation=validation, test=test, encoding=encoding)
        shaped = replace(spec, n_features=len(encoding.feature_names))
        found = {NETWORK: outputs_of(fitted(shaped, recipe, train, validation, seed), shaped, test)}
        found |= {name: model(test) for name, model in baselines_of(own).items()}
        for who, given in found.items():
            # Every fold has a scale of its own: the target's unit is common to all.
            outputs.setdefault(who, []).append(in_units(given.double(), encoding))
        truth.append(in_units(test.targets, encoding))
    joined = {who: torch.cat(parts) for who, parts in outputs.items()}
    figures = figures_of(spec, joined, torch.cat(truth), unit=unit)
    by_fold = []
    for k, own_truth in enumerate(truth):
        own_outputs = {who: parts[k] for who, parts in outputs.items()}
        figure, *_ = figures_of(spec, own_outputs, own_truth, unit=unit)
        by_fold.append(FoldFigure(n=len(own_truth), figure=figure))
    return CrossValidated(folds=len(folds), n=len(table), figures=figures, by_fold=tuple(by_fold))


def in_units(values: torch.Tensor, encoding: TableEncoding) -> torch.Tensor:
    """Numbers in the target's unit; classes and their logs as they are."""
    if encoding.target.class_names:
        return values
    return encoding.in_units(values.double())


def fitted(
    spec: RowsSpec, recipe: Recipe, train: TableSet, validation: TableSet, seed: int
) -> torch.nn.Module:
    """The recipe's network for a fold, the weights of its best epoch in it."""
    fabric = make_fabric("cpu", recipe.precision)
    model = build_rows(spec, make_generator(seed, "weights"))
    found = fit(
        model,
        spec,
        recipe,
        rows_feed(train, fabric.device),
        rows_feed(validation, fabric.device),
        fabric=fabric,
        shuffle=make_generator(seed, "shuffle"),
        changes=make_generator(seed, "augment"),
    )
    model.load_state_dict(found.best_weights)
    return model
