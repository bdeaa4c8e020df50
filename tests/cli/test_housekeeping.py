"""Small commands: help, models, cache, open. None of them trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from layerscope.cli.housekeeping import open_command
from layerscope.cli.main import app
from layerscope.cli.reference.fields_help import RECORDS, fields_of
from layerscope.errors import RunError, nearest
from layerscope.models.sequences.rows_spec import RowsShape
from layerscope.models.spec import NetShape
from layerscope.training.input.prepare import model_called
from layerscope.training.recipe import Recipe
from layerscope.training.runs.run_folder import find_run


def said(*arguments: object) -> str:
    """What a command prints when it succeeds; its own error where it does not."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_help_of_train_lists_every_field_with_its_default() -> None:
    for (_, path, name), record in zip(RECORDS, (Recipe, NetShape, RowsShape), strict=True):
        listed = {field.name: field for field in fields_of(path, name)}
        assert list(listed) == [field.name for field in fields(record)]
        for field in fields(record):
            value = field.default
            typed = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            typed = typed.lower() if isinstance(value, bool) else typed
            assert listed[field.name].default == typed
            assert listed[field.name].about, f"{field.name} is not described"


def test_help_comes_without_torch_and_fits_eighty_columns() -> None:
    for words in (["-h"], ["train", "-h"], ["experiment", "--help"], ["look", "-h"]):
        code = (
            f"import sys; sys.argv = ['layerscope', *{words!r}]\n"
            "from layerscope.cli.main import app\n"
            "try:\n    app()\nexcept SystemExit: pass\n"
            "assert 'torch' not in sys.modules"
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env={**os.environ, "COLUMNS": "80"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert max(map(len, done.stdout.splitlines())) <= 80
    assert "label_smoothing_frac" in said("train", "--help")


@pytest.mark.parametrize(
    ("word", "choices", "meant"),
    [
        ("lr", ["learning_rate", "epochs"], "learning_rate"),
        ("fast", ["default", "quick", "best"], "quick"),
        ("BatchNorm", ["batch_norm"], "batch_norm"),
        ("early-stopping", ["stop_after_epochs"], "stop_after_epochs"),
    ],
)
def test_words_of_the_same_meaning_are_suggested(word: str, choices: list[str], meant) -> None:
    assert nearest(word, choices) == f"; did you mean {meant!r}?"


def test_lists_fit_eighty_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from layerscope.cli.printing import console, print_machine, print_sets

    monkeypatch.setenv("LAYERSCOPE_CACHE", str(tmp_path))
    monkeypatch.delenv("LAYERSCOPE_DATA", raising=False)
    for words, names in ((("models",), 6), (("data", "list"), 6)):
        screen = Console(width=80, highlight=False, soft_wrap=True, record=True)
        for module in (console, print_machine, print_sets):
            monkeypatch.setattr(module, "console", screen)
        said(*words)
        rows = screen.export_text().splitlines()
        assert max(map(len, rows)) <= 88  # a sentence may run on; a table may not wrap
        table = rows[1 : 1 + names]
        assert all(row and not row.startswith(" ") for row in table), table


def test_models_are_listed() -> None:
    text = said("models")
    assert "digit-mlp" in text and "109,386" in text and "compact" in text
    assert "torchvision:resnet18" in said("models", "torchvision").splitlines()
    assert said("models", "torchvision", "--containing", "resnet18") == "torchvision:resnet18\n"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Digit-CNN", "digit-cnn"),
        ("TorchVision:ResNet18", "torchvision:resnet18"),
        ("mine:Net", "mine:Net"),  # somebody's own code keeps its capitals
    ],
)
def test_networks_are_found_however_they_are_capitalised(typed: str, meant: str) -> None:
    assert model_called(typed) == meant
    if meant == "digit-cnn":
        assert find_run(Path(typed)).name == meant


def test_cache_says_where_how_large_and_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERSCOPE_CACHE", str(tmp_path))
    for room, n in (("decoded", 3), ("drawn", 2), ("sets", 1)):
        (tmp_path / room).mkdir()
        (tmp_path / room / "file").write_bytes(bytes(n * 1_000_000))
    text = said("cache")
    assert str(tmp_path) in text and "3.0 MB" in text and "1.0 MB" in text
    assert "5.0 MB" in said("cache", "prune")
    assert not (tmp_path / "decoded").exists() and (tmp_path / "sets" / "file").is_file()
    said("cache", "prune", "--all")
    assert not (tmp_path / "sets").exists()


def test_open_opens_the_report_or_says_how_to_see_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "runs" / "a run"
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({}))
    with pytest.raises(RunError, match=r"there is no .*report.html; 'layerscope look .*a run'"):
        said("open", tmp_path / "runs")
    (run / "report.html").write_text("")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "COLAB_RELEASE_TAG", "COLAB_GPU"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    text = said("open", tmp_path / "runs")
    assert (run / "report.html").as_uri() in text and "scp " in text
    monkeypatch.setenv("COLAB_RELEASE_TAG", "x")
    assert "files.download(" in said("open", run)
    monkeypatch.setenv("DISPLAY", ":0")
    opened: list[Path] = []
    monkeypatch.setattr(open_command, "open_in_browser", lambda path: not opened.append(path))
    assert said("open", run / "report.html").startswith("opened ")
    assert opened == [run / "report.html"]
