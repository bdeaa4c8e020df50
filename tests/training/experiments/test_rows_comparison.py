"""Runs on words and numbers side by side, against scores recomputed and planted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from layerscope.data.rows.load_rows import load_rows
from layerscope.errors import RunError
from layerscope.files import write_tensors
from layerscope.training.experiments.comparison import compare
from layerscope.training.experiments.paired_differences import over_pictures
from layerscope.training.rows.rows_run import open_rows_run
from layerscope.training.rows.rows_scores import ROW_SCORES
from layerscope.training.rows.rows_session import train_rows
from layerscope.training.runs.run_folder import PACKAGED

WORDS = ("good", "bad", "long", "short", "old", "new")
TEXTS = [
    "text,mood",
    *(f"{WORDS[i % 2]} {WORDS[2 + i % 4]} and {i},{'up' if i % 3 else 'down'}" for i in range(80)),
]
SMALL = {"hidden": 4, "embedding": 4, "vectors": "drawn", "epochs": 1}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "films.csv"
    path.write_text("\n".join(TEXTS), encoding="utf-8")
    for cell, seed in (("lstm", 0), ("gru", 1)):
        train_rows(path, cell=cell, seed=seed, out=path.parent / "runs", **SMALL)
    return path


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    lines = ["size,price", *(f"{i % 7},{i % 7 * 2 + i % 3}" for i in range(60))]
    (folder / "shop.csv").write_text("\n".join(lines), encoding="utf-8")
    for seed in (0, 1):
        for hidden in (2, 4):
            train_rows(folder / "shop.csv", hidden=hidden, epochs=1, seed=seed, out=folder / "runs")
    return folder / "runs"


def runs_in(folder: Path) -> list[Path]:
    return sorted(record.parent for record in folder.glob("*/run.json"))


def test_two_networks_are_paired_on_the_same_sentences(texts: Path) -> None:
    """Though their seeds, and with them vocabularies and validation rows, differ."""
    found = compare([texts.parent / "runs"])
    hits = []
    for group in found.groups:
        run = open_rows_run(group.runs[0])
        test = load_rows(texts, seed=run.record.seed).test
        assert run.record.data.n_test == len(test) == 16
        with torch.inference_mode():
            hits.append((run.model(test.inputs).argmax(1) == test.targets).tolist())
        share = sum(hits[-1]) / 16
        assert group.test == (pytest.approx(share),)
        assert group.test_intervals[0][0] < share < group.test_intervals[0][1]
    assert [group.label for group in found.groups] == ["cell=lstm", "cell=gru"]
    assert found.on_test == (over_pictures(hits[1], hits[0], what="test rows"),)
    assert found.on_validation == (None,)
    assert "16 test rows" in found.verdicts[0]


def test_errors_are_better_where_they_are_smaller(tables: Path, tmp_path: Path) -> None:
    """Each row is told better by one: so is every draw of the bootstrap."""
    first, second = (shutil.copytree(run, tmp_path / run.name) for run in runs_in(tables)[:2])
    scores = torch.linspace(1, 9, 12, dtype=torch.float64)
    for run, values in ((first, scores), (second, scores - 1)):
        figures = {"mean absolute error": values, "root mean squared error": values.square()}
        write_tensors(run / ROW_SCORES, figures)
    found = compare([first, second])
    difference = found.on_test[0]
    assert difference is not None
    assert difference.mean == pytest.approx(-1)
    assert difference.interval == pytest.approx((-1, -1))
    assert found.verdicts[0].endswith(
        "mean absolute error -1, 95% interval -1 to -1 (12 test rows): better"
    )
    assert compare([second, first]).verdicts[0].endswith("(12 test rows): worse")


def test_several_seeds_are_paired_on_validation(tables: Path) -> None:
    found = compare([tables])
    assert [(group.label, group.seeds) for group in found.groups] == [
        ("hidden=2", (0, 1)), ("hidden=4", (0, 1))
    ]  # fmt: skip
    assert found.on_test == (None,)
    assert "explained variance" in found.verdicts[0]
    assert "(2 seeds)" in found.verdicts[0]
    assert found.unpaired == ""


def test_runs_of_earlier_versions_are_not_paired(tables: Path, tmp_path: Path) -> None:
    first, second = (shutil.copytree(run, tmp_path / run.name) for run in runs_in(tables)[:2])
    for run in (first, second):
        (run / ROW_SCORES).unlink()
        record = json.loads((run / "run.json").read_text())
        del record["data"]["rows_fingerprint"]
        (run / "run.json").write_text(json.dumps(record))
    found = compare([first, second])
    assert found.on_test == (None,)
    assert found.verdicts[-1].startswith("what each network said of each test row was not kept")
    (first / ROW_SCORES).write_bytes(b"cut off")
    (second / ROW_SCORES).write_bytes(b"cut off")
    with pytest.raises(RunError, match=r"row-scores\.safetensors cannot be read"):
        compare([first, second])


def test_what_cannot_be_compared_is_refused(texts: Path, tables: Path) -> None:
    film, shop = runs_in(texts.parent / "runs"), runs_in(tables)
    with pytest.raises(RunError, match=r"different rows \(mood of films, price of shop\)"):
        compare([film[0], shop[0]])
    with pytest.raises(RunError, match=r"numbers, and digit-cnn from pictures; compare runs of"):
        compare([film[0], PACKAGED / "digit-cnn"])
    with pytest.raises(RunError, match="is no run folder"):
        compare([film[0], texts.parent / "nothing"])
    with pytest.raises(RunError, match="needs at least two"):
        compare([film[0], film[0]])
    with pytest.raises(RunError, match="same settings and seed 0"):
        compare([shop[0], shop[1], shop[0].parent / ".." / "runs" / shop[0].name])
