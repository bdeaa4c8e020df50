"""Rows as tensors: what is guessed, how they are parted, and that nothing of the test is fitted."""

from __future__ import annotations

import csv
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import torch

from layerscope.data import load
from layerscope.data.rows.load_rows import RowSplits, load_rows
from layerscope.data.rows.row_parting import part_rows
from layerscope.data.rows.row_sets import SeriesSet, TableSet, TextSet, WordStream, subset
from layerscope.data.rows.row_source import is_rows
from layerscope.data.rows.series_windows import SeriesEncoding
from layerscope.data.rows.stories import draw_stories, entropy_a_word, next_words
from layerscope.data.rows.table_encoding import TableEncoding
from layerscope.data.rows.vocabulary import Vocabulary, learn_vocabulary, padded, words_of
from layerscope.errors import DataError

ROWS = [
    {"size": "" if i % 10 == 9 else str(i), "colour": ("red", "blue", "?")[i % 3], "same": "x",
     "owner": f"owner {i // 2}", "price": str(3 * i + 1)}
    for i in range(100)
]  # fmt: skip


def write(path: Path, rows: list[dict[str, str]] = ROWS, delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def table(tmp_path: Path) -> RowSplits:
    return load_rows(write(tmp_path / "rows.csv"), target="price")


def test_a_table_is_scaled_by_its_training_rows_alone(table: RowSplits) -> None:
    train, test, encoding = table.train, table.test, table.encoding
    assert isinstance(train, TableSet)
    assert isinstance(test, TableSet)
    assert isinstance(encoding, TableEncoding)
    assert train.feature_names == (
        "size", "size is missing", "colour=blue", "colour=missing", "colour=red",
    )  # fmt: skip
    assert encoding.left_out == ("same", "owner")
    assert float(train.targets.mean()) == pytest.approx(0, abs=1e-6)
    assert float(train.targets.std(correction=0)) == pytest.approx(1, abs=1e-6)
    there = train.features[:, 1] == 0
    assert float(train.features[there, 0].mean()) == pytest.approx(0, abs=1e-6)
    assert abs(float(test.targets.mean())) > 1e-3, "the test rows are not what was fitted"
    prices = encoding.in_units(torch.cat([train.targets, table.validation.targets, test.targets]))
    assert sorted(prices[:, 0].round().int().tolist()) == [3 * i + 1 for i in range(100)]
    missing = (train.features[~there, 0] * encoding.numbers[0].std) + encoding.numbers[0].mean
    assert missing.unique().tolist() == pytest.approx([encoding.numbers[0].middle])


def test_every_format_gives_the_same_rows(table: RowSplits, tmp_path: Path) -> None:
    paths = [write(tmp_path / "rows.tsv", delimiter="\t")]
    (tmp_path / "semi").mkdir()
    paths.append(write(tmp_path / "semi" / "rows.csv", delimiter=";"))
    paths.append(tmp_path / "rows.jsonl")
    typed = [{**row, "price": int(row["price"]), "size": row["size"] or None} for row in ROWS]
    paths[-1].write_text("\n".join(json.dumps(row) for row in typed))
    paths.append(tmp_path / "rows.json")  # as pandas writes them, in one line
    paths[-1].write_text(json.dumps(typed))
    (tmp_path / "lines").mkdir()
    paths.append(tmp_path / "lines" / "rows.json")
    paths[-1].write_text("\n".join(json.dumps(row) for row in typed))
    try:
        import pyarrow
        from pyarrow import parquet

        paths.append(tmp_path / "rows.parquet")
        parquet.write_table(pyarrow.Table.from_pylist(typed), paths[-1])
    except ImportError:
        pass
    for path in paths:
        other = load_rows(path, target="price")
        assert torch.equal(other.train.inputs, table.train.inputs), path
        assert torch.equal(other.test.targets, table.test.targets), path


def test_groups_stay_together(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv")
    splits = load_rows(path, target="price", group="owner")
    encoding = splits.encoding
    assert isinstance(encoding, TableEncoding)
    sides = [
        {int((p - 1) / 3 + 0.5) // 2 for p in encoding.in_units(part.targets)[:, 0].tolist()}
        for part in (splits.train, splits.validation, splits.test)
    ]
    assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]
    assert len(splits.test) == pytest.approx(20, abs=4)


def test_classes_keep_their_shares_and_the_test_split_its_rows() -> None:
    labels = ["a"] * 90 + ["b"] * 10 + ["lonely"]
    rest, part = part_rows(101, 0.2, torch.Generator().manual_seed(0), labels=labels)
    assert sorted(rest + part) == list(range(101))
    assert sum(labels[i] == "a" for i in part) == 18
    assert sum(labels[i] == "b" for i in part) == 2
    assert 100 in rest
    one, two = (load_rows("breast-cancer", seed=seed) for seed in (0, 1))
    assert len(one.test) == len(two.test)
    assert torch.equal(one.test.targets, two.test.targets)
    assert not torch.equal(one.validation.targets, two.validation.targets)


def test_windows_end_where_their_value_begins(tmp_path: Path) -> None:
    """A series that counts up: every window is the steps right before its target."""
    days = [f"{1990 + k // 336}-{k // 28 % 12 + 1:02d}-{k % 28 + 1:02d}" for k in range(1200)]
    rows = [{"day": day, "value": str(i)} for i, day in enumerate(days)]
    shuffled = [rows[i] for i in torch.randperm(1200, generator=torch.Generator().manual_seed(0))]
    splits = load_rows(write(tmp_path / "days.csv", shuffled), window=7)
    encoding = splits.encoding
    assert isinstance(encoding, SeriesEncoding)
    assert "the dates were out of order, and are sorted" in splits.notes
    ends = []
    for part in (splits.train, splits.validation, splits.test):
        assert isinstance(part, SeriesSet)
        steps = encoding.in_units(part.windows[:, :, 0]).round().int()
        target = encoding.in_units(part.targets[:, 0]).round().int()
        assert torch.equal(steps, target[:, None] - torch.arange(7, 0, -1))
        assert [days[i] for i in target.tolist()] == [date[:10] for date in part.dates]
        ends += target.tolist()
    assert ends == list(range(7, 1200)), "later splits lie later, and no value is left out"
    train = splits.train
    assert isinstance(train, SeriesSet)
    assert train.feature_names[1:] == ("sine of the year", "cosine of the year")
    angle = 2 * math.pi * 7 / 365.2425  # the window before 8 January ends with its angle
    assert train.windows[0, -1, 1:].tolist() == pytest.approx([math.sin(angle), math.cos(angle)])


def test_words_and_what_is_unknown() -> None:
    assert words_of("It’s NOT good: 7/10!") == ["it's", "not", "good", ":", "7", "/", "10", "!"]
    vocabulary = learn_vocabulary([["b", "a", "b"], ["a", "c"]])
    assert vocabulary.words == ("<padding>", "<unknown>", "a", "b")
    assert vocabulary.encode(["b", "c", "a"]) == [3, 1, 2]
    tokens, lengths = padded([[3, 1, 2], [2]], 2)
    assert tokens.tolist() == [[3, 1], [2, 0]]
    assert lengths.tolist() == [2, 1]
    assert Vocabulary(vocabulary.words) == vocabulary


def test_sentences_are_parted_by_class(tmp_path: Path) -> None:
    rows = [
        {
            "mood": ("up", "down")[i % 2],
            "text": f"film {i} of many a {'good' if i % 2 else 'bad'} one",
        }
        for i in range(100)
    ]
    splits = load_rows(write(tmp_path / "reviews.csv", rows))
    assert splits.columns == {"text": "text", "target": "mood", "date": None, "group": None}
    train = splits.train
    assert isinstance(train, TextSet)
    assert train.class_names == ("down", "up")
    encoding = splits.encoding
    known = encoding.vocabulary.words  # type: ignore[union-attr]
    assert "film" in known
    assert "17" not in known, "a word that comes up once stays unknown"
    picked = subset(train, [2, 0])
    assert picked.texts == (train.texts[2], train.texts[0])
    assert torch.equal(picked.tokens, train.tokens[[2, 0]])
    for part in (train, splits.test):
        assert isinstance(part, TextSet)
        assert abs(float(part.labels.float().mean()) - 0.5) < 0.05


def test_the_words_that_follow_are_one_later(tmp_path: Path) -> None:
    path = tmp_path / "counting.txt"
    path.write_text(" ".join(f"{i % 50}" for i in range(2000)))
    splits = load_rows(path)
    train = splits.train
    assert isinstance(train, WordStream)
    assert torch.equal(train.tokens[:, 1:], train.following[:, :-1])
    words = splits.encoding.vocabulary.words  # type: ignore[union-attr]
    now, later = (int(words[t[0, 0]]) for t in (train.tokens, train.following))
    assert later == (now + 1) % 50


def test_stories_follow_their_grammar() -> None:
    """The shares of drawn words are the grammar's; its entropy is that of its own drawings."""
    drawn = draw_stories(torch.Generator().manual_seed(1), 400).splitlines()
    nats, n = 0.0, 0
    for line in drawn:
        words = line.split()
        for i, word in enumerate(words):
            options = next_words(words[:i])
            assert sum(options.values()) == pytest.approx(1)
            nats -= math.log(options[word])
            n += 1
    assert nats / n == pytest.approx(entropy_a_word(), rel=0.05)
    assert "the cat sat on the mat ." in drawn


def test_pictures_stay_pictures(tmp_path: Path) -> None:
    (tmp_path / "shots.csv").mkdir()
    assert not is_rows(tmp_path / "shots.csv")
    assert not is_rows("mnist")
    assert not is_rows("photos.zip")
    assert is_rows("reviews.csv")
    assert is_rows("diabetes")
    with pytest.raises(DataError, match=r"reviews.csv holds words or numbers, and this takes pict"):
        load("reviews.csv")


def test_numbers_with_a_unit_are_numbers(tmp_path: Path) -> None:
    rows = [
        {"way": f"{i} km", "fare": f"$ {i * 2.5:,.2f}", "drive": f"{2 + i % 2}wd", "code": f"{i}A",
         "price": "" if i % 9 == 4 else f"{i * 3},5 €"}
        for i in range(60)
    ]  # fmt: skip
    found = load_rows(write(tmp_path / "rows.csv", rows, ";"))
    encoding = found.encoding
    assert isinstance(encoding, TableEncoding)
    assert encoding.units == {"way": "km", "fare": "$", "price": "€"}
    assert [column.name for column in encoding.numbers] == ["way", "fare"]
    assert [column.name for column in encoding.categories] == ["drive"]
    assert encoding.left_out == ("code",)
    prices = encoding.in_units(torch.cat([found.train.targets, found.test.targets]))
    assert 3.5 in prices[:, 0].round(decimals=3).tolist()
    assert "way is read as numbers of km" in found.notes
    mixed = [row | {"way": f"{i} {'mi' if i == 7 else 'km'}"} for i, row in enumerate(rows)]
    with pytest.raises(DataError, match=r"line 9: way is '7 mi', but nearly all .* are numbers"):
        load_rows(write(tmp_path / "rows.csv", mixed, ";"))


def test_identifiers_and_the_index_of_pandas_are_no_features(tmp_path: Path) -> None:
    rows = [
        {"": str(i), "PassengerId": str(900 - i), "visits": str(i), "paid": "x",
         "mood": "ab"[i % 2]}
        for i in range(60)
    ]  # fmt: skip
    found = load_rows(write(tmp_path / "rows.csv", rows))
    assert isinstance(found.encoding, TableEncoding)
    assert found.encoding.left_out == ("PassengerId", "paid")
    assert found.encoding.feature_names == ("visits",)
    with pytest.raises(DataError, match="column 1 has no name"):
        load_rows(write(tmp_path / "rows.csv", [row | {"": "7"} for row in rows]))


def test_dates_that_describe_rows_make_no_series(tmp_path: Path) -> None:
    days = [f"2024-03-{1 + i % 28:02d}" for i in range(80)]
    rows = [
        {"signup": day, "visits": str(i % 9), "left": "yn"[i % 9 > 4]} for i, day in enumerate(days)
    ]
    found = load_rows(write(tmp_path / "rows.csv", rows))
    assert (found.kind, found.columns["target"]) == ("table", "left")
    own = [f"2024-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in range(80)]
    texts = [
        {"day": day, "votes": str(i), "text": f"a tale of {i} words", "sentiment": "yn"[i % 2]}
        for i, day in enumerate(own)
    ]
    assert load_rows(write(tmp_path / "rows.csv", texts)).kind == "text"
    named = [{"day": day, "votes": str(i), "churned": "yn"[i % 2]} for i, day in enumerate(own)]
    assert load_rows(write(tmp_path / "rows.csv", named)).columns["target"] == "churned"
    series = [{"day": day, "votes": str(i % 7)} for i, day in enumerate(own)]
    assert load_rows(write(tmp_path / "rows.csv", series), window=5).kind == "series"


def test_an_hour_that_comes_twice_has_two_times(tmp_path: Path) -> None:
    # In the night of 2024-10-27 Berlin's clocks go from 03:00 back to 02:00.
    start = datetime(2024, 10, 26, tzinfo=UTC)
    hours = [(start + timedelta(hours=i)).astimezone(ZoneInfo("Europe/Berlin")) for i in range(99)]
    assert sum(hour.strftime("%d %H") == "27 02" for hour in hours) == 2
    rows = [{"time": hour.isoformat(), "value": str(i % 5)} for i, hour in enumerate(hours)]
    found = load_rows(write(tmp_path / "rows.csv", rows), window=5)
    assert "times of time are read in UTC" in found.notes
    assert not any("gaps" in note or "order" in note for note in found.notes)
    assert isinstance(found.test, SeriesSet)
    assert found.test.dates[-1] == "2024-10-30T02:00:00"


def test_objects_inside_objects_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"customer": {"age": i, "home": {"land": "DE"}}, "total": 2 * i} for i in range(40)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = load_rows(path)
    assert isinstance(found.encoding, TableEncoding)
    assert found.encoding.feature_names == ("customer.age",)
    assert found.encoding.left_out == ("customer.home.land",)
