"""Records from JSON: what is wrong is said in one sentence, what is unknown is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layerscope.errors import AtlasError
from layerscope.files import write_json
from layerscope.formats.documents import Document, from_plain, read_document
from layerscope.formats.unit_record import ControlRange, Histogram, Patch, UnitRecord

UNIT: dict[str, Any] = {
    "index": 0,
    "mean": 0.5,
    "std": 1,
    "max": 2.0,
    "zero_frac": 0.25,
    "dead": False,
    "histogram": {"low": 0.0, "high": 1.0, "counts": [1, 2]},
    "patches": [
        {
            "row": 3,
            "id": "3.png",
            "label": 1,
            "value": 2.0,
            "position": None,
            "box_px": [0, 0, 4, 4],
        }
    ],
    "name": None,
    "kind": None,
    "role": None,
    "descriptions": [],
    "tuning": None,
    "concepts": [
        {"kind": "class", "name": "cat", "value": 0.5, "measure": "auroc", "untrained_p95": 0.4}
    ],
    "ablation": None,
    "featurevis": None,
    "strongest_inputs": [[2, 0.5]],
    "excited_by": [],
    "inhibited_by": [[2, -0.25]],
    "class_weights": [],
    "recurrence": None,
    "named_patches": None,
    "patches_note": None,
    "dependence": None,
    "clusters": None,
}


def read(path: Path, value: Any) -> Document[UnitRecord]:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    path.write_bytes(text)
    return read_document(path, UnitRecord, error=AtlasError, remedy="look again")


def changed(*place: str | int, to: Any) -> dict[str, Any]:
    value = json.loads(json.dumps(UNIT))
    target = value
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = to
    return value


def test_a_record_is_typed_and_comes_back_as_it_was(tmp_path: Path) -> None:
    found = read(tmp_path / "unit.json", UNIT)
    assert found.record.patches[0] == Patch(
        row=3, id="3.png", label=1, value=2.0, position=None, box_px=(0, 0, 4, 4)
    )
    assert found.record.histogram == Histogram(low=0, high=1, counts=(1, 2))
    assert found.unknown == ()
    assert found.to_json() == UNIT


def test_what_a_newer_version_wrote_is_kept_in_its_place(tmp_path: Path) -> None:
    newer = changed("colour", to={"deep": [1]})
    newer["histogram"]["bins"] = "equal"
    newer["patches"][0]["mask"] = None
    newer["concepts"][0]["q"] = 0.25
    found = read(tmp_path / "unit.json", newer)
    assert found.record == read(tmp_path / "old.json", UNIT).record
    write_json(tmp_path / "again.json", found.to_json())
    assert json.loads((tmp_path / "again.json").read_text()) == newer


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (changed("max", to="2"), "max is a text, must be a number; look again"),
        (
            changed("patches", 0, "label", to=0.5),
            "patches[0].label is a number, must be a whole number or null; look again",
        ),
        (changed("concepts", 0, "value", to=None), "value is null, must be a number; look again"),
        (changed("dead", to=1), "dead is a whole number, must be true or false; look again"),
        (changed("zero_frac", to=1.5), "zero_frac: expected `float` <= 1.0; look again"),
        (changed("patches", 0, to=[]), "patches[0] is a list, must be an object; look again"),
        (
            {name: item for name, item in UNIT.items() if name != "mean"},
            "the record has no field 'mean'; look again",
        ),
        (
            changed("histogram", to={"low": 0.0, "high": 1.0}),
            "histogram has no field 'counts'; look again",
        ),
        ([UNIT], "unit.json holds a list, not a record; look again"),
        ("UNIT", "unit.json holds a text, not a record; look again"),
        (b'{"index": 0', "cannot be read (it is no JSON: Input data was truncated); look again"),
        (b"\xff\xfe\x00", "cannot be read (it is no JSON"),
        (b"", "cannot be read (it is no JSON"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(
    tmp_path: Path, value: Any, sentence: str
) -> None:
    with pytest.raises(AtlasError) as caught:
        read(tmp_path / "unit.json", value)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "unit.json"))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match=r"none\.json cannot be read .No such file"):
        read_document(tmp_path / "none.json", UnitRecord, error=AtlasError, remedy="look again")


def test_whole_numbers_are_numbers_and_records_cannot_be_changed() -> None:
    found = from_plain({"mean": 1, "low": 0, "high": 2}, ControlRange).record
    assert (found.mean, found.low, found.high) == (1.0, 0.0, 2.0)
    with pytest.raises(AttributeError):
        found.mean = 2.0  # type: ignore[misc]
