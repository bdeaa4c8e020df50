"""Trainings at the same moment take turns: one at a time, each in its order, nobody forever."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import torch

from layerscope.cli.process import turns
from layerscope.cli.process.own_process import sharing_cores
from layerscope.cli.process.turns import TURN, Turn, turn_in
from layerscope.models import make_spec
from layerscope.training.recipe import Recipe
from layerscope.training.runs.progress import Progress
from layerscope.training.session import Listener

PROGRESS = Progress(
    epoch=1, epochs=1, step=1, total_steps=2, loss=1.0, accuracy=0.5, images_per_s=1.0, left_s=1.0
)


def test_trainings_step_one_at_a_time_and_each_gets_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_S", 0.01)
    at_work, met, order = set(), [], []
    together = threading.Barrier(3)

    def train(name: str) -> None:
        turn = Turn(tmp_path)
        together.wait()
        for _ in range(30):
            turn.go_on()
            at_work.add(name)
            met.append(len(at_work))
            order.append(name)
            time.sleep(0.002)
            at_work.discard(name)
        turn.end()

    threads = [threading.Thread(target=train, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(met) == {1}
    # Each of the three had several turns before any had all of its steps behind it.
    first_done = min(max(i for i, name in enumerate(order) if name == one) for one in "abc")
    early = "".join(order[: first_done + 1])
    assert all(early.count(name) >= 5 for name in "abc"), early


def test_alone_a_training_keeps_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_S", 0.0)
    turn = Turn(tmp_path)
    turn.go_on()
    held = turn.held
    assert held is not None
    turn.go_on()
    assert turn.held is held
    turn.end()
    assert held.closed and not turn.is_awaited()


def test_one_that_stands_still_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "SILENT_S", 0.5)
    paused, other = Turn(tmp_path), Turn(tmp_path)
    paused.go_on()
    other.go_on()
    assert other.held is None
    started = time.monotonic()
    other.go_on()  # it waits once
    assert other.held is None and time.monotonic() - started < turns.SILENT_S
    paused.go_on()  # it goes on: now it is waited for again
    waiting = threading.Thread(target=other.go_on)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    paused.end()
    waiting.join(2)
    assert other.held is not None
    other.end()


def test_an_emptied_or_missing_folder_stops_nobody(tmp_path: Path) -> None:
    turn = turn_in(tmp_path / "cache" / "layerscope")
    assert turn is not None
    turn.go_on()
    for file in turn.folder.iterdir():
        file.unlink()
    turn.go_on()
    turn.end()
    (turn.folder / TURN).mkdir()  # a lock that cannot be opened, as somebody else's cannot
    turn.go_on()
    assert turn.held is None
    (tmp_path / "file").touch()
    assert turn_in(tmp_path / "file" / "layerscope") is None


@pytest.mark.parametrize(
    ("threads", "device", "shares"), [(2, "cpu", True), (1, "cpu", False), (2, "cuda", False)]
)
def test_trainings_of_several_threads_on_a_processor_take_turns(
    threads: int,
    device: str,
    shares: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAYERSCOPE_CACHE", str(tmp_path))
    monkeypatch.setattr("layerscope.device.choose_device", torch.device)
    told: list[str] = []
    listener = Listener(
        on_start=lambda *_: told.append("start"), on_progress=lambda _: told.append("progress")
    )
    spec = make_spec(
        "digit-cnn", class_names="ab", channels=1, height=28, width=28, mean=[0], std=[1]
    )
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    other = Turn(tmp_path)
    waiting = threading.Thread(target=other.go_on)
    try:
        with sharing_cores(listener, device) as sharing:
            sharing.on_start(spec, Recipe(), None, tmp_path)  # type: ignore[arg-type]
            sharing.on_progress(PROGRESS)
            waiting.start()
            waiting.join(0.05)
            assert waiting.is_alive() == shares
        waiting.join(2)
        assert other.held is not None
    finally:
        torch.set_num_threads(before)
        other.end()
    assert told == ["start", "progress"]
