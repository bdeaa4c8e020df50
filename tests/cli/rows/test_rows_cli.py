"""The command line on words and numbers: what is said, and exit status 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from layerscope.cli.main import app
from layerscope.cli.reference import completions
from layerscope.data.rows.embedded_rows import ABOUT
from layerscope.data.rows.row_source import NAMES
from layerscope.errors import LayerscopeError
from layerscope.models.sequences.build_rows import rows_network_names

KINDS = ("blue,a", "red,b")
ROWS = ["size,colour,kind"] + [f"{i % 9},{KINDS[i % 2]}" for i in range(60)]


def call(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli")
    (path / "rows.csv").write_text("\n".join(ROWS), encoding="utf-8")
    said = call("train", str(path / "rows.csv"), "--target", "kind", "--epochs", "8", "--out",
                str(path / "runs"), "--set", "hidden=8", "--lr", "0.05")  # fmt: skip
    assert "table-mlp on rows: 44 rows to learn from, 4 to choose by, 12 to test on" in said
    assert "test accuracy 1 " in said
    assert "logistic regression" in said
    assert "over 5 folds, all 60 rows" in said
    return path


def test_rows_are_told(folder: Path) -> None:
    (folder / "new.csv").write_text("size,colour\n3,red\n,blue\n", encoding="utf-8")
    said = call("predict", str(folder / "runs"), str(folder / "new.csv"))
    assert "new.csv, line 2" in said
    found = json.loads(call("predict", str(folder / "runs"), str(folder / "new.csv"), "--json"))
    assert [row["label"] for row in found] == ["b", "a"]


def test_a_rate_is_looked_for(folder: Path) -> None:
    plot = folder / "rates.png"
    said = call("find-rate", str(folder / "rows.csv"), "--target", "kind", "--plot", str(plot))
    assert "with adamw the loss is halfway down at a learning rate of" in said
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "{}/rows.csv", "--target", "kinds"), "did you mean 'kind'"),
        (("train", "{}/rows.csv", "--size", "32"), "--size is for pictures"),
        (("train", "{}/rows.csv", "--set", "pooling=max"), "there is no field 'pooling'"),
        (("train", "digits", "--target", "kind"), "--target is for files of rows"),
        (("train", "{}/none.csv"), "cannot be read: No such file"),
        (("predict", "{}/runs", "a sentence"), "is no file of rows"),
        (("predict", "{}/runs", "{}/rows.csv", "--size", "3"), "--size is for pictures"),
        (("predict", "{}/runs", "{}/other.csv"), "colour is 'green', which never came up"),
        (("experiment", "{}/rows.csv", "--vary", "widths=8,9"), "there is no field 'widths'"),
        (("experiment", "{}/rows.csv", "--vary", "cell=gru,lstm"), "table-mlp has no cell"),
        (("experiment", "{}/rows.csv", "--vary", "epochs=1,2", "--size", "8"), "--size is for pic"),
        (("experiment", "digits", "--vary", "epochs=1,2", "--text", "t"), "--text is for files of"),
        (("find-rate", "{}/rows.csv", "--size", "32"), "--size is for pictures"),
        (("find-rate", "digits", "--target", "kind"), "--target is for files of rows"),
        (("compare", "{run}", "{run}"), "one finished run was given"),
        (("compare", "{run}", "{run}", "--report", "x.html"), "a page shows two runs on pictures"),
        (("look", "{}/runs", "--masks", "{}"), "is a run on words or numbers"),
        (("train", "--resume", "{}/runs"), "finished"),
    ],
)
def test_one_sentence_and_status_2(folder: Path, words: tuple[str, ...], message: str) -> None:
    (folder / "other.csv").write_text("size,colour\n3,green\n", encoding="utf-8")
    run = next((folder / "runs").glob("*/run.json")).parent
    filled = [word.replace("{}", str(folder)).replace("{run}", str(run)) for word in words]
    done = CliRunner().invoke(app, filled)
    assert isinstance(done.exception, LayerscopeError), done.output
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)


def test_what_the_shell_offers_is_what_there_is() -> None:
    assert tuple(ABOUT) == completions.ROW_SETS == NAMES
    assert rows_network_names() == completions.ROW_NETWORKS
    assert all(name in call("data", "list") for name in ABOUT)
