"""What was measured of a table's or a series' network: columns, units, rows and forecasts."""

from __future__ import annotations

from msgspec import Struct

from layerscope.formats.quantities import Count, Frac, Interval, NonNegative


class ColumnRecord(Struct, frozen=True, kw_only=True):
    """A column of a table.

    Args:
        name: of the column.
        inputs: the network's inputs that hold it.
        categories: of the values; none for a number.
        mean: of a number in the training rows; what an input is less.
        std: what an input is over.
        importance: how much the loss rises when the column is permuted.
        interval: 95%, over rows.
        values: at which the dependence is taken, in the column's own unit; places of the
            categories for those.
        dependence: the mean prediction there; the target's own unit, or the second class's
            probability.
        individual: of some rows, the predictions there.
    """

    name: str
    inputs: tuple[Count, ...]
    categories: tuple[str, ...]
    mean: float
    std: NonNegative
    importance: float
    interval: tuple[float, float]
    values: tuple[float, ...]
    dependence: tuple[float, ...]
    individual: tuple[tuple[float, ...], ...]


class FeatureUnitRecord(Struct, frozen=True, kw_only=True):
    """A unit of a table's or a series' network.

    Args:
        follows: the input that it follows more than untrained units do; null without one.
        best: the input that it follows most.
        correlation: with that.
        training_q: expected share of units that follow one as closely untrained; null where the
            layer is too small to say.
        at: values of that input, scaled.
        mean: the unit's activation there.
    """

    follows: str | None
    best: str
    correlation: float
    training_q: Frac | None
    at: tuple[float, ...]
    mean: tuple[float, ...]


class FeatureLayerRecord(Struct, frozen=True, kw_only=True):
    """A layer of a table's network.

    Args:
        name: its path.
        units: of it.
    """

    name: str
    units: tuple[FeatureUnitRecord, ...]


class TableRowRecord(Struct, frozen=True, kw_only=True):
    """A test row.

    Args:
        inputs: as the network takes them.
        outputs: what it gives; the page holds its own against them.
        target: a class, or a number, scaled.
    """

    inputs: tuple[float, ...]
    outputs: tuple[float, ...]
    target: float


class ForecastRecord(Struct, frozen=True, kw_only=True):
    """Forecasts of a series' test days.

    Args:
        low: what is added to a forecast for the lower end of its interval, in the unit of the
            series.
        high: for the upper end.
        wanted: share of days that shall lie inside.
        covered: share of test days that do.
        interval: 95%, of that share.
        dates: of the days shown.
        values: what came.
        forecasts: what was forecast.
        windows: of the last days, T x F as the network takes them.
        outputs: of these windows, scaled.
    """

    low: float
    high: float
    wanted: Frac
    covered: Frac
    interval: Interval
    dates: tuple[str, ...]
    values: tuple[float, ...]
    forecasts: tuple[float, ...]
    windows: tuple[tuple[tuple[float, ...], ...], ...]
    outputs: tuple[float, ...]
