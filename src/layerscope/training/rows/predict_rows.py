"""What a trained network says of raw sentences, rows and windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import time
from pathlib import Path
from typing import Any

import torch

from layerscope.data.rows.column_roles import Roles, guess_roles
from layerscope.data.rows.load_rows import TextEncoding
from layerscope.data.rows.local_notation import without_unit
from layerscope.data.rows.row_file import Table, is_rows_file, lines_of, read_table
from layerscope.data.rows.series_windows import SeriesEncoding, read_series
from layerscope.data.rows.table_encoding import TableEncoding
from layerscope.data.rows.vocabulary import UNKNOWN, padded, words_of
from layerscope.errors import DataError
from layerscope.models.probabilities import ranked
from layerscope.training.rows.rows_run import RowsRun

MOST_STEPS = 8  # words that a sentence is continued by


@dataclass(frozen=True)
class RowPrediction:
    """What a network says of one row.

    Args:
        given: the sentence, or which row of which file.
        label: the class, the number, or the words that come next.
        probs: (class or word, probability), the most probable first; none of a number.
        value: of a number, in its own unit.
        interval: where 90% of the validation rows lay around such a value.
        unknown: words of the sentence that the network does not know.
    """

    given: str
    label: str
    probs: tuple[tuple[str, float], ...] = ()
    value: float | None = None
    interval: tuple[float, float] | None = None
    unknown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


@dataclass(frozen=True)
class NextWord:
    """One step of a continued sentence.

    Args:
        before: the words so far.
        probs: (word, probability), the most probable first.
        word: the one that was taken.
    """

    before: tuple[str, ...]
    probs: tuple[tuple[str, float], ...]
    word: str


def predict_rows(run: RowsRun, rows: Sequence[str | Mapping[str, Any]]) -> list[RowPrediction]:
    """Say what a network makes of raw rows.

    Args:
        run: a run on words or numbers.
        rows: sentences; or paths of files with rows, as the network learned from; or rows as
            mappings from column to value. Of a series, a file's last window is taken: what
            comes after it is told.

    Raises:
        DataError: an empty text, no known word, a missing column, a category that never came up.

    Example:
        >>> from layerscope import train_rows
        >>> run = train_rows("diabetes", epochs=1)
        >>> names = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
        >>> (prediction,) = predict_rows(run, [dict.fromkeys(names, 0.0)])
        >>> low, high = prediction.interval
        >>> low < prediction.value < high
        True
    """
    found: list[RowPrediction] = []
    for row in rows:
        if isinstance(run.encoding, TextEncoding):
            found += _of_text(run, run.encoding, row)
        elif isinstance(run.encoding, TableEncoding):
            found += _of_table(run, run.encoding, row)
        else:
            found.append(_of_series(run, run.encoding, row))
    return found


def _of_text(
    run: RowsRun, encoding: TextEncoding, row: str | Mapping[str, Any]
) -> list[RowPrediction]:
    """Sentences: itself, each line of a text file, or a column of a file with rows."""
    if not isinstance(row, str):
        if encoding.column not in row:
            raise DataError(f"the row has no {encoding.column!r}; that is the text of this run")
        texts = [str(row[encoding.column])]
    elif is_rows_file(row) and Path(row).suffix.lower() == ".txt" and Path(row).is_file():
        texts = [line.strip() for line in lines_of(Path(row)) if line.strip()]
    elif is_rows_file(row) and encoding.column:
        texts = list(read_table(Path(row)).column(encoding.column))
    else:
        texts = [row]
    if not encoding.class_names:
        return [_continued(run, text) for text in texts]
    return [_classified(run, encoding, text) for text in texts]


def _classified(run: RowsRun, encoding: TextEncoding, text: str) -> RowPrediction:
    tokens, _ = padded([encoding.vocabulary.encode_text(text)], encoding.length)
    tokens = tokens[:, : max(1, int((tokens != 0).sum()))]
    probs = ranked(_logits(run, tokens)[0].softmax(0), encoding.class_names)
    return RowPrediction(text, probs[0][0], probs, unknown=unknown_words(encoding, text))


def unknown_words(encoding: TextEncoding, text: str) -> tuple[str, ...]:
    """Words that never came up often enough in training."""
    known = encoding.vocabulary.ids
    return tuple(dict.fromkeys(word for word in words_of(text) if word not in known))


def _continued(run: RowsRun, text: str) -> RowPrediction:
    assert isinstance(run.encoding, TextEncoding), "of a text"
    steps = continue_text(run, text)
    words = " ".join(step.word for step in steps)
    unknown = unknown_words(run.encoding, text)
    return RowPrediction(text, words, steps[0].probs[:10], unknown=unknown)


def continue_text(run: RowsRun, text: str, *, steps: int = MOST_STEPS) -> list[NextWord]:
    """Continue a text by its most probable next words, up to a full stop.

    Args:
        run: a run on next words.
        text: at least one known word.
        steps: how many words at most.

    Returns:
        Each step's distribution over all words, and the word that was taken: the most probable
        one that is known.
    """
    encoding = run.encoding
    assert isinstance(encoding, TextEncoding), "a next word is of a text"
    ids = encoding.vocabulary.encode_text(text)
    said = words_of(text)
    found: list[NextWord] = []
    for _ in range(steps):
        seen = torch.tensor([ids[-encoding.length :]])
        logits = _logits(run, seen)[0, -1]
        probs = logits.softmax(0)
        probs[: UNKNOWN + 1] = 0  # a network cannot say a word that it does not know
        best = int(probs.argmax())
        word = encoding.vocabulary.words[best]
        listed = ranked(probs, encoding.vocabulary.words)
        found.append(NextWord(tuple(said), listed[:50], word))
        ids, said = [*ids, best], [*said, word]
        if word == ".":
            break
    return found


def _of_table(
    run: RowsRun, encoding: TableEncoding, row: str | Mapping[str, Any]
) -> list[RowPrediction]:
    """A row as a mapping, or all rows of a file."""
    if isinstance(row, str):
        if not is_rows_file(row):
            raise DataError(
                f"{row[:60]!r} is no file of rows; this run takes a .csv with the columns "
                f"{', '.join(_needed(encoding)[:8])}, …"
            )
        table = read_table(Path(row))
        columns: Mapping[str, Sequence[str]] = table.columns
        for name, unit in table.units.items():
            if (known := encoding.units.get(name, unit)) != unit:
                raise DataError(f"{row}: {name} is in {unit}; the network learned it in {known}")
        names = [f"{Path(row).name}, line {line}" for line in table.lines]
    else:
        columns = {name: ["" if v is None else str(v)] for name, v in row.items()}
        names = ["the row"]
    if lost := [name for name in _needed(encoding) if name not in columns]:
        raise DataError(
            f"{row if isinstance(row, str) else 'the row'} has no column {lost[0]!r}; the network "
            f"learned from {', '.join(_needed(encoding))} (leave a value empty where it is missing)"
        )
    alone = {
        name: [without_unit(value, unit=encoding.units[name]) for value in values]
        if name in encoding.units
        else values
        for name, values in columns.items()
    }
    given = _logits(run, encoding.features(alone, strict=True))
    if encoding.target.class_names:
        listed = [
            ranked(row_logits.softmax(0), encoding.target.class_names) for row_logits in given
        ]
        return [RowPrediction(n, p[0][0], p) for n, p in zip(names, listed, strict=True)]
    values = [float(value) for value in encoding.in_units(given[:, 0])]
    return [_number(run, name, value) for name, value in zip(names, values, strict=True)]


def _needed(encoding: TableEncoding) -> list[str]:
    return [column.name for column in (*encoding.numbers, *encoding.categories)]


def _of_series(
    run: RowsRun, encoding: SeriesEncoding, row: str | Mapping[str, Any]
) -> RowPrediction:
    """What comes after the last window of a file."""
    if not isinstance(row, str) or not is_rows_file(row):
        raise DataError(
            f"this run foretells {encoding.columns[0]}: name a .csv with the columns "
            f"{', '.join((encoding.date, *encoding.columns))} and {encoding.length} rows or more"
        )
    table: Table = read_table(Path(row))
    for name in encoding.columns:
        table.column(name)
    roles: Roles = guess_roles(table, target=encoding.columns[0], date=encoding.date)
    series = read_series(table, roles)
    if len(series.dates) < encoding.length:
        raise DataError(
            f"{row} has {len(series.dates)} dates; a window takes {encoding.length}: add the ones "
            "before"
        )
    after = series.dates[-1] + (series.dates[-1] - series.dates[-2])
    values = series.values[:, [series.columns.index(name) for name in encoding.columns]]
    features = encoding.features(values, [*series.dates[1:], after])
    given = _logits(run, features[None, -encoding.length :])
    value = float(encoding.in_units(given[0, 0]))
    daily = all(date.time() == time() for date in (*series.dates, after))
    when = after.date().isoformat() if daily else after.isoformat(sep=" ", timespec="minutes")
    return _number(run, f"{row}, {when}", value)


def _number(run: RowsRun, name: str, value: float) -> RowPrediction:
    around = run.evaluation.error_interval
    interval = (value + around[0], value + around[1]) if around else None
    return RowPrediction(name, f"{value:.4g}", value=value, interval=interval)


@torch.inference_mode()
def _logits(run: RowsRun, inputs: torch.Tensor) -> torch.Tensor:
    """What the network gives, on the processor, in evaluation mode."""
    device = next(run.model.parameters()).device
    return run.model(inputs.to(device)).cpu()
