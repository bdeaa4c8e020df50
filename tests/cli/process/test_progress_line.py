"""One line over all of a command: never backwards, one estimate, something into a pipe."""

from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path

import pytest
from rich.console import Console

from layerscope.cli.process import progress_line
from layerscope.cli.process.progress_line import EVERY_S, ProgressLine, as_time


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def line_of(parts: dict[str, float], *, terminal: bool) -> tuple[ProgressLine, Clock, io.StringIO]:
    clock, out = Clock(), io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=80, highlight=False)
    return ProgressLine(console, parts, clock=clock), clock, out


def test_what_is_left_is_measured_and_covers_the_parts_to_come() -> None:
    line, clock, _ = line_of({"training": 3, "looking": 1}, terminal=False)
    line.tell("training", 0.0, "epoch 1 of 2")
    assert line.left_s(clock()) is None
    clock.now = 15.0
    line.tell("training", 0.5, "epoch 1 of 2")
    assert line.done == pytest.approx(0.375)
    assert line.left_s(clock()) == pytest.approx(15 + 30 / 3)  # the rest of it, and a third as much
    clock.now = 30.0
    line.tell("looking", 0.0, "looking at pictures")
    clock.now = 80.0
    line.tell("looking", 0.5, "ablating")  # slower than was thought
    assert line.done == pytest.approx(0.875)
    assert line.left_s(clock()) == pytest.approx(50)


def test_a_line_never_runs_backwards_and_a_resumed_part_is_not_thought_fast() -> None:
    line, clock, _ = line_of({"training": 1}, terminal=False)
    line.tell("training", 0.8, "epoch 5 of 6")
    clock.now = 10.0
    line.tell("training", 0.9, "epoch 5 of 6")
    assert line.left_s(clock()) == pytest.approx(10)
    line.tell("training", 0.85, "epoch 5 of 6, again")
    assert line.done == pytest.approx(0.9)


def test_time_that_the_work_was_held_does_not_count(tmp_path: Path) -> None:
    line, clock, _ = line_of({"training": 1}, terminal=False)
    told: list[tuple[float, str, str]] = []
    line.on_tell = lambda *now: told.append(now)
    line.tell("training", 0.0, "epoch 1 of 2")
    clock.now = 10.0
    line.tell("training", 0.5, "epoch 1 of 2")
    line.hold(True)
    clock.now = 1000.0
    line.write(tmp_path / "progress.json")
    assert json.loads((tmp_path / "progress.json").read_text("utf-8")) == {
        "frac": 0.5, "what": "paused by hand", "left": ""
    }  # fmt: skip
    line.hold(False)
    clock.now = 1005.0
    line.tell("training", 0.75, "epoch 2 of 2")
    assert line.left_s(clock()) == pytest.approx(5)
    assert told[-1] == (0.75, "epoch 2 of 2", "5 s left")


def test_into_a_pipe_a_line_goes_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    line, clock, out = line_of({"training": 1}, terminal=False)
    with line:
        for step in range(1, 101):
            clock.now = 0.2 * step
            line.tell("training", step / 100, f"epoch {1 + step // 50} of 2")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == int(20 / EVERY_S)
    assert said[0] == " 25%  epoch 1 of 2, 15 s left"
    assert out.getvalue() == ""


def test_into_a_pipe_a_long_step_is_told_of_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_line, "EVERY_S", 0.05)
    console = Console(file=io.StringIO(), force_terminal=False)
    with ProgressLine(console, {"looking": 1}) as line:
        time.sleep(0.3)  # such as an import
        line.tell("looking", 0.5, "measuring units")
        time.sleep(0.3)  # such as one large layer
    said = capsys.readouterr().err.splitlines()
    assert sum(row == "  0%  getting ready" for row in said) >= 2
    assert sum(row.startswith(" 50%  measuring units") for row in said) >= 2
    time.sleep(0.15)
    assert not capsys.readouterr().err  # over is over


def test_on_a_terminal_there_is_one_line_from_the_start_with_one_estimate() -> None:
    line, clock, out = line_of({"training": 1, "looking": 1}, terminal=True)
    with line:
        assert "getting ready" in out.getvalue()
        line.tell("training", 0.0, "epoch 1 of 2")
        clock.now = 5.0
        line.tell("training", 0.5, "epoch 2 of 2  loss 0.123  accuracy 0.987")
        line.bar.refresh()
    plain = re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", out.getvalue()).replace("\r", "\n")
    shown = [row for row in plain.splitlines() if "epoch 2 of 2" in row]
    assert shown and all(len(row) <= 80 for row in shown)
    assert shown[-1].count("left") == 1 and "15 s left" in shown[-1] and "25%" in shown[-1]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (0.4, "0 s left"), (95, "1 min 35 s left"), (7290, "2 h 1 min left")],
)
def test_times_as_people_say_them(seconds: float | None, said: str) -> None:
    assert as_time(seconds) == said
