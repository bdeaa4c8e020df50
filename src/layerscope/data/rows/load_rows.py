"""From a file or a name to the three splits that a network of words or numbers learns from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from layerscope.data.rows.column_roles import Roles, guess_roles
from layerscope.data.rows.embedded_rows import TABLES, TEXTS, embedded_table, embedded_text
from layerscope.data.rows.local_notation import is_missing
from layerscope.data.rows.row_file import Table, lines_of, read_table
from layerscope.data.rows.row_parting import check_enough, in_time, part_three_ways
from layerscope.data.rows.row_sets import (
    RowSet,
    TableSet,
    TextSet,
    WordStream,
    read_fingerprint,
)
from layerscope.data.rows.series_windows import (
    Series,
    SeriesEncoding,
    fit_series,
    read_series,
    windows_of,
)
from layerscope.data.rows.table_encoding import (
    TableEncoding,
    Target,
    fit_encoding,
    target_of,
    targets_of,
)
from layerscope.data.rows.vocabulary import Vocabulary, learn_vocabulary, padded, words_of
from layerscope.errors import DataError
from layerscope.seed import make_generator

LONGEST = 200  # words of a sentence
STREAM_WORDS = 32  # of a window of a text for the next word
WINDOW = 30  # steps of a series
FIRST_LINES, MOST_READ = 10, 100_000  # by which a table is told from a text


@dataclass(frozen=True)
class TextEncoding:
    """How texts become ids, and what is told of them.

    Args:
        vocabulary: the words.
        length: T, where longer texts are cut.
        column: of the texts; "" for the next word.
        target: the column of classes; "" for the next word.
        class_names: K classes; none for the next word.
    """

    vocabulary: Vocabulary
    length: int
    column: str = ""
    target: str = ""
    class_names: tuple[str, ...] = ()


Encoding = TextEncoding | TableEncoding | SeriesEncoding


@dataclass(frozen=True)
class RowSplits:
    """Rows, ready for a training.

    Args:
        kind: "text", "next-word", "table" or "series".
        name: of the set.
        source: where it can be loaded again.
        columns: the columns as they were named; loading again with them gives the same rows.
        train, validation, test: of one kind.
        encoding: how raw rows become tensors, fitted on `train` alone.
        notes: what was found and done, one sentence each.
        fingerprint: of the rows as they were read and of what is told: where it is the same, so
            are the test rows.
        raw: the rows as they were read, for baselines and folds; None for texts.
    """

    kind: str
    name: str
    source: str
    columns: dict[str, str | None]
    train: RowSet
    validation: RowSet
    test: RowSet
    encoding: Encoding
    notes: tuple[str, ...]
    fingerprint: str
    raw: Table | Series | None = None


def load_rows(
    source: str | Path,
    *,
    text: str | None = None,
    target: str | None = None,
    date: str | None = None,
    group: str | None = None,
    validation_frac: float = 0.1,
    window: int | None = None,
    seed: int = 0,
) -> RowSplits:
    """Read a file of rows, say what its columns are for, and part it in three.

    Args:
        source: a file (.csv, .tsv, .json, .jsonl, .parquet; .txt for the next word) or "diabetes",
            "breast-cancer", "stories", "python-topics".
        text, target, date, group: columns; None guesses them (no group).
        validation_frac: share of what is not tested on.
        window: steps of a series' window; None takes 30.
        seed: draws the validation split. The test split is always the same.

    Raises:
        DataError: the file or a column cannot be used.
    """
    named = {"text": text, "target": target, "date": date, "group": group}
    name = str(source)
    parting = (validation_frac, seed)
    if name in TEXTS or (name not in TABLES and Path(name).suffix.lower() == ".txt"):
        if any(named.values()):
            raise DataError(f"{name} is a plain text without columns; leave {said_of(named)} out")
        written = embedded_text(name) if name in TEXTS else "".join(lines_of(Path(name)))
        refuse_table(name, written)
        return load_stream(Path(name).stem, name, written, validation_frac)
    if name in TABLES:
        table, roles = embedded_table(name)
        if any(named.values()):
            roles = guess_roles(table, text=text, target=target or roles.target, date=date,
                                group=group)  # fmt: skip
    else:
        table = read_table(Path(name))
        roles = guess_roles(table, text=text, target=target, date=date, group=group)
    load = {"text": load_texts, "table": load_table, "series": load_series}[roles.kind]
    if roles.kind == "series":
        return load_series(table, name, roles, validation_frac, window or WINDOW)
    if window is not None:
        raise DataError(f"{name} is no series: --window is for rows with dates (--date)")
    assert load is not load_series, "handled above"
    return load(table, name, roles, parting)


def refuse_table(name: str, written: str) -> None:
    """Refuse a table that is called a text, as Excel's "Unicode text" is.

    Raises:
        DataError: every line has as many tabs as the first.
    """
    lines = [line for line in written[:MOST_READ].splitlines() if line.strip()][:FIRST_LINES]
    tabs = {line.strip().count("\t") for line in lines}
    if len(lines) == FIRST_LINES and len(tabs) == 1 and tabs != {0}:
        raise DataError(
            f"{name} is a table whose columns tabs part, and a .txt is read as plain text; call it "
            f"{Path(name).with_suffix('.tsv').name}"
        )


def said_of(named: dict[str, str | None]) -> str:
    """The options that were given."""
    return " and ".join(f"--{option}" for option, value in named.items() if value)


def columns_of(roles: Roles) -> dict[str, str | None]:
    """The columns, to load the same rows again."""
    return {"text": roles.text, "target": roles.target, "date": roles.date, "group": roles.group}


def with_targets(table: Table, roles: Roles) -> tuple[Table, list[str]]:
    """The rows whose target is there (and whose text is), and what is said of the others."""
    notes = [*table.notes, *([roles.guessed] if roles.guessed else [])]
    needed = [name for name in (roles.target, roles.text) if name]
    kept = [
        i for i in range(len(table))
        if not any(is_missing(table.column(name)[i]) for name in needed)
    ]  # fmt: skip
    if left := len(table) - len(kept):
        notes.append(f"{left:,} rows without {' or '.join(needed)} are left out")
    if not kept:
        raise DataError(f"every {' or '.join(needed)} of {table.name} is empty")
    return table.rows(kept), notes


def three_ways(
    table: Table, roles: Roles, target: Target, parting: tuple[float, int]
) -> tuple[list[int], list[int], list[int]]:
    """Rows of training, validation and test: classes in their shares, groups whole.

    Raises:
        DataError: too few groups, or classes of so few rows that one of the three stays empty.
    """
    frac, seed = parting
    parts = part_three_ways(
        len(table),
        frac,
        test_generator=make_generator(0, "test rows"),
        validation_generator=make_generator(seed, "validation"),
        labels=table.column(target.name) if target.class_names else None,
        groups=table.column(roles.group) if roles.group else None,
    )
    if not all(parts):
        raise DataError(
            f"{target.name} of {table.name} has {len(target.class_names)} different values in "
            f"{len(table)} rows: as classes they leave none to choose by or to test on; write "
            "numbers without signs and units (12.50), or name another column with --target"
        )
    return parts


def load_texts(table: Table, source: str, roles: Roles, parting: tuple[float, int]) -> RowSplits:
    """Sentences and their classes."""
    assert roles.text is not None, "that is what makes it text"
    table, notes = with_targets(table, roles)
    check_enough(len(table), "texts", table.name)
    target = target_of(table, roles.target, range(len(table)))
    if not target.class_names:
        raise DataError(
            f"{roles.target} holds numbers of many values; of texts, classes are told: name "
            "another column with --target"
        )
    index = three_ways(table, roles, target, parting)
    texts = table.column(roles.text)
    words = [words_of(value) for value in texts]
    if not any(words):
        raise DataError(f"no {roles.text} of {table.name} has any words")
    vocabulary = learn_vocabulary(words[i] for i in index[0])
    length = min(LONGEST, max(len(row) for row in words))
    if cut := sum(len(row) > length for row in words):
        notes.append(f"{cut:,} texts are longer than {length} words and are cut there")
    unknown = sum(word not in vocabulary.ids for i in index[2] for word in words[i])
    share = unknown / max(1, sum(len(words[i]) for i in index[2]))
    notes.append(
        f"{len(vocabulary) - 2:,} words are known; {100 * share:.1f}% of the test's are not"
    )
    labels = targets_of(table, target)
    tokens, lengths = padded([vocabulary.encode(row) for row in words], length)

    def part(split: str, rows: list[int]) -> TextSet:
        return TextSet(
            name=table.name, split=split, tokens=tokens[rows], lengths=lengths[rows].clamp(min=1),
            labels=labels[rows], class_names=target.class_names,
            texts=tuple(texts[i] for i in rows),
        )  # fmt: skip

    return RowSplits(
        kind="text",
        name=table.name,
        source=source,
        columns=columns_of(roles),
        train=part("train", index[0]),
        validation=part("validation", index[1]),
        test=part("test", index[2]),
        encoding=TextEncoding(vocabulary, length, roles.text, target.name, target.class_names),
        notes=tuple(notes),
        fingerprint=read_fingerprint(table.columns, columns_of(roles)),
    )


def load_table(table: Table, source: str, roles: Roles, parting: tuple[float, int]) -> RowSplits:
    """Rows of numbers and categories."""
    table, notes = with_targets(table, roles)
    check_enough(len(table), "rows", table.name)
    first = target_of(table, roles.target, range(len(table)))
    index = three_ways(table, roles, first, parting)
    train, validation, test, encoding = encoded_table(table, roles, index)
    if encoding.left_out:
        notes.append(f"left out (constant, dates, or another value in nearly every row): "
                     f"{', '.join(encoding.left_out)}")  # fmt: skip
    gaps = [column.name for column in encoding.numbers if column.marks_missing]
    if gaps:
        notes.append(
            f"missing values of {', '.join(gaps)} take the median, and a feature says where"
        )
    return RowSplits(
        kind="table",
        name=table.name,
        source=source,
        columns=columns_of(roles),
        train=train,
        validation=validation,
        test=test,
        encoding=encoding,
        notes=tuple(notes),
        fingerprint=read_fingerprint(table.columns, columns_of(roles)),
        raw=table,
    )


def encoded_table(
    table: Table, roles: Roles, index: tuple[list[int], list[int], list[int]]
) -> tuple[TableSet, TableSet, TableSet, TableEncoding]:
    """Three splits of a table, encoded by what the first of them says."""
    target = target_of(table, roles.target, index[0])
    skip = [roles.group] if roles.group else []
    encoding = fit_encoding(table.rows(index[0]), target, skip=skip)

    def part(split: str, rows: list[int]) -> TableSet:
        some = table.rows(rows)
        return TableSet(
            name=table.name,
            split=split,
            features=encoding.features(some.columns, strict=False),
            feature_names=encoding.feature_names,
            targets=targets_of(some, target),
            class_names=target.class_names,
        )

    splits = [part(*pair) for pair in zip(("train", "validation", "test"), index, strict=True)]
    return splits[0], splits[1], splits[2], encoding


def load_series(
    table: Table, source: str, roles: Roles, validation_frac: float, window: int
) -> RowSplits:
    """Windows of a dated series; later splits lie later."""
    series = read_series(table, roles)
    N = len(series.dates)
    if window < 2:
        raise DataError(f"a window has {window} steps; it needs at least 2")
    validation, test = in_time(N, validation_frac)
    if validation - window < 20:
        raise DataError(
            f"{table.name} has {N} dates, too few for windows of {window}; name fewer (--window)"
        )
    encoding = fit_series(series, roles, window, validation)
    notes = [*table.notes, *([roles.guessed] if roles.guessed else []), *series.notes]
    return RowSplits(
        kind="series",
        name=table.name,
        source=source,
        columns=columns_of(roles),
        train=windows_of(series, encoding, "train", 0, validation),
        validation=windows_of(series, encoding, "validation", validation, test),
        test=windows_of(series, encoding, "test", test, N),
        encoding=encoding,
        notes=tuple(notes),
        fingerprint=read_fingerprint(series.columns, series.dates, series.values.tolist()),
        raw=series,
    )


def load_stream(name: str, source: str, written: str, validation_frac: float) -> RowSplits:
    """A plain text for the next word; its last fifth is tested on."""
    words = words_of(written)
    check_enough(len(words) // STREAM_WORDS, f"windows of {STREAM_WORDS} words", name)
    validation, test = in_time(len(words), validation_frac)
    vocabulary = learn_vocabulary([words[:validation]])
    ids = torch.tensor(vocabulary.encode(words), dtype=torch.int64)

    def part(split: str, first: int, end: int) -> WordStream:
        T = min(STREAM_WORDS, end - first - 1)
        starts = range(first, end - T, T)
        return WordStream(
            name=name,
            split=split,
            tokens=torch.stack([ids[i : i + T] for i in starts]),
            following=torch.stack([ids[i + 1 : i + T + 1] for i in starts]),
        )

    unknown = float((ids[test:] == 1).float().mean())
    return RowSplits(
        kind="next-word",
        name=name,
        source=source,
        columns={},
        train=part("train", 0, validation),
        validation=part("validation", validation, test),
        test=part("test", test, len(words)),
        encoding=TextEncoding(vocabulary, STREAM_WORDS),
        notes=(
            f"{len(words):,} words, {len(vocabulary) - 2:,} different ones known; "
            f"{100 * unknown:.1f}% of the test's are not",
        ),
        # Which words are known is part of what is told.
        fingerprint=read_fingerprint(words, vocabulary.words),
    )
