"""Reading a file of rows: CSV, TSV, JSON or Parquet, as columns of text."""

from __future__ import annotations

import csv
import json
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from layerscope.data.rows.local_notation import in_plain_notation, is_missing, without_units
from layerscope.errors import DataError, first_line, nearest

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".txt")
SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")
MOST_CHARACTERS = 1_000_000  # of a line
DELIMITERS = (",", ";", "\t", "|")
# The line before the names that tells Excel what parts the columns.
SEPARATOR = re.compile(r"\"?sep=(?P<delimiter>[^\w\s\"]|\t)?\"?", re.IGNORECASE)

NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Table:
    """A file's rows, as columns.

    Args:
        name: of the file, without its ending.
        columns: name -> its N values as they were written, blanks around them cut off.
        lines: N line numbers in the file, for messages.
        notes: how values are read that are written otherwise, one sentence each.
        units: column -> the unit that was cut off its numbers.
    """

    name: str
    columns: dict[str, tuple[str, ...]]
    lines: tuple[int, ...]
    notes: tuple[str, ...] = ()
    units: dict[str, str] = field(default_factory=dict[str, str])

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, name: str) -> tuple[str, ...]:
        """A column's values.

        Raises:
            DataError: there is no such column.
        """
        if name not in self.columns:
            raise DataError(f"{self.name} has no column {name!r}{nearest(name, self.columns)}")
        return self.columns[name]

    def rows(self, index: list[int]) -> Table:
        """Some of the rows, in this order."""
        columns = {name: tuple(values[i] for i in index) for name, values in self.columns.items()}
        return replace(self, columns=columns, lines=tuple(self.lines[i] for i in index))


def is_rows_file(source: str | Path) -> bool:
    """Whether a path is meant as a file of rows or of text, by its ending; folders are not."""
    path = Path(source)
    return path.suffix.lower() in (*SUFFIXES, *SPREADSHEETS) and not path.is_dir()


def read_table(path: Path) -> Table:
    """Read a file of rows.

    Args:
        path: .csv, .tsv (the first line names the columns; commas, semicolons, tabs and bars are
            told apart), .jsonl (an object a line), .json (that, or a list of objects) or .parquet.

    Raises:
        DataError: it is missing, empty, a spreadsheet, not UTF-8, or a row or line of it cannot be
            read.
    """
    suffix = path.suffix.lower()
    if suffix in SPREADSHEETS and path.is_file():
        raise DataError(f"{path} is a spreadsheet; save its sheet as CSV and give that file")
    if suffix == ".parquet":
        table = read_parquet(path)
    elif suffix in (".json", ".jsonl", ".ndjson"):
        table = read_json(path)
    else:
        table = read_csv(path)
    if not len(table):
        raise DataError(f"{path} holds no rows; give it a line of names and rows below")
    return table


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a text file, their ends included.

    Raises:
        DataError: it cannot be opened, is neither UTF-8 nor marked as UTF-16, or has a line of over
            a million characters.
    """
    with as_data_errors(path), path.open(encoding=encoding_of(path), newline="") as file:
        number = 0
        while line := file.readline(MOST_CHARACTERS + 1):
            number += 1
            if len(line) > MOST_CHARACTERS:
                raise DataError(
                    f"{path}, line {number} has more than {MOST_CHARACTERS:,} characters; part "
                    "it into rows (a quote may be left open)"
                )
            if "\0" in line:
                raise DataError(f"{path}, line {number} holds a null byte: it is no text file")
            yield line


def encoding_of(path: Path) -> str:
    """How a text file is encoded: UTF-16 where its first bytes say so, else UTF-8."""
    with path.open("rb") as file:
        marked = file.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE)
    return "utf-16" if marked else "utf-8-sig"


@contextmanager
def as_data_errors(path: Path) -> Iterator[None]:
    """Say in a sentence that a text file cannot be opened, or is not UTF-8."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 (line {line_not_utf8(path)}, byte "
            f"0x{error.object[error.start]:02x}); save it as UTF-8 (in Excel: CSV UTF-8)"
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def line_not_utf8(path: Path) -> int:
    """The first line of a file that cannot be decoded; it is read in pieces, not in lines."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8-sig")
            except UnicodeDecodeError:
                return number
    return 1


def read_csv(path: Path) -> Table:
    """Read a CSV or TSV; see `read_table`."""
    lines = lines_of(path)
    first = next(lines, "")
    if not first.strip():
        raise DataError(f"{path} is empty; its first line must name the columns")
    hint = SEPARATOR.fullmatch(first.strip("\r\n "))
    if hint:
        first = next(lines, "")
    above = int(hint is not None)  # lines that the reader does not see
    delimiter = hint["delimiter"] if hint else max(DELIMITERS, key=first.count)

    def all_lines() -> Iterator[str]:
        yield first
        yield from lines

    reader = csv.reader(all_lines(), delimiter=delimiter, strict=True)
    found: list[list[str]] = []
    numbers: list[int] = []
    try:
        names = [name.strip() for name in next(reader)]
        for row in reader:
            if not any(value.strip() for value in row):
                continue
            if len(row) != len(names):
                raise DataError(
                    f"{path}, line {reader.line_num + above} has {len(row)} values, but there are "
                    f"{len(names)} columns; quote values that hold the delimiter {delimiter!r}"
                )
            found.append([value.strip() for value in row])
            numbers.append(reader.line_num + above)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num + above}: {first_line(error)}") from error
    # A spreadsheet exports empty columns where something was deleted.
    kept = [i for i, name in enumerate(names) if name or any(row[i] for row in found)]
    if kept and not names[0] and numbers_rows([row[0] for row in found]):
        kept.remove(0)  # the index that pandas writes
    check_header(path, names, found)
    check_names(path, names, kept)
    columns = {names[i]: tuple(row[i] for row in found) for i in kept}
    return table_of(path, columns, numbers, delimiter=delimiter)


def table_of(
    path: Path,
    columns: dict[str, tuple[str, ...]],
    lines: Sequence[int],
    *,
    delimiter: str | None = None,
) -> Table:
    """Columns as they were written, as a table in plain notation."""
    bare, units = without_units(columns)
    plain, notes = in_plain_notation(bare, delimiter=delimiter)
    cut = tuple(f"{name} is read as numbers of {unit}" for name, unit in units.items())
    return Table(path.stem, plain, tuple(lines), (*cut, *notes), units)


def numbers_rows(values: Sequence[str]) -> bool:
    """Whether values are 0, 1, 2, … or 1, 2, 3, …"""
    counted = [str(i) for i in range(len(values) + 1)]
    return list(values) in (counted[:-1], counted[1:])


def check_header(path: Path, names: list[str], rows: list[list[str]]) -> None:
    """Refuse a first line of values: numbers with a fraction or a sign, or numbers alone."""
    numbers = [i for i, name in enumerate(names) if NUMBER.fullmatch(name)]
    told = [i for i in numbers if not names[i].isdecimal()]
    if told or (numbers and len(numbers) == len(names)):
        i = (told or numbers)[0]
        below = [row[i] for row in rows if not is_missing(row[i])]
        if below and all(NUMBER.fullmatch(value) for value in below):
            raise DataError(
                f"{path} has values in its first line ({names[i]}), where the names of the columns "
                "belong; write a line of names above it"
            )


def check_names(path: Path, names: list[str], kept: Sequence[int]) -> None:
    """Refuse columns without a name, and names that stand twice, among those that are kept."""
    for i in kept:
        name = names[i]
        if not name:
            raise DataError(
                f"{path}: column {i + 1} has no name; name it in the first line, or delete it"
            )
        if name in names[:i]:
            raise DataError(f"{path}: two columns are called {name!r}; rename one")


def read_json(path: Path) -> Table:
    """Read objects, a line each or in one list; see `read_table`.

    A field that an object lacks is missing there; those of an object inside are named with a
    point, as "customer.age".
    """
    rows: list[dict[str, str]] = []
    numbers: list[int] = []
    for number, where, value in json_values(path):
        if not isinstance(value, dict):
            raise DataError(f"{where} is no JSON object, such as {{'text': …}}")
        rows.append({name: as_text(item, f"{where}: {name}") for name, item in flat(value)})
        numbers.append(number)
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: tuple(row.get(name, "") for row in rows) for name in names}
    return table_of(path, columns, numbers)


def flat(value: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of an object and of the objects inside it.

    Example:
        >>> list(flat({"id": 3, "customer": {"age": 40}}))
        [('id', 3), ('customer.age', 40)]
    """
    for name, item in value.items():
        if isinstance(item, dict):
            yield from flat(item, f"{before}{name}.")
        else:
            yield f"{before}{name}", item


def json_values(path: Path) -> Iterator[tuple[int, str, Any]]:
    """The values of a file of JSON: the number of each, where it stands, in words, and itself."""
    if path.suffix.lower() == ".json" and begins_a_list(path):
        with as_data_errors(path):
            written = path.read_text(encoding_of(path))
        for i, value in enumerate(parsed(written, str(path)), start=1):
            yield i, f"{path}, object {i}", value
        return
    for number, line in enumerate(lines_of(path), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            yield number, where, parsed(line, where)


def begins_a_list(path: Path) -> bool:
    """Whether the first thing in a file of JSON is a list's bracket."""
    with as_data_errors(path), path.open("rb") as file:
        first = file.read(1000)
    for mark in (BOM_UTF8, BOM_UTF16_LE, BOM_UTF16_BE):
        first = first.removeprefix(mark)
    return first.lstrip(b" \t\r\n\0").startswith(b"[")


def parsed(text: str, where: str) -> Any:
    """JSON's value of a text.

    Raises:
        DataError: it is no JSON.
    """
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{where} is no JSON ({first_line(error)})") from error


def read_parquet(path: Path) -> Table:
    """Read Parquet through pyarrow, an extra; see `read_table`."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise DataError(
            f"{path} is Parquet, which needs pyarrow: pip install 'layerscope[parquet]'"
        ) from error
    try:
        rows = parquet.read_table(path).to_pydict()
    except (OSError, ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet: {first_line(error)}") from error
    columns = {
        name: tuple(as_text(value, f"{path}, column {name!r}") for value in values)
        for name, values in rows.items()
    }
    n = len(next(iter(columns.values()), ()))
    return table_of(path, columns, range(1, n + 1))


def as_text(value: Any, where: str) -> str:
    """A value of JSON or Parquet as a CSV would hold it."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        what = "a list" if isinstance(value, list) else "an object"
        raise DataError(f"{where} holds {what}; a value is a text or a number: leave it out")
    return str(value).strip()
