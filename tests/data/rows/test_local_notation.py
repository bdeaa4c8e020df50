"""Numbers and dates as people write them elsewhere."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from layerscope.data.rows.load_rows import RowSplits, load_rows
from layerscope.data.rows.local_notation import in_plain_notation
from layerscope.errors import DataError


def plain(values: tuple[str, ...], *, decimal_comma: bool = True) -> tuple[str, ...]:
    return in_plain_notation({"x": values}, decimal_comma=decimal_comma)[0]["x"]


@given(
    st.lists(
        st.decimals(-99_999_999, 99_999_999, places=2, allow_nan=False), min_size=1, max_size=9
    )
)
def test_a_german_number_is_read_as_it_was_meant(numbers: list) -> None:
    german = tuple(f"{n:,.2f}".translate(str.maketrans(",.", ".,")) for n in numbers)
    assert [float(value) for value in plain(german)] == [float(n) for n in numbers]


@pytest.mark.parametrize(
    ("values", "read"),
    [
        (("1,5", "?", "2"), ("1.5", "?", "2")),
        (("1.5", "2.25"), ("1.5", "2.25")),  # points alone are decimal ones
        (("1,234", "5,678"), ("1.234", "5.678")),
        (("a,b", "c,d"), ("a,b", "c,d")),
        (("1,2,3", "4,5,6"), ("1,2,3", "4,5,6")),
        (("1,5",) * 9 + ("much",), ("1.5",) * 9 + ("much",)),
        (("1,5", "much"), ("1,5", "much")),
    ],
)
def test_a_comma_is_a_decimal_one_where_nearly_all_are_numbers(
    values: tuple[str, ...], read: tuple[str, ...]
) -> None:
    assert plain(values) == read
    assert plain(values, decimal_comma=False) == values


def test_points_part_thousands_only_beside_decimal_commas() -> None:
    shop = {"price": ("1,50", "2,00"), "people": ("1.234", "12"), "share": ("0.5", "1.25")}
    read, notes = in_plain_notation(shop, decimal_comma=True)
    assert read == {"price": ("1.50", "2.00"), "people": ("1234", "12"), "share": ("0.5", "1.25")}
    assert notes == ("decimal commas are read in price", "points in people part thousands")
    alone = {"people": shop["people"]}
    assert in_plain_notation(alone, decimal_comma=True) == (alone, ())


@pytest.mark.parametrize(
    ("values", "read"),
    [
        (("31.05.2024", "1.6.2024"), ("2024-05-31", "2024-06-01")),
        (("05/31/2024", "06/01/2024"), ("2024-05-31", "2024-06-01")),
        (("31/05/2024", "01/06/2024"), ("2024-05-31", "2024-06-01")),
        (("2024/05/31 7:05", ""), ("2024-05-31T07:05", "")),
        (("31.05.2024 17:05:09",), ("2024-05-31T17:05:09",)),
        (("05/06/2024", "07/08/2024"), ("05/06/2024", "07/08/2024")),  # nobody can say
        (("31.02.2024",) + ("01.02.2024",) * 9, ("31.02.2024",) + ("2024-02-01",) * 9),
        (("1.2.3", "1.2.4"), ("1.2.3", "1.2.4")),
    ],
)
def test_dates(values: tuple[str, ...], read: tuple[str, ...]) -> None:
    assert plain(values) == read


def written(folder: Path, lines: list[str], **options) -> RowSplits:
    path = folder / "rows.csv"
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    return load_rows(path, **options)


def test_a_german_file_gives_the_rows_of_an_english_one(tmp_path: Path) -> None:
    first = date(2020, 1, 1)
    days = [first + timedelta(days=n) for n in range(120)]
    english = ["day,value", *(f"{d.isoformat()},{n % 7 + 0.5}" for n, d in enumerate(days))]
    german = ["Tag;Wert", *(f"{d:%d.%m.%Y};{n % 7},5" for n, d in enumerate(days))]
    found, other = (written(tmp_path, lines, window=5) for lines in (german, english))
    assert found.kind == "series"
    assert torch.equal(found.train.windows, other.train.windows)
    assert found.test.dates == other.test.dates
    assert found.notes[:2] == (
        "decimal commas are read in Wert", "dates of Tag are read as day, month, year"
    )  # fmt: skip
    slashed = ["day,value", *(f"0{n % 9 + 1}/0{n % 8 + 1}/2020,{n}" for n in range(72))]
    with pytest.raises(DataError, match=r"day is '01/01/2020', which is no date; write 2024-05-31"):
        written(tmp_path, slashed, date="day")
