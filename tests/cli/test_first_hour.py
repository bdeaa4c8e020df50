"""What a new user types in the first hour: which run is meant, own pictures, common flags."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from rich.console import Console
from typer.testing import CliRunner

from layerscope.cli.main import app
from layerscope.cli.printing import print_experiments, print_training
from layerscope.cli.process.progress_line import ProgressLine
from layerscope.errors import DataError
from layerscope.models.own_pictures import OwnPictures
from layerscope.pipeline import look as pipeline_look
from layerscope.training import session
from layerscope.training.runs.run_folder import find_run


class ReachedError(Exception):
    """The call that a command leads to was made."""


def said(*arguments: object) -> str:
    """What a command prints; its own error where there is one."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return " ".join(result.stdout.split())


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a training or a look was asked for; neither is made."""
    asked: dict[str, Any] = {}

    def reached(*given: object, **how: object) -> None:
        asked.update(how, given=given)
        raise ReachedError

    monkeypatch.setattr(session, "train", reached)
    monkeypatch.setattr(pipeline_look, "look", reached)
    return asked


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with two runs, the second one newer."""
    for age_s, name in ((100, "digits-a"), (0, "digits-b")):
        run = tmp_path / "my runs" / name
        shutil.copytree(find_run(Path("digit-cnn")), run)
        when = 1_700_000_000 - age_s
        os.utime(run / "run.json", (when, when))
    return tmp_path / "my runs"


def draw_one(path: Path) -> Path:
    picture = Image.new("L", (60, 60), 255)
    ImageDraw.Draw(picture).line([(30, 8), (30, 52)], fill=0, width=7)
    path.parent.mkdir(exist_ok=True)
    picture.save(path)
    return path


def test_predict_names_the_run_that_a_folder_of_runs_stands_for(runs: Path) -> None:
    one = draw_one(runs / "пример ü" / "one.png")
    words = said("predict", runs, one)
    assert "my runs/digits-b, the latest run there: digit-cnn, which tells apart 0, 1, 2, 3 " in (
        words
    )
    # One that was named needs no such word.
    for named in (runs / "digits-a", "digit-cnn"):
        words = said("predict", named, one)
        assert "latest" not in words and words.count("one.png") == 2


def test_a_broken_link_among_pictures_is_told_of_and_an_empty_file_called_so(
    runs: Path, tmp_path: Path
) -> None:
    one = draw_one(tmp_path / "one.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("no picture")
    words = said("predict", runs, *(tmp_path / f"{name}.png" for name in ("gone", "empty", "text")),
                 one)  # fmt: skip
    assert "gone.png is a link to a file that is gone" in words
    assert "empty.png is an empty file" in words
    assert "text.png is not a picture" in words
    assert "100.0%" in words  # the good one is named all the same
    with pytest.raises(DataError, match=r"there is no .*nowhere.png; check its name"):
        said("predict", runs, tmp_path / "nowhere.png", one)


def test_look_takes_pictures_of_ones_own(runs: Path, call: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "more"
    draw_one(folder / "a.png")
    draw_one(folder / "b.png")
    one = draw_one(tmp_path / "one.png")
    with pytest.raises(ReachedError):
        said("look", runs, "--data", "digits", "--quick", "--picture", one, "--picture", folder)
    own = call["pictures"]
    assert isinstance(own, OwnPictures)
    assert own.ids == (str(one), str(folder / "a.png"), str(folder / "b.png"))
    assert own.pixels.shape == (3, 1, 28, 28)
    assert own.pixels[0, 0, 14].max() > 200  # as it is given to the network: light ink on black


@pytest.mark.parametrize("spelling", ["--optimizer", "--optimiser"])
@pytest.mark.parametrize("rate", ["--lr", "--learning-rate"])
def test_common_choices_are_flags_in_both_spellings(
    call: dict[str, Any], spelling: str, rate: str
) -> None:
    with pytest.raises(ReachedError):
        said("train", "digits", spelling, "adam", rate, 0.01, "--batch-size", 16, "--epochs", 3)
    assert call["given"] == ("digits",)
    assert (call["optimiser"], call["learning_rate"]) == ("adam", 0.01)
    assert (call["batch_size"], call["epochs"]) == (16, 3)


def test_an_experiment_says_which_of_its_runs_it_is_at() -> None:
    line = ProgressLine(Console(file=io.StringIO()), {"training": 1})
    _, on_arm = print_experiments.experimenting(line)
    on_arm("pooling=max", 0, 2, 4)
    assert line.what == "run 2 of 4: pooling=max, seed 0"
    assert line.done == 0.25


def test_pictures_that_are_read_before_a_training_are_told_of() -> None:
    line = ProgressLine(Console(file=io.StringIO()), {"reading": 1, "training": 1, "looking": 2})
    told = print_training.training(line)
    told.on_pictures(500, 2000)
    assert line.what == "reading 2,000 pictures"
    assert line.done == pytest.approx(0.25 / 4)
