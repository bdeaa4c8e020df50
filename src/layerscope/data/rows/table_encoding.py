"""Rows of a table as numbers: what is fitted on the training rows, and applied to any."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import torch

from layerscope.data.rows.column_roles import (
    CATEGORY,
    MOST_CLASSES,
    NUMBER,
    TEXT,
    as_number,
    column_kind,
)
from layerscope.data.rows.local_notation import CommaMeans, comma_means, is_missing, unread
from layerscope.data.rows.row_file import Table
from layerscope.errors import DataError, nearest

MOST_VALUES = 50  # of a category
NO_VALUE = "missing"
# "id", "row_id", "PassengerId", "customer no", "index".
IDENTIFIER = re.compile(
    r"(^|[_\W])(id|no|nr|index|unnamed: 0)$|[a-z](Id|ID)$|^(ID|Id|No|Nr|Index)$|^Unnamed: 0$"
)


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers: less the mean, over the standard deviation.

    Args:
        name: of the column.
        mean, std: of the training rows.
        middle: their median, which stands for a missing value.
        marks_missing: whether a second feature says which values were missing.
    """

    name: str
    mean: float
    std: float
    middle: float
    marks_missing: bool


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories: a feature for each value that came up in training.

    Args:
        name: of the column.
        values: they; "missing" stands for none.
    """

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """The column that is told.

    Args:
        name: of the column.
        class_names: K classes; none for a number.
        mean, std: of a number, over the training rows.
    """

    name: str
    class_names: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0


@dataclass(frozen=True)
class TableEncoding:
    """How rows of a table become numbers.

    Args:
        numbers, categories: the columns.
        target: what is told.
        left_out: columns that are not used: constant, a row's own number, or a different text in
            nearly every row.
        units: column -> the unit of its numbers, where values were written with one.
    """

    numbers: tuple[NumberColumn, ...]
    categories: tuple[CategoryColumn, ...]
    target: Target
    left_out: tuple[str, ...] = ()
    units: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def feature_names(self) -> tuple[str, ...]:
        """F names, in the order of the features."""
        names = []
        for column in self.numbers:
            names += [column.name, f"{column.name} is missing"][: 1 + column.marks_missing]
        for column in self.categories:
            names += [f"{column.name}={value}" for value in column.values]
        return tuple(names)

    def features(self, columns: Mapping[str, Sequence[str]], *, strict: bool) -> torch.Tensor:
        """Rows as numbers.

        Args:
            columns: name -> values of N rows; a column that is not there is missing in all.
            strict: whether a category that never came up in training is refused. Else all of its
                features are 0.

        Returns:
            float32 (N, F).

        Raises:
            DataError: a text where a number belongs, or an unknown category.
        """
        n = len(next(iter(columns.values()), ()))
        found: list[list[float]] = []
        for column in self.numbers:
            found += self._number(column, columns.get(column.name, [""] * n))
        for column in self.categories:
            found += self._category(column, columns.get(column.name, [""] * n), strict=strict)
        return torch.tensor(found, dtype=torch.float32).T.reshape(n, len(found)).contiguous()

    @staticmethod
    def _number(column: NumberColumn, values: Sequence[str]) -> list[list[float]]:
        gone = [is_missing(value) for value in values]
        scaled = []
        for value, missing in zip(values, gone, strict=True):
            number = column.middle if missing else as_number(value)
            if number is None:
                raise DataError(f"{column.name} is {value[:40]!r}; it must be a number")
            scaled.append((number - column.mean) / column.std)
        return [scaled, [float(g) for g in gone]] if column.marks_missing else [scaled]

    @staticmethod
    def _category(
        column: CategoryColumn, values: Sequence[str], *, strict: bool
    ) -> list[list[float]]:
        named = [NO_VALUE if is_missing(value) else value for value in values]
        for value in named if strict else ():
            if value not in column.values:
                raise DataError(
                    f"{column.name} is {value[:40]!r}, which never came up in training"
                    f"{nearest(value, column.values)}"
                )
        return [[float(value == known) for value in named] for known in column.values]

    def in_units(self, values: torch.Tensor) -> torch.Tensor:
        """A number's predictions in the target's own unit."""
        return values * self.target.std + self.target.mean


def fit_encoding(table: Table, target: Target, *, skip: Sequence[str] = ()) -> TableEncoding:
    """Learn from training rows how their columns become numbers.

    Args:
        table: the training rows.
        target: what is told.
        skip: columns that are no features.

    Raises:
        DataError: no column is left, or a text stands in a column of numbers.
    """
    numbers, categories, left_out = [], [], []
    for name, values in table.columns.items():
        if name == target.name or name in skip:
            continue
        there = [value for value in values if not is_missing(value)]
        kind = column_kind(table, name)
        if len(set(values)) < 2 or is_identifier(name, there):
            left_out.append(name)
        elif kind == NUMBER:
            numbers.append(fit_number(name, [float(v) for v in there], len(there) < len(values)))
        elif (
            kind == TEXT or (kind != CATEGORY) or len(set(there)) > min(MOST_VALUES, len(there) / 2)
        ):
            left_out.append(name)
        else:
            counts = Counter(NO_VALUE if is_missing(value) else value for value in values)
            categories.append(CategoryColumn(name, tuple(sorted(counts))))
    if not numbers and not categories:
        raise DataError(f"{table.name} has no columns to tell {target.name} from; add some")
    return TableEncoding(
        tuple(numbers), tuple(categories), target, tuple(left_out), dict(table.units)
    )


def is_identifier(name: str, values: Sequence[str]) -> bool:
    """Whether a column is called an identifier, and every row has a whole number of its own."""
    return (
        IDENTIFIER.search(name) is not None
        and all(value.isdecimal() for value in values)
        and len(set(values)) == len(values)
    )


def fit_number(name: str, values: list[float], some_missing: bool) -> NumberColumn:
    """Mean, deviation and median of a column."""
    found = torch.tensor(values, dtype=torch.float64)
    std = float(found.std(correction=0)) or 1.0
    return NumberColumn(name, float(found.mean()), std, median(values), some_missing)


def target_of(table: Table, name: str, training: Sequence[int]) -> Target:
    """Say what a target is: classes, or a number with its mean and deviation in training rows.

    Raises:
        DataError: it is the same in all rows, or neither classes nor numbers, or numbers of which
            nobody can say what their commas mean.
    """
    values = table.column(name)
    if comma_means(values) is CommaMeans.UNTOLD:
        raise DataError(f"{table.name}: {unread(name, values)}")
    distinct = sorted(set(values))
    kind = column_kind(table, name)
    if len(distinct) == 1:
        what = "there is nothing to learn" if kind == NUMBER else "a classifier needs at least 2"
        raise DataError(
            f"{name} is {distinct[0][:40]!r} in every row of {table.name}: one class or "
            f"a constant, and {what}"
        )
    if kind == NUMBER and len(distinct) > 2:
        numbers = torch.tensor([float(values[i]) for i in training], dtype=torch.float64)
        return Target(name, (), float(numbers.mean()), float(numbers.std(correction=0)) or 1.0)
    if len(distinct) > MOST_CLASSES:
        raise DataError(
            f"{name} has {len(distinct):,} different values, which are no numbers and too many for "
            f"classes (at most {MOST_CLASSES}); write numbers alone (12.5), or name another column "
            "with --target"
        )
    return Target(name, tuple(distinct))


def targets_of(table: Table, target: Target) -> torch.Tensor:
    """What is to be told of rows: int64 (N,) classes, or float32 (N, 1), scaled."""
    values = table.column(target.name)
    if target.class_names:
        ids = {name: k for k, name in enumerate(target.class_names)}
        return torch.tensor([ids[value] for value in values], dtype=torch.int64)
    numbers = torch.tensor([float(value) for value in values], dtype=torch.float64)
    return ((numbers - target.mean) / target.std).float()[:, None]
