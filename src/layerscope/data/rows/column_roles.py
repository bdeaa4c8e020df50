"""What each column of a table is for: guessed, said, and named by whoever knows better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from layerscope.data.rows.local_notation import is_missing
from layerscope.data.rows.row_file import Table
from layerscope.errors import DataError

NUMBER, CATEGORY, TEXT, DATE = "number", "category", "text", "date"
# Column names that say what is to be told.
TARGETS = ("target", "label", "class", "sentiment", "category", "y", "outcome", "diagnosis",
           "survived", "churn", "churned", "fraud", "default", "species")  # fmt: skip
MOSTLY_FRAC = 0.9
# In a series nearly every row has a date of its own; where more repeat, dates describe rows.
OWN_DATE_FRAC = 0.9
MOST_CLASSES = 100
LARGEST = 1e18


@dataclass(frozen=True)
class Roles:
    """What a file's columns are for.

    Args:
        kind: "text", "table" or "series".
        target: the column that is to be told.
        text: the column of sentences; None but for text.
        date: the column of dates; None but for a series.
        group: whose equal values stay on one side of a split; None keeps nothing together.
        guessed: one sentence on what was guessed; "" where all was named.
    """

    kind: str
    target: str
    text: str | None = None
    date: str | None = None
    group: str | None = None
    guessed: str = ""


def as_number(value: str) -> float | None:
    """A number that float32 can hold with its square, or None where the text is none."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and abs(number) <= LARGEST else None


def as_date(value: str) -> datetime | None:
    """A date as ISO 8601 writes it (2024-05-31, also with a time); one with a zone in UTC.

    Example:
        >>> as_date("2024-10-27T02:30:00+01:00")
        datetime.datetime(2024, 10, 27, 1, 30)
    """
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError):
        return None


def column_kind(table: Table, name: str) -> str:
    """Whether a column holds numbers, categories, texts or dates.

    Raises:
        DataError: nearly all of it are numbers, or dates, and some values are not.
    """
    values = [value for value in table.column(name) if not is_missing(value)]
    if not values:
        return CATEGORY
    for kind, read, what in ((NUMBER, as_number, "numbers"), (DATE, as_date, "dates")):
        there = sum(read(value) is not None for value in values)
        if there == len(values):
            return kind
        if there >= MOSTLY_FRAC * len(values):
            pairs = zip(table.lines, table.column(name), strict=True)
            line, wrong = next((n, v) for n, v in pairs if not is_missing(v) and read(v) is None)
            raise DataError(
                f"{table.name}, line {line}: {name} is {wrong[:40]!r}, but nearly all of that "
                f"column are {what}; correct it, or leave it empty"
            )
    words = sum(len(value.split()) for value in values) / len(values)
    return TEXT if words >= 3 and len(set(values)) > len(values) / 2 else CATEGORY


def guess_roles(
    table: Table,
    *,
    text: str | None = None,
    target: str | None = None,
    date: str | None = None,
    group: str | None = None,
) -> Roles:
    """Say what each column is for, as far as it is not named.

    Args:
        table: the file.
        text, target, date, group: columns that were named.

    Raises:
        DataError: a named column is not there or not of that kind, or nothing can be told.
    """
    for name in (text, target, date, group):
        if name is not None:
            table.column(name)
    left = [name for name in table.columns if name not in (text, target, date, group)]
    kinds = {name: column_kind(table, name) for name in left}
    said = []
    if date is None and text is None and not speaks_of_rows(table, kinds):
        date = next((name for name, kind in kinds.items() if kind == DATE), None)
        numbers = [name for name, kind in kinds.items() if kind == NUMBER]
        if (
            date
            and (target is None or column_kind(table, target) == NUMBER)
            and (numbers or target)
        ):
            said.append(f"{date} as the date")
            kinds.pop(date)
        else:
            date = None
    if date is not None:
        check_dates(table, date)
        if target is None:
            numbers = [name for name, kind in kinds.items() if kind == NUMBER]
            target = by_name(numbers) or (numbers[-1] if numbers else None)
            said.append(f"{target} as the value")
        if target is None or column_kind(table, target) != NUMBER:
            raise DataError(
                f"{table.name} has dates ({date}) but no column of numbers to foretell; name one "
                "with --target"
            )
        return Roles("series", target, date=date, group=None, guessed=sentence(said))
    if text is None:
        text = next((name for name, kind in kinds.items() if kind == TEXT), None)
        if text is not None:
            kinds.pop(text)
            said.append(f"{text} as the text")
    if target is None:
        fit = [
            name for name, kind in kinds.items()
            if kind != TEXT and not (text and n_values(table, name) > MOST_CLASSES)
        ]  # fmt: skip
        target = by_name(fit) or (fit[-1] if fit else None)
        if target is None:
            raise DataError(
                f"{table.name} has no column that could be told "
                f"(it has {', '.join(table.columns)}); name one with --target"
            )
        said.append(f"{target} as what is to be told")
    kind = "text" if text is not None else "table"
    return Roles(kind, target, text=text, group=group, guessed=sentence(said))


def speaks_of_rows(table: Table, kinds: dict[str, str]) -> bool:
    """Whether dates only describe rows: beside texts or named classes, or where many repeat."""
    named = by_name(list(kinds))
    if named is not None and kinds[named] not in (NUMBER, DATE):
        return True
    for name, kind in kinds.items():
        there = sum(not is_missing(value) for value in table.column(name))
        if kind == TEXT and there > len(table) / 2:
            return True
        if kind == DATE:
            return n_values(table, name) < OWN_DATE_FRAC * there
    return False


def by_name(names: list[str]) -> str | None:
    """The column whose name says that it is to be told."""
    return next((name for known in TARGETS for name in names if name.lower() == known), None)


def n_values(table: Table, name: str) -> int:
    """How many different values a column has."""
    return len(set(table.column(name)))


def check_dates(table: Table, name: str) -> None:
    """Refuse a column of dates that holds anything else."""
    for line, value in zip(table.lines, table.column(name), strict=True):
        if as_date(value) is None:
            raise DataError(
                f"{table.name}, line {line}: {name} is {value[:40]!r}, which is no date; write "
                "2024-05-31"
            )


def sentence(said: list[str]) -> str:
    """What was guessed, and how to say otherwise."""
    if not said:
        return ""
    return f"taken: {', '.join(said)}; --text, --target and --date name others"
