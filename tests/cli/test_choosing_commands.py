"""`experiment`, `compare`, `find-rate` and presets, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from helpers.typed_commands import layerscope, refusal

SMALL = ("--model", "digit-mlp", "--epochs", 1)


def test_an_experiment_prints_its_table_and_verdict_and_compare_says_the_same(
    tmp_path: Path,
) -> None:
    vary = ("--vary", "learning_rate=0.03,0.00001", "--seeds", 2)
    done = layerscope("experiment", "digits", *SMALL, *vary, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    verdict = next(line for line in done.stdout.splitlines() if "against" in line)
    assert verdict.startswith("learning_rate=1e-05 against learning_rate=0.03: -")
    record = json.loads((tmp_path / "experiment" / "experiment.json").read_text())
    assert record["verdicts"] == [verdict]
    with Image.open(tmp_path / "experiment" / "experiment.png") as picture:
        assert picture.width >= 600
    runs = sorted((tmp_path / "experiment").glob("arm-*/seed-*/*"))
    assert len(runs) == 4
    same = layerscope("compare", *runs, cwd=tmp_path)
    assert same.returncode == 0, same.stderr
    assert verdict in same.stdout
    again = layerscope("experiment", "digits", *SMALL, *vary, cwd=tmp_path)
    assert again.stdout == done.stdout  # all of it was there already


def test_find_rate_names_a_rate_and_draws_the_curve(tmp_path: Path) -> None:
    done = layerscope("find-rate", "digits", "--model", "digit-cnn", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the loss is halfway down at a learning rate of 0.0" in done.stdout
    with Image.open(tmp_path / "learning-rate.png") as picture:
        assert picture.width >= 800


def test_a_preset_is_a_recipe_with_a_name(tmp_path: Path) -> None:
    words = ("train", "digits", "--model", "digit-cnn", "--no-report")
    done = layerscope(*words, "--preset", "tutorial", "--epochs", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    recipe = json.loads(next(tmp_path.glob("runs/*/run.json")).read_text())["recipe"]
    assert (recipe["optimiser"], recipe["batch_size"], recipe["epochs"]) == ("adam", 64, 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "digits", "--preset", "quik"), "did you mean 'quick'"),
        (("experiment", "digits", "--vary", "pooling=max"), "pooling has 1 value"),
        (("experiment", "digits", "--vary", "poling=a,b"), "did you mean 'pooling'"),
        (("experiment", "digits", "--vary", "epochs=1,2", "--seeds", 0), "seeds is 0"),
        (("compare", "nowhere", "there"), "nowhere is no run folder"),
        (("compare", "nowhere"), "a comparison needs at least two"),
        (("find-rate", "digits", "--set", "optimiser=adamww"), "did you mean 'adamw'"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, words, message: str) -> None:
    assert message in refusal(*words, cwd=tmp_path)
