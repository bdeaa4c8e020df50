"""Watching changes nothing; what is changed by hand is written down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from layerscope.cli.printing.print_training import by_hand
from layerscope.data.imageset import Splits
from layerscope.errors import RecipeError
from layerscope.files import read_tensors
from layerscope.training.diagnostics.recording import read_recording
from layerscope.training.experiments.comparison import compare
from layerscope.training.session import Listener, TrainingStopped, resume, train
from layerscope.training.watch import Watch

SETTINGS: dict[str, Any] = {"model": "digit-mlp", "epochs": 2, "batch_size": 40}


def weights(run: Any) -> dict[str, torch.Tensor]:
    return read_tensors(run.path / "model.safetensors")[0]


def same(one: Any, other: Any) -> bool:
    mine, theirs = weights(one), weights(other)
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.fixture(scope="module")
def plain(striped: Splits, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return train(striped, out=tmp_path_factory.mktemp("plain"), **SETTINGS)


def told(watch: Watch, name: str) -> list[Any]:
    return [one.value for one in watch.since(-1)[1] if one.name == name]


def test_a_watched_training_is_the_same_training(
    striped: Splits, plain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layerscope.training.watch.FRAME_EVERY_S", 0.0)  # a frame of every step
    watch = Watch()
    with watch.looked_at():
        run = train(striped, out=tmp_path, listener=Listener(watch=watch), **SETTINGS)
    assert same(run, plain)
    assert run.record.by_hand == ()
    mine, theirs = read_recording(run.path), read_recording(plain.path)
    assert torch.equal(mine.steps, theirs.steps)
    assert torch.equal(mine.embedding, theirs.embedding)
    frames = told(watch, "frame")
    assert [frame["step"] for frame in frames] == list(range(18))
    # What is streamed is what is recorded.
    i = int(mine.steps[3])
    number = [one.number for one in watch.since(-1)[1] if one.name == "frame"][i]
    content = watch.frame_bytes(number)
    assert content is not None
    assert torch.equal(load(content)["probs"], mine.probs[3])
    assert frames[i]["gradient_norm"] == pytest.approx(
        [float(mine.gradient_norm(layer)[3]) for layer in mine.layers]
    )
    assert torch.equal(load(watch.probe)["pixels"], mine.probe_pixels)


def test_where_nobody_looks_no_frames_are_made_beside_the_recorded(
    striped: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layerscope.training.watch.FRAME_EVERY_S", 0.0)
    watch = Watch()
    run = train(striped, out=tmp_path, listener=Listener(watch=watch), **SETTINGS)
    steps = [frame["step"] for frame in told(watch, "frame")]
    assert steps == read_recording(run.path).steps.tolist()


def beside(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(work()))
    thread.start()
    return thread, done


def until(holds: Callable[[], bool]) -> None:
    for _ in range(3000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_a_pause_holds_single_batches_go_and_a_rate_by_hand_is_recorded(
    striped: Splits, plain: Any, tmp_path: Path
) -> None:
    watch = Watch()
    watch.pause(True)
    with watch.looked_at():
        thread, done = beside(
            lambda: train(striped, out=tmp_path, listener=Listener(watch=watch), **SETTINGS)
        )
        until(lambda: bool(told(watch, "start")))
        time.sleep(0.3)
        assert not told(watch, "frame")
        for n in (1, 2):
            watch.single()
            until(lambda n=n: len(told(watch, "frame")) == n)
        time.sleep(0.2)
        assert [frame["step"] for frame in told(watch, "frame")] == [0, 1]
        watch.set_rate(0.001)
        watch.single()
        until(lambda: len(told(watch, "frame")) == 3)
        assert told(watch, "frame")[2]["rate"] == 0.001
        watch.pause(False)
        thread.join(60)
    (run,) = done
    (change,) = run.record.by_hand
    assert (change.step, change.epoch, change.rate) == (2, 1, 0.001)
    assert change.rate_before == pytest.approx(told(watch, "rate")[0]["before"])
    assert not same(run, plain)
    assert [row.learning_rate for row in run.history] == [0.001, 0.001]
    # The time in which it stood still is no training time.
    assert run.record.results.train_s < 60
    found = compare([plain.path, run.path])
    assert [group.label for group in found.groups] == [
        "rates_by_hand=none",
        "rates_by_hand=3:0.001",
    ]
    assert "by hand at step 3" in by_hand(run.record.by_hand)
    # A gone-on training keeps the rate, watched or not.
    longer = resume(run.path, striped, epochs=3)
    assert longer.history[-1].learning_rate == 0.001
    assert longer.record.by_hand == run.record.by_hand


def test_back_to_the_schedule_is_the_schedule(striped: Splits, plain: Any, tmp_path: Path) -> None:
    """A rate that is set and taken back before any batch leaves the run as it would be."""
    watch = Watch()
    watch.set_rate(0.5)
    watch.set_rate(None)
    run = train(striped, out=tmp_path, listener=Listener(watch=watch), **SETTINGS)
    assert same(run, plain)
    assert [change.rate for change in run.record.by_hand] == [0.5, None]


def test_a_paused_training_hears_ctrl_c(
    striped: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()
    watch.pause(True)

    def interrupted(timeout: float | None = None) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch._news, "wait", interrupted)
    with pytest.raises(TrainingStopped):
        train(striped, out=tmp_path, listener=Listener(watch=watch), **SETTINGS)


@pytest.mark.parametrize("rate", [0.0, -1.0, 11.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(RecipeError, match="learning rate"):
        Watch().set_rate(rate)


def test_frames_are_bounded_and_the_ends_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    from layerscope.training.diagnostics.recorder import Vitals

    monkeypatch.setattr("layerscope.training.watch.MOST_FRAMES", 8)
    watch = Watch()
    for step in range(100):
        watch.frame(Vitals(step, 1, 0.5, 0.5, {"a": 1.0}, {"a": 0.1}), {"probs": torch.zeros(1)})
    steps = [frame["step"] for frame in told(watch, "frame")]
    assert len(steps) <= 8
    assert (steps[0], steps[-1]) == (0, 99)
