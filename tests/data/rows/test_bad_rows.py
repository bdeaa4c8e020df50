"""Files that cannot be used: one sentence each, beside a valid neighbour."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerscope.data.rows.load_rows import RowSplits, load_rows
from layerscope.errors import DataError

N = 60
TABLE = ["size,colour,price"] + [
    f"{i % 7},{'red' if i % 3 else 'blue'},{i % 7 * 2 + i % 3}" for i in range(N)
]
DAYS = ["day,value"] + [f"2020-{m:02d}-{d:02d},{m + d}" for m in (1, 2, 3, 4) for d in range(1, 29)]
REVIEWS = ["text,mood"] + [
    f"a {'good' if i % 2 else 'bad'} film number {i},{'up' if i % 2 else 'down'}" for i in range(N)
]


def load(folder: Path, lines: list[str], **options) -> RowSplits:
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_rows(path, **options)


def changed(lines: list[str], at: int, line: str) -> list[str]:
    return [*lines[:at], line, *lines[at + 1 :]]


def test_the_valid_neighbours(tmp_path: Path) -> None:
    assert load(tmp_path, TABLE).kind == "table"
    assert load(tmp_path, DAYS, window=5).kind == "series"
    assert load(tmp_path, REVIEWS).kind == "text"


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (TABLE, {"target": "prise"}, "no column 'prise'; did you mean 'price'"),
        (TABLE, {"text": "words"}, "no column 'words'"),
        (changed(TABLE, 5, "big,red,3"), {}, r"line 6: size is 'big', but nearly all .* numbers"),
        (changed(DAYS, 5, "2020-13-45,3"), {}, r"line 6: day is '2020-13-45', but nearly all"),
        (changed(DAYS, 5, "soon,3"), {"date": "day"}, r"line 6: day is 'soon', which is no date"),
        (changed(DAYS, 5, DAYS[9]), {}, r"2020-01-09 stands in lines 6 and 10"),
        ([line.replace("down", "up") for line in REVIEWS], {}, "mood is 'up' in every row"),
        ([*REVIEWS[:1], *(f",{m}" for m in ("up", "down") * 20)], {"text": "text"}, "is empty"),
        ([*REVIEWS[:1], *('"",up' for _ in range(40))], {"text": "text"}, "every mood or text"),
        (["size,price", *(f"{i},5" for i in range(N))], {"target": "price"}, "is '5' in every row"),
        (
            ["day,value", *(f"{d.split(',')[0]},5" for d in DAYS[1:])],
            {"window": 5},
            "is 5 at every",
        ),
        (
            ["size,id", *(f"{i},id{i}" for i in range(N))],
            {},
            r"id of rows has 60 different values in 60 rows: as classes they leave none",
        ),
        (
            ["size,price", *(f"{i % 7},about {i // 2}.50" for i in range(N))],
            {},
            r"as classes they leave none to choose by or to test on; write numbers without signs",
        ),
        (changed(TABLE, 5, "1e300,red,3"), {}, "line 6: size is '1e300', but nearly all"),
        (TABLE[:10], {}, "has 9 rows that can be used; 20 are the least"),
        (changed(TABLE, 5, "1,red"), {}, "line 6 has 2 values, but there are 3 columns"),
        (["size,size,price", *TABLE[1:]], {}, "two columns are called 'size'"),
        (["size,,price", *TABLE[1:]], {}, "column 2 has no name"),
        (changed(TABLE, 5, '"1,red,3'), {}, "line 61: unexpected end of data"),
        (TABLE[:1], {}, "holds no rows"),
        ([""], {}, "is empty; its first line must name the columns"),
        (TABLE, {"window": 7}, "--window is for rows with dates"),
        (DAYS, {"window": 100}, "too few for windows of 100"),
        (TABLE, {"group": "colour"}, "there are 2 groups"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_one_sentence_each(tmp_path: Path, lines: list[str], options: dict, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path, lines, **options)
    assert "\n" not in str(caught.value)


def test_a_line_of_fifty_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"text,mood\n" + b"a" * 50_000_000 + b",up\n")
    with pytest.raises(DataError, match="line 2 has more than 1,000,000 characters"):
        load_rows(path)
    with pytest.raises(DataError, match="line 2: field larger than field limit"):
        load(tmp_path, [REVIEWS[0], '"' + "a" * 200_000 + '",up', *REVIEWS[1:]])
    assert load(tmp_path, [*REVIEWS, '"' + "word " * 20_000 + '",up']).kind == "text"


def test_the_wrong_encoding(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("\n".join(REVIEWS).replace("film", "naïve").encode("latin-1"))
    with pytest.raises(DataError, match=r"is not UTF-8 \(line 2, byte 0xef\); save it"):
        load_rows(path)
    path.write_bytes("\n".join(REVIEWS).encode("utf-16-le"))  # without its mark
    with pytest.raises(DataError, match="holds a null byte"):
        load_rows(path)
    path.write_bytes("\n".join(REVIEWS).encode("utf-16"))  # as Excel marks it
    marked = load_rows(path)
    path.write_text("\n".join(REVIEWS), encoding="utf-8")
    assert marked.fingerprint == load_rows(path).fingerprint
    path.write_bytes("\n".join(REVIEWS).encode("utf-16")[:-1])
    with pytest.raises(DataError, match="is not UTF-8"):
        load_rows(path)
    path.write_bytes(b"\xef\xbb\xbf" + "\n".join(REVIEWS).replace("film", "naïve").encode())
    assert load_rows(path).columns["text"] == "text"  # a byte order mark is no part of the name
    path.write_bytes(b"text,mood\na\0b,up\n")
    with pytest.raises(DataError, match="line 2 holds a null byte"):
        load_rows(path)


def test_what_spreadsheets_leave_empty_is_no_column_and_no_row(tmp_path: Path) -> None:
    plain = load(tmp_path, TABLE)
    exported = load(tmp_path, [*(f"{line},," for line in TABLE), ",,,,", ",,,,"])
    assert exported.notes == plain.notes
    assert exported.fingerprint == plain.fingerprint
    with pytest.raises(DataError, match="column 5 has no name"):
        load(tmp_path, [f"{TABLE[0]},,", f"{TABLE[1]},,7", *(f"{line},," for line in TABLE[2:])])


def test_a_line_for_excel_says_what_parts_the_columns(tmp_path: Path) -> None:
    lines = [line.replace(",", ";") for line in TABLE]
    found = load(tmp_path, ["sep=;", *lines])
    assert found.fingerprint == load(tmp_path, TABLE).fingerprint
    tabs = [line.replace(",", "\t") for line in TABLE]
    assert load(tmp_path, ["sep=\t", *tabs]).fingerprint == found.fingerprint
    with pytest.raises(DataError, match="line 3 has 2 values"):
        load(tmp_path, ["sep=;", lines[0], "1;red", *lines[2:]])


def test_values_where_the_names_belong(tmp_path: Path) -> None:
    bare = [f"{i / 7:.2f},{-i},{'yes' if i % 2 else 'no'}" for i in range(N)]
    with pytest.raises(DataError, match=r"values in its first line \(0\.00\).* line of names"):
        load(tmp_path, bare)
    with pytest.raises(DataError, match="values in its first line"):
        load(tmp_path, [f"{i},{i % 5}" for i in range(N)])
    years = ["place,2019,2020,grew", *(f"p{i % 4},{i % 9},{i % 5},{i % 2}" for i in range(N))]
    assert load(tmp_path, years).kind == "table"  # years are names
    assert load(tmp_path, ["a,b,grew", *bare]).kind == "table"


def test_other_files(tmp_path: Path) -> None:
    lines = tmp_path / "rows.jsonl"
    lines.write_text('{"text": "good"}\n[1]\n')
    with pytest.raises(DataError, match="line 2 is no JSON object"):
        load_rows(lines)
    lines.write_text('{"text": ["good"], "mood": 1}\n')
    with pytest.raises(DataError, match=r"line 1: text holds a list; .* leave it out"):
        load_rows(lines)
    lines.write_text('{"text": \n')
    with pytest.raises(DataError, match="line 1 is no JSON"):
        load_rows(lines)
    listed = tmp_path / "rows.json"
    listed.write_text('[{"text": "good"}, 7]')
    with pytest.raises(DataError, match="object 2 is no JSON object"):
        load_rows(listed)
    listed.write_text("[{")
    with pytest.raises(DataError, match=r"rows\.json is no JSON"):
        load_rows(listed)
    listed.write_bytes(b'[{"text": "caf\xe9"}]')
    with pytest.raises(DataError, match=r"not UTF-8 \(line 1, byte 0xe9\)"):
        load_rows(listed)
    for name in ("rows.json", "nothing.csv", "nothing.xlsx"):
        listed.unlink(missing_ok=True)
        with pytest.raises(DataError, match="cannot be read: No such file"):
            load_rows(tmp_path / name)
    sheet = tmp_path / "rows.xlsx"
    sheet.write_bytes(b"PK")
    with pytest.raises(DataError, match=r"rows\.xlsx is a spreadsheet; save its sheet as CSV"):
        load_rows(sheet)
    plain = tmp_path / "plain.txt"
    plain.write_text("too short to learn from")
    with pytest.raises(DataError, match="plain has 0 windows of 32 words"):
        load_rows(plain)
    with pytest.raises(DataError, match="without columns; leave --target out"):
        load_rows(plain, target="x")
    plain.write_text("\n".join(REVIEWS).replace(",", "\t"), encoding="utf-16")
    with pytest.raises(DataError, match=r"is a table whose columns tabs part.* plain\.tsv"):
        load_rows(plain)
    assert load_rows(plain.rename(tmp_path / "plain.tsv")).kind == "text"
    plain.write_text("\tThe cat sat on the mat and the dog ran off to the sea.\n" * 90)
    assert load_rows(plain).kind == "next-word"  # paragraphs that begin with a tab
    pytest.importorskip("pyarrow")
    broken = tmp_path / "rows.parquet"
    broken.write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        load_rows(broken)
