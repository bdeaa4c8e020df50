"""Ctrl-C in a demo names the demo that goes on: the same training, the same short look."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from layerscope.cli.main import app
from layerscope.cli.printing import print_look
from layerscope.cli.train_command import demo_run
from layerscope.pipeline.effort import DEMO
from layerscope.training import session
from layerscope.training.session import Listener, TrainingStopped


def interrupt(_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A run that was interrupted after the first of two epochs."""
    told = Listener(on_epoch=interrupt)
    with pytest.raises(TrainingStopped) as stop:
        session.train("digits", model="digit-mlp", epochs=2, out=tmp_path, listener=told)
    return stop.value.folder


def test_in_training_it_names_the_demo(monkeypatch: pytest.MonkeyPatch, stopped: Path) -> None:
    def train(*_: object, **__: object) -> None:
        raise TrainingStopped(stopped, 1, 2)

    monkeypatch.setattr(session, "train", train)
    with pytest.raises(TrainingStopped, match=f"go on with: layerscope demo --resume {stopped}"):
        demo_run(Listener(), out=stopped, device="cpu", seed=0, resume=None)


def test_in_looking_it_names_the_demo_which_then_looks_as_before(
    monkeypatch: pytest.MonkeyPatch, stopped: Path
) -> None:
    looks: list[dict] = []
    monkeypatch.setattr(
        print_look, "look", lambda subject, **how: looks.append({"home": subject.home, **how})
    )
    epochs: list[int] = []
    for scored in (True, False):  # an unfinished training goes on; a finished one is looked at
        result = CliRunner().invoke(app, ["demo", "--resume", str(stopped), "--device", "cpu"])
        assert result.exception is None, result.exception
        epochs.append(len((stopped / "history.jsonl").read_text().splitlines()))
        assert ("test accuracy" in result.stdout) == scored
    assert epochs == [2, 2]
    for look in looks:
        assert (look["home"], look["effort"], look["seed"]) == (stopped, DEMO, 0)
        assert look["again"] == f"'layerscope demo --resume {stopped}'"
    assert len(looks) == 2
