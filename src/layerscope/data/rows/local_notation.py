"""Values as people write them: missing ones, decimal commas, dates of another order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial

# What people write where a value is missing.
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none", "-"})
# As most of Europe writes: 1.234,50 and 1234,5.
COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?")
POINTS = re.compile(r"[+-]?\d{1,3}(\.\d{3})*")
# 31.05.2024, 05/31/2024 and 2024/05/31, also with a time.
TIME = r"(?:[ T](?P<time>\d{1,2}:\d{2}(?::\d{2})?))?"
YEAR_LAST = re.compile(
    rf"(?P<one>\d{{1,2}})(?P<sep>[./-])(?P<two>\d{{1,2}})(?P=sep)(?P<year>\d{{4}}){TIME}"
)
YEAR_FIRST = re.compile(rf"(?P<year>\d{{4}})[./](?P<month>\d{{1,2}})[./](?P<day>\d{{1,2}}){TIME}")
# A few wrong values are left as they are, and are complained of by line where the column is used.
MOSTLY_FRAC = 0.9


def is_missing(value: str) -> bool:
    """Whether a value stands for nothing: "", "?", "NA", …"""
    return value.lower() in MISSING


def in_plain_notation(
    columns: Mapping[str, tuple[str, ...]], *, decimal_comma: bool
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Write numbers with a point, and dates as 2024-05-31.

    A column is changed where nine in ten of its values are of one such kind. Of 05/06/2024 nobody
    can say which is the day: a column of them is left as it is unless a value tells.

    Args:
        columns: name -> values.
        decimal_comma: whether numbers may have one. Where commas part the columns they may not:
            there 1,234 may as well be a thousand.

    Returns:
        The columns, and a sentence on every kind of change.

    Example:
        >>> shop = {"day": ("31.05.2024",), "price": ("1.234,50",)}
        >>> in_plain_notation(shop, decimal_comma=True)[0]
        {'day': ('2024-05-31',), 'price': ('1234.50',)}
    """
    plain, notes = dict(columns), list[str]()
    commas = [name for name in plain if decimal_comma and has_decimal_comma(plain[name])]
    points = [name for name in plain if commas and name not in commas and has_points(plain[name])]
    for name in (*commas, *points):
        plain[name] = each(plain[name], with_point)
    if commas:
        notes.append(f"decimal commas are read in {', '.join(commas)}")
    if points:
        notes.append(f"points in {', '.join(points)} part thousands")
    for name, values in plain.items():
        form, day_first = date_form(values)
        if form and day_first is None:
            notes.append(
                f"{name} is not read as dates: of {first_there(values)} either number may be the "
                "day; write 2024-05-31"
            )
        elif form:
            plain[name] = each(values, partial(as_iso, form=form, day_first=bool(day_first)))
            if form is YEAR_LAST:
                order = "day, month, year" if day_first else "month, day, year"
                notes.append(f"dates of {name} are read as {order}")
    return plain, tuple(notes)


def each(values: Sequence[str], change: Callable[[str], str]) -> tuple[str, ...]:
    """A column, changed but for missing values."""
    return tuple(value if is_missing(value) else change(value) for value in values)


def mostly(values: Sequence[str], pattern: re.Pattern[str]) -> bool:
    """Whether a pattern fits nearly all of the values that are there."""
    there = [value for value in values if not is_missing(value)]
    fits = sum(pattern.fullmatch(value) is not None for value in there)
    return bool(there) and fits >= MOSTLY_FRAC * len(there)


def has_decimal_comma(values: Sequence[str]) -> bool:
    """Whether a column holds numbers, some with a decimal comma."""
    return mostly(values, COMMA) and any(
        "," in value and COMMA.fullmatch(value) for value in values
    )


def has_points(values: Sequence[str]) -> bool:
    """Whether every number with a point has three digits behind it, as thousands have."""
    there = [value for value in values if not is_missing(value)]
    dotted = [value for value in there if "." in value]
    return bool(dotted) and mostly(there, COMMA) and all(POINTS.fullmatch(v) for v in dotted)


def with_point(value: str) -> str:
    """A number with a decimal point and without points at its thousands."""
    return value.replace(".", "").replace(",", ".") if COMMA.fullmatch(value) else value


def date_form(values: Sequence[str]) -> tuple[re.Pattern[str] | None, bool | None]:
    """How a column writes dates, and whether the day comes first.

    Returns:
        The pattern, None where these are no such dates; and for dates that end in the year whether
        they begin with the day, None where no value tells.
    """
    if mostly(values, YEAR_FIRST):
        return YEAR_FIRST, False
    if not mostly(values, YEAR_LAST):
        return None, None
    found = [match for value in values if (match := YEAR_LAST.fullmatch(value))]
    if all(match["sep"] == "." for match in found):
        return YEAR_LAST, True
    first, second = (max(int(match[part]) for match in found) for part in ("one", "two"))
    return YEAR_LAST, True if first > 12 else False if second > 12 else None


def as_iso(value: str, *, form: re.Pattern[str], day_first: bool) -> str:
    """A date as ISO 8601 writes it; what is none stays as it is."""
    match = form.fullmatch(value)
    if not match:
        return value
    if form is YEAR_FIRST:
        month, day = match["month"], match["day"]
    else:
        day, month = (match["one"], match["two"]) if day_first else (match["two"], match["one"])
    try:
        written = date(int(match["year"]), int(month), int(day)).isoformat()
    except ValueError:  # the 31st of February
        return value
    return f"{written}T{match['time'].rjust(5, '0')}" if match["time"] else written


def first_there(values: Sequence[str]) -> str:
    """The first value that is not missing."""
    return next(value for value in values if not is_missing(value))
