"""A dated series as windows, and the value that follows each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import torch

from layerscope.data.rows.column_roles import NUMBER, Roles, as_date, as_number, column_kind
from layerscope.data.rows.local_notation import is_missing
from layerscope.data.rows.row_file import Table
from layerscope.data.rows.row_sets import SeriesSet
from layerscope.errors import DataError

YEAR_DAYS = 365.2425


@dataclass(frozen=True)
class Series:
    """A series in the order of time.

    Args:
        name: of the file.
        dates: N, each once.
        values: float64 (N, C): the value that is foretold first, then the other columns.
        columns: C names.
        notes: what was done to it, one sentence each.
    """

    name: str
    dates: tuple[datetime, ...]
    values: torch.Tensor
    columns: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SeriesEncoding:
    """How values become windows.

    Args:
        date: the column of dates.
        columns: C names, the first is foretold.
        mean, std: C each, over the training steps.
        length: T, steps of a window.
        seasonal: whether each step says where in the year it lies: the sine and cosine of the day
            that is foretold.
    """

    date: str
    columns: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    length: int
    seasonal: bool

    @property
    def feature_names(self) -> tuple[str, ...]:
        """F names."""
        season = ("sine of the year", "cosine of the year") if self.seasonal else ()
        return (*self.columns, *season)

    def features(self, values: torch.Tensor, next_dates: Sequence[datetime]) -> torch.Tensor:
        """Steps as numbers.

        Args:
            values: float64 (N, C).
            next_dates: N, the date of the step after each.

        Returns:
            float32 (N, F).
        """
        scaled = (values - torch.tensor(self.mean).double()) / torch.tensor(self.std).double()
        if self.seasonal:
            angle = torch.tensor([year_angle(date) for date in next_dates], dtype=torch.float64)
            scaled = torch.cat([scaled, angle.sin()[:, None], angle.cos()[:, None]], dim=1)
        return scaled.float()

    def in_units(self, values: torch.Tensor) -> torch.Tensor:
        """Predictions in the value's own unit."""
        return values * self.std[0] + self.mean[0]


def year_angle(date: datetime) -> float:
    """Where in the year a date lies, from 0 to 2 pi."""
    return 2 * math.pi * (date.timetuple().tm_yday - 1) / YEAR_DAYS


def read_series(table: Table, roles: Roles) -> Series:
    """Put a table of dates and numbers into the order of time.

    Dates that are out of order are sorted; the same date twice is refused, since nobody can say
    which value holds. A missing value takes the last one before it.

    Raises:
        DataError: a date stands twice, a text where a number belongs, a value that never changes.
    """
    assert roles.date is not None, "a series has dates"
    dates = [as_date(value) for value in table.column(roles.date)]
    known = [date for date in dates if date is not None]
    assert len(known) == len(dates), "guess_roles has checked them"
    order = sorted(range(len(known)), key=known.__getitem__)
    for earlier, later in pairwise(order):
        if known[earlier] == known[later]:
            raise DataError(
                f"{table.name}: {roles.date} {table.column(roles.date)[later]} stands in lines "
                f"{table.lines[earlier]} and {table.lines[later]}; a series has one row a date"
            )
    notes = []
    if any(has_zone(value) for value in table.column(roles.date)):
        notes.append(f"times of {roles.date} are read in UTC")
    if order != list(range(len(order))):
        notes.append("the dates were out of order, and are sorted")
    others = [
        name for name in table.columns
        if name not in (roles.date, roles.target) and column_kind(table, name) == NUMBER
    ]  # fmt: skip
    columns = (roles.target, *others)
    values, filled = [], 0
    for name in columns:
        column, missing = carried_on(table, name, order)
        values.append(column)
        filled += missing
    if filled:
        notes.append(f"{filled:,} missing values take the last one before them")
    found = torch.tensor(values, dtype=torch.float64).T.contiguous()
    if float(found[:, 0].std(correction=0)) == 0:
        raise DataError(
            f"{roles.target} is {values[0][0]:g} at every date; there is nothing to learn"
        )
    in_time = tuple(known[i] for i in order)
    gaps = gap_count(in_time)
    if gaps:
        notes.append(f"{gaps:,} gaps between dates are read as if there were none")
    return Series(table.name, in_time, found, columns, tuple(notes))


def has_zone(value: str) -> bool:
    """Whether a date is written with a time zone."""
    return datetime.fromisoformat(value).tzinfo is not None


def carried_on(table: Table, name: str, order: Sequence[int]) -> tuple[list[float], int]:
    """A column in the order of time, missing values filled by the last before them."""
    raw = [table.column(name)[i] for i in order]
    there = [value for value in raw if not is_missing(value)]
    if not there:
        raise DataError(f"{name} has no values at all")
    last, missing, values = there[0], 0, []
    for i, value in zip(order, raw, strict=True):
        missing += is_missing(value)
        last = last if is_missing(value) else value
        number = as_number(last)
        if number is None:
            raise DataError(
                f"{table.name}, line {table.lines[i]}: {name} is {last[:40]!r}; it must be a number"
            )
        values.append(number)
    return values, missing


def gap_count(dates: Sequence[datetime]) -> int:
    """How many steps are longer than the usual one by half or more."""
    steps = [(b - a).total_seconds() for a, b in pairwise(dates)]
    usual = sorted(steps)[len(steps) // 2] if steps else 0
    return sum(step > 1.5 * usual for step in steps)


def fit_series(series: Series, roles: Roles, length: int, training: int) -> SeriesEncoding:
    """Learn mean and deviation from the training's steps, the first `training` of the series."""
    seen = series.values[:training]
    std = seen.std(0, correction=0)
    span = series.dates[training - 1] - series.dates[0]
    return SeriesEncoding(
        date=roles.date or "",
        columns=series.columns,
        mean=tuple(seen.mean(0).tolist()),
        std=tuple(torch.where(std > 0, std, torch.ones_like(std)).tolist()),
        length=length,
        seasonal=span.days > 2 * YEAR_DAYS,
    )


def windows_of(
    series: Series, encoding: SeriesEncoding, split: str, first: int, end: int
) -> SeriesSet:
    """The windows whose next values lie in rows `first` up to (not at) `end` of a series.

    Windows of a later split reach back into the earlier one: the past is known.
    """
    T = encoding.length
    next_dates = [*series.dates[1:], series.dates[-1]]
    features = encoding.features(series.values, next_dates)
    places = list(range(max(first, T), end))
    windows = torch.stack([features[i - T : i] for i in places])
    scaled = (series.values[places, :1] - encoding.mean[0]) / encoding.std[0]
    return SeriesSet(
        name=series.name,
        split=split,
        windows=windows,
        targets=scaled.float(),
        feature_names=encoding.feature_names,
        dates=tuple(series.dates[i].isoformat() for i in places),
    )
