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


def plain(values: tuple[str, ...], *, delimiter: str | None = ";") -> tuple[str, ...]:
    return in_plain_notation({"x": values}, delimiter=delimiter)[0]["x"]


@given(
    numbers=st.lists(
        st.decimals(-99_999_999, 99_999_999, places=2, allow_nan=False), min_size=1, max_size=9
    ),
    delimiter=st.sampled_from((",", ";", "\t", "|", None)),
)
def test_a_number_is_read_as_it_was_meant(numbers: list, delimiter: str | None) -> None:
    english = tuple(f"{n:,.2f}" for n in numbers)
    german = tuple(value.translate(str.maketrans(",.", ".,")) for value in english)
    for values in (english, german):
        assert [float(v) for v in plain(values, delimiter=delimiter)] == [float(n) for n in numbers]


@pytest.mark.parametrize(
    ("values", "read"),
    [
        (("1,5", "?", "2"), ("1.5", "?", "2")),
        (("1.5", "2.25"), ("1.5", "2.25")),  # points alone are decimal ones
        (("1234,567", "5,678"), ("1234.567", "5.678")),
        (("0,125", "5,678"), ("0.125", "5.678")),  # no thousand begins with 0
        (("1.234,567", "-5,678"), ("1234.567", "-5.678")),
        (("1,234.5", "5,678", "9"), ("1234.5", "5678", "9")),
        (("1,234,567", "?", "-5,678"), ("1234567", "?", "-5678")),
        (("12.5", "5,678"), ("12.5", "5678")),
        (("a,b", "c,d"), ("a,b", "c,d")),
        (("1,2,3", "4,5,6"), ("1,2,3", "4,5,6")),
        (("1,5",) * 9 + ("much",), ("1.5",) * 9 + ("much",)),
        (("1,5", "much"), ("1,5", "much")),
        (("1,5", "1.5"), ("1,5", "1.5")),  # of two notations
    ],
)
def test_a_value_tells_what_its_column_means_by_a_comma(
    values: tuple[str, ...], read: tuple[str, ...]
) -> None:
    for delimiter in (";", "\t", "|", ",", None):
        assert plain(values, delimiter=delimiter) == read


def test_where_no_value_tells_semicolons_do_and_nothing_else() -> None:
    values = ("1,234", "5,678", "999")
    assert plain(values, delimiter=";") == ("1.234", "5.678", "999")
    for delimiter in ("\t", "|", ",", None):
        read, notes = in_plain_notation({"price": values}, delimiter=delimiter)
        assert read == {"price": values}
        assert notes == (
            "price is not read as numbers: the comma of 1,234 may be a decimal one or part "
            "thousands; write 1.234 or 1234",
        )


def test_a_file_with_tabs_is_read_by_what_its_values_tell(tmp_path: Path) -> None:
    def targets(prices: list[str], *, delimiter: str) -> torch.Tensor:
        lines = [f"size{delimiter}price", *(f"{n}{delimiter}{p}" for n, p in enumerate(prices))]
        encoded = written(tmp_path, lines)
        return encoded.encoding.in_units(encoded.test.targets)

    plain_prices = [f"{1_000 + 37 * n}" for n in range(40)]
    english = [f"{int(price):,}" for price in plain_prices]
    meant = targets(plain_prices, delimiter="\t")
    told = targets([*english[:-1], f"{english[-1]}.00"], delimiter="\t")
    assert torch.equal(told, meant)
    german = targets(english, delimiter=";")
    assert torch.allclose(german, meant / 1000)
    with pytest.raises(DataError, match="price is not read as numbers: the comma of 1,000 may"):
        targets(english, delimiter="|")


def test_points_part_thousands_only_beside_decimal_commas() -> None:
    shop = {"price": ("1,50", "2,00"), "people": ("1.234", "12"), "share": ("0.5", "1.25")}
    read, notes = in_plain_notation(shop, delimiter=";")
    assert read == {"price": ("1.50", "2.00"), "people": ("1234", "12"), "share": ("0.5", "1.25")}
    assert notes == ("decimal commas are read in price", "points in people part thousands")
    alone = {"people": shop["people"]}
    assert in_plain_notation(alone, delimiter=";") == (alone, ())


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
