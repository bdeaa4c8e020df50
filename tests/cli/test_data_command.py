"""`layerscope data`: what it prints, writes and refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from layerscope.cli.data_command import app
from layerscope.cli.printing import print_sets
from layerscope.data.imageset import ImageSet, Splits
from layerscope.data.sets import set_names
from layerscope.errors import DataError


def said(*arguments: object) -> str:
    """What a command prints when it succeeds; its own error where it does not."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of six pictures, one of which is in both and one of which is broken."""
    for k, name in enumerate(("cat", "dog")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(6):
            noise = np.random.default_rng(10 * k + i).integers(0, 255, (30, 30, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / "photos" / name / f"{i}.png")
    same = (tmp_path / "photos" / "cat" / "0.png").read_bytes()
    (tmp_path / "photos" / "dog" / "0.png").write_bytes(same)
    (tmp_path / "photos" / "dog" / "1.png").write_text("no picture")
    return tmp_path / "photos"


def test_list_says_where_each_set_would_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mnist").mkdir()
    monkeypatch.setenv("LAYERSCOPE_DATA", str(tmp_path))
    with capsys.disabled():
        rows = {line.split()[0]: line for line in said("list").splitlines() if line.strip()}
    assert set(set_names()) <= set(rows)
    assert str(tmp_path / "mnist") in rows["mnist"]
    assert "fetch: 31 MB" in rows["fashion-mnist"]
    assert "built in" in rows["digits"]


def test_check_counts_and_names_what_is_wrong(photos: Path) -> None:
    text = said("check", photos)
    assert "cat: " in text and "dog: " in text
    assert "under two labels" in text
    assert "dog/1.png" in text and "cannot be read" in text


def test_show_writes_the_split_that_was_asked_for(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "sheet.png"
    assert out.name in said("show", photos, "--out", out, "--split", "test")
    with Image.open(out) as sheet:
        sheet.load()
    with pytest.raises(DataError, match="split is 'tset'; choose train or test"):
        said("show", photos, "--out", out, "--split", "tset")


def test_fetch_refuses_what_cannot_be_fetched() -> None:
    with pytest.raises(DataError, match="did you mean 'mnist'"):
        said("fetch", "mnits")
    with pytest.raises(DataError, match="digits is built in; there is nothing to fetch"):
        said("fetch", "digits")


def test_a_check_of_a_thousand_classes_stays_readable(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = torch.arange(1000) % 37 + 1
    labels = torch.repeat_interleave(torch.arange(1000), sizes)
    names = tuple(f"class {k}" for k in range(1000))
    parts = [
        ImageSet("many", split, torch.zeros(len(rows), 1, 8, 8, dtype=torch.uint8), rows, names)
        for split, rows in (("train", labels), ("test", torch.arange(1000)))
    ]
    print_sets.findings(Splits(*parts), [])
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) < 20
    assert "1 to 37 pictures to learn from in each class" in " ".join(rows)
    assert sum(row.startswith("  class ") for row in rows) == 10


def test_check_lists_all_files_that_cannot_be_read_and_a_few_of_the_rest(photos: Path) -> None:
    for i in range(2, 7):
        (photos / "dog" / f"{i}.png").write_text("no picture")
    text = said("check", photos)
    assert all(text.count(f"dog/{i}.png") == 1 for i in range(1, 7))
