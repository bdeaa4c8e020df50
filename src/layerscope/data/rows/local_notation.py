"""Values as people write them: missing ones, commas in numbers, dates of another order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import Enum
from functools import partial

# What people write where a value is missing.
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none", "-"})
# As most of Europe writes: 1.234,50 and 1234,5.
COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?")
# As English does: 1,234.50 and 1234.5. A thousand does not begin with 0.
POINT = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(,\d{3})+)(\.\d+)?")
POINTS = re.compile(r"[+-]?\d{1,3}(\.\d{3})*")
# 31.05.2024, 05/31/2024 and 2024/05/31, also with a time.
TIME = r"(?:[ T](?P<time>\d{1,2}:\d{2}(?::\d{2})?))?"
YEAR_LAST = re.compile(
    rf"(?P<one>\d{{1,2}})(?P<sep>[./-])(?P<two>\d{{1,2}})(?P=sep)(?P<year>\d{{4}}){TIME}"
)
YEAR_FIRST = re.compile(rf"(?P<year>\d{{4}})[./](?P<month>\d{{1,2}})[./](?P<day>\d{{1,2}}){TIME}")
# A few wrong values are left as they are, and are complained of by line where the column is used.
MOSTLY_FRAC = 0.9

# "12 km", "12km" and "$12": a number with one unit. Without a blank between, only known ones: a
# code such as 12A is none.
UNIT_BEHIND = re.compile(
    r"(?P<number>[+-]?\d[\d.,]*)(?P<blank>\s*)(?P<unit>[^\W\d_][^\s\d]{0,9}|%|[$€£¥°]C?F?)"
)
UNIT_BEFORE = re.compile(r"(?P<unit>[$€£¥])(?P<blank>\s*)(?P<number>[+-]?\d[\d.,]*)")
KNOWN_UNITS = frozenset((
    "km", "m", "cm", "mm", "mi", "ft", "in", "km²", "m²", "ha", "kg", "g", "mg", "lb", "lbs", "l",
    "ml", "s", "sec", "min", "h", "hr", "hrs", "ms", "kW", "kWh", "Hz", "kHz", "MHz", "GHz", "°C",
    "°F", "%", "€", "$", "£", "¥", "EUR", "USD", "GBP", "CHF", "mph", "km/h", "kmh", "kB", "MB",
    "GB", "TB", "Pa", "hPa", "bar", "rpm", "cc", "hp", "PS", "bhp", "kcal", "px",
))  # fmt: skip
FEWEST_NUMBERS = 3  # with a unit; of two, "2wd" and "4wd", a number says nothing


class CommaMeans(Enum):
    """What a comma in a number is for."""

    DECIMAL = "decimal"
    THOUSANDS = "thousands"
    UNTOLD = "untold"


def is_missing(value: str) -> bool:
    """Whether a value stands for nothing: "", "?", "NA", …"""
    return value.lower() in MISSING


def in_plain_notation(
    columns: Mapping[str, tuple[str, ...]], *, delimiter: str | None = None
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Write numbers with a point alone, and dates as 2024-05-31.

    A column is changed where nine in ten of its values are of one such kind. Of 1,234 nobody can
    say whether it is a thousand, nor of 05/06/2024 which is the day: a column of them is left as
    it is unless a value tells, or the semicolons that part the columns do.

    Args:
        columns: name -> values.
        delimiter: what parts the columns. Semicolons do where the comma is taken, by decimals.

    Returns:
        The columns, and a sentence on every kind of change.

    Example:
        >>> shop = {"day": ("31.05.2024",), "price": ("1.234,50",)}
        >>> in_plain_notation(shop, delimiter=";")[0]
        {'day': ('2024-05-31',), 'price': ('1234.50',)}
    """
    plain, notes = dict(columns), list[str]()
    means = {name: comma_means(values, delimiter) for name, values in plain.items()}
    by_means = {use: [name for name in plain if means[name] == use] for use in CommaMeans}
    commas = by_means[CommaMeans.DECIMAL]
    thousands = by_means[CommaMeans.THOUSANDS]
    points = [name for name in plain if commas and not means[name] and has_points(plain[name])]
    for name in (*commas, *points):
        plain[name] = each(plain[name], with_point)
    for name in thousands:
        plain[name] = each(plain[name], without_commas)
    if commas:
        notes.append(f"decimal commas are read in {', '.join(commas)}")
    if points:
        notes.append(f"points in {', '.join(points)} part thousands")
    if thousands:
        notes.append(f"commas in {', '.join(thousands)} part thousands")
    notes += [unread(name, plain[name]) for name in by_means[CommaMeans.UNTOLD]]
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


def without_units(
    columns: Mapping[str, tuple[str, ...]],
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Cut the unit off columns in which nearly all values are numbers of one unit.

    Args:
        columns: name -> values.

    Returns:
        The columns, and the unit of each that had one.

    Example:
        >>> without_units({"way": ("12 km", "", "3 km", "7,5 km")})
        ({'way': ('12', '', '3', '7,5')}, {'way': 'km'})
    """
    plain, units = dict(columns), dict[str, str]()
    for name, values in columns.items():
        unit = common_unit(values)
        if unit:
            units[name] = unit
            plain[name] = each(values, partial(without_unit, unit=unit))
    return plain, units


def common_unit(values: Sequence[str]) -> str:
    """The unit of a column of numbers; "" where it has none."""
    there = [value for value in values if not is_missing(value)]
    parted = [number_and_unit(value) for value in there[:20]]
    if not any(parted):  # most columns are seen to have none by their first values
        return ""
    found = [number_and_unit(value) for value in there]
    counts = Counter(pair[1] for pair in found if pair)
    unit, n = counts.most_common(1)[0] if counts else ("", 0)
    numbers = {pair[0] for pair in found if pair and pair[1] == unit}
    return unit if n >= MOSTLY_FRAC * len(there) and len(numbers) >= FEWEST_NUMBERS else ""


def number_and_unit(value: str) -> tuple[str, str] | None:
    """A number and its unit, both as they are written; None where it is no such thing."""
    match = UNIT_BEHIND.fullmatch(value) or UNIT_BEFORE.fullmatch(value)
    if not match or not (match["blank"] or match["unit"] in KNOWN_UNITS):
        return None
    return match["number"], match["unit"]


def without_unit(value: str, *, unit: str) -> str:
    """A number without its unit; what has another unit stays as it is."""
    parted = number_and_unit(value)
    return parted[0] if parted and parted[1] == unit else value


def each(values: Sequence[str], change: Callable[[str], str]) -> tuple[str, ...]:
    """A column, changed but for missing values."""
    return tuple(value if is_missing(value) else change(value) for value in values)


def mostly(values: Sequence[str], pattern: re.Pattern[str]) -> bool:
    """Whether a pattern fits nearly all of the values that are there."""
    there = [value for value in values if not is_missing(value)]
    fits = sum(pattern.fullmatch(value) is not None for value in there)
    return bool(there) and fits >= MOSTLY_FRAC * len(there)


def comma_means(values: Sequence[str], delimiter: str | None = None) -> CommaMeans | None:
    """What the commas in a column of numbers are for; None where there are none."""
    there = [value for value in values if not is_missing(value)]
    with_comma = [value for value in there if "," in value]
    decimal, english = (
        mostly(values, notation) and any(notation.fullmatch(value) for value in with_comma)
        for notation in (COMMA, POINT)
    )
    # What is a number in one notation alone tells: 1,5 and 1234,567; 1,234,567 and 1,234.5.
    kinds = [(bool(COMMA.fullmatch(v)), bool(POINT.fullmatch(v))) for v in there]
    tell_decimal, tell_english = kinds.count((True, False)), kinds.count((False, True))
    if decimal and tell_decimal > tell_english:
        return CommaMeans.DECIMAL
    if english and tell_english > tell_decimal:
        return CommaMeans.THOUSANDS
    if not decimal:
        return None
    return CommaMeans.DECIMAL if delimiter == ";" else CommaMeans.UNTOLD


def unread(name: str, values: Sequence[str]) -> str:
    """A sentence on a column of numbers whose commas nobody can read."""
    value = next(value for value in values if "," in value)
    return (
        f"{name} is not read as numbers: the comma of {value} may be a decimal one or part "
        f"thousands; write {value.replace(',', '.')} or {value.replace(',', '')}"
    )


def has_points(values: Sequence[str]) -> bool:
    """Whether every number with a point has three digits behind it, as thousands have."""
    there = [value for value in values if not is_missing(value)]
    dotted = [value for value in there if "." in value]
    return bool(dotted) and mostly(there, COMMA) and all(POINTS.fullmatch(v) for v in dotted)


def with_point(value: str) -> str:
    """A number with a decimal point and without points at its thousands."""
    return value.replace(".", "").replace(",", ".") if COMMA.fullmatch(value) else value


def without_commas(value: str) -> str:
    """A number without commas at its thousands."""
    return value.replace(",", "") if POINT.fullmatch(value) else value


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
