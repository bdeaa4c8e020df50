"""What is measured of a network that reads numbers, as records."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from layerscope.analysis.tables.feature_tuning import activations, curves, feature_tuning
from layerscope.analysis.tables.forecast_interval import (
    coverage,
    fewest_residuals,
    forecast_interval,
)
from layerscope.analysis.tables.partial_dependence import grid_of, partial_dependence
from layerscope.analysis.tables.permutation_importance import Losses, permutation_importance
from layerscope.data.rows.row_sets import SeriesSet, TableSet
from layerscope.data.rows.series_windows import SeriesEncoding
from layerscope.data.rows.table_encoding import TableEncoding
from layerscope.formats.rows.number_records import (
    ColumnRecord,
    FeatureLayerRecord,
    FeatureUnitRecord,
    ForecastRecord,
    TableRowRecord,
)
from layerscope.models.sequences.build_rows import build_rows
from layerscope.models.sequences.rows_spec import RowsSpec
from layerscope.seed import make_generator

COPIES = 20
ROWS_SHOWN = 40
CURVES_SHOWN = 30
DAYS_SHOWN = 365
WINDOWS_SHOWN = 40
# Shares of days that an interval shall hold: the first that there are enough validation days for.
WANTED = (0.9, 0.8, 0.5)


def losses_of(classes: bool) -> Losses:
    """The loss of each row: cross-entropy, or squared error in variances."""
    if classes:
        return lambda out, to: torch.nn.functional.cross_entropy(out, to, reduction="none")
    return lambda out, to: (out - to).square()[:, 0]


def parts_of(encoding: TableEncoding) -> list[tuple[str, list[int], tuple[str, ...], float, float]]:
    """Each column: its name, inputs, categories, mean and deviation."""
    found, at = [], 0
    for column in encoding.numbers:
        found.append((column.name, [at], (), column.mean, column.std))
        at += 1
        if column.marks_missing:
            found.append((f"{column.name} is missing", [at], (), 0.0, 1.0))
            at += 1
    for column in encoding.categories:
        inputs = list(range(at, at + len(column.values)))
        found.append((column.name, inputs, column.values, 0.0, 1.0))
        at += len(inputs)
    return found


def column_records(
    model: nn.Module, rows: TableSet, encoding: TableEncoding, seed: int
) -> tuple[ColumnRecord, ...]:
    """Importance of every column with its interval, and the predictions along it."""
    parts = parts_of(encoding)
    target = encoding.target
    classes = bool(target.class_names)

    def predict(inputs: torch.Tensor) -> torch.Tensor:
        return model(inputs)

    def shown(inputs: torch.Tensor) -> torch.Tensor:
        out = model(inputs)
        return out.softmax(1)[:, 1] if classes else out[:, 0] * target.std + target.mean

    importance = permutation_importance(
        predict,
        rows.features,
        rows.targets,
        losses_of(classes),
        [inputs for _, inputs, *_ in parts],
        make_generator(seed, "permutations"),
    )
    found = []
    for g, (name, inputs, categories, mean, std) in enumerate(parts):
        if categories:
            values = torch.eye(len(categories))
            own = [float(k) for k in range(len(categories))]
        else:
            values = grid_of(rows.features[:, inputs[0]])[:, None]
            own = (values[:, 0].double() * std + mean).tolist()
        moved = partial_dependence(shown, rows.features, inputs, values)
        low, high = importance.change.interval[g].tolist()
        found.append(
            ColumnRecord(
                name=name,
                inputs=tuple(inputs),
                categories=categories,
                mean=mean,
                std=std,
                importance=float(importance.change.mean[g]),
                interval=(low, high),
                values=tuple(own),
                dependence=tuple(moved.mean.tolist()),
                individual=tuple(tuple(curve) for curve in moved.each.T[:CURVES_SHOWN].tolist()),
            )
        )
    return tuple(found)


def feature_layers(
    model: nn.Module,
    spec: RowsSpec,
    rows: TableSet,
    seed: int,
    progress: Callable[[str, float], None],
) -> tuple[FeatureLayerRecord, ...]:
    """The units of each activation, and which input they follow."""
    generator = make_generator(seed, "untrained tables")
    copies = [build_rows(spec, generator).eval() for _ in range(COPIES)]
    names = [path for path, module in model.named_modules() if isinstance(module, nn.GELU)]
    found = []
    for k, name in enumerate(names):
        progress(name, 0.3 + 0.6 * k / len(names))
        tuning = feature_tuning(model, copies, name, rows.features)
        outputs = activations(model, name, rows.features)
        units = []
        for u, best in enumerate(tuning.best.tolist()):
            at, means = curves(outputs[:, u : u + 1], rows.features[:, best])
            q, follows = float(tuning.training.q[u]), tuning.follows(u)
            units.append(
                FeatureUnitRecord(
                    follows=None if follows is None else rows.feature_names[follows],
                    best=rows.feature_names[best],
                    correlation=float(tuning.correlation[u, best]),
                    training_q=q if q == q else None,
                    at=tuple(at.tolist()),
                    mean=tuple(means[0].tolist()),
                )
            )
        found.append(FeatureLayerRecord(name=name, units=tuple(units)))
    return tuple(found)


@torch.no_grad()
def row_records(model: nn.Module, rows: TableSet) -> tuple[TableRowRecord, ...]:
    """The first rows, for the page to move."""
    inputs, targets = rows.features[:ROWS_SHOWN], rows.targets[:ROWS_SHOWN]
    return tuple(
        TableRowRecord(inputs=tuple(row), outputs=tuple(out), target=float(target))
        for row, out, target in zip(
            inputs.tolist(), model(inputs).tolist(), targets.flatten().tolist(), strict=True
        )
    )


@torch.no_grad()
def forecast_record(
    model: nn.Module, validation: SeriesSet, test: SeriesSet, encoding: SeriesEncoding
) -> ForecastRecord:
    """Forecasts of the test days with intervals from validation days.

    Raises:
        DataError: the validation split has fewer than three days.
    """
    mean, std = encoding.mean[0], encoding.std[0]

    def in_units(values: torch.Tensor) -> torch.Tensor:
        return values[:, 0].double() * std + mean

    away = in_units(validation.targets) - in_units(model(validation.windows))
    wanted = next((share for share in WANTED if len(away) >= fewest_residuals(share)), WANTED[-1])
    interval = forecast_interval(away, wanted=wanted)
    outputs = model(test.windows)
    forecasts, values = in_units(outputs), in_units(test.targets)
    share, low, high = coverage(interval, values - forecasts)
    days, windows = slice(-DAYS_SHOWN, None), slice(-WINDOWS_SHOWN, None)
    return ForecastRecord(
        low=interval.low,
        high=interval.high,
        wanted=wanted,
        covered=share,
        interval=(low, high),
        dates=tuple(test.dates[days]),
        values=tuple(values[days].tolist()),
        forecasts=tuple(forecasts[days].tolist()),
        windows=nested(test.windows[windows]),
        outputs=tuple(outputs[windows, 0].tolist()),
    )


def nested(windows: torch.Tensor) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Windows float (N, T, F) as tuples."""
    rows: Sequence[Sequence[Sequence[float]]] = windows.tolist()
    return tuple(tuple(tuple(step) for step in window) for window in rows)
