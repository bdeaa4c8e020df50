"""One progress line: over itself in a terminal, in one output of a notebook, rarely in a log."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

from layerscope.progress_display import ProgressDisplay, surroundings


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "ascii"

    def isatty(self) -> bool:
        return True


def ticking(step_s: float):
    """A clock that goes on by a step at every look."""
    now = [0.0]

    def clock() -> float:
        now[0] += step_s
        return now[0]

    return clock


def seen_after(written: str) -> list[str]:
    """What stands on each line of a terminal: a carriage return writes over it."""
    lines = []
    for line in written.split("\n"):
        cells = ""
        for part in line.split("\r"):
            cells = part + cells[len(part) :]
        lines.append(cells.rstrip())
    return lines


def test_a_terminal_shows_one_line_and_keeps_what_was_said() -> None:
    stream = Terminal()
    with ProgressDisplay(stream, clock=ticking(1.0)) as line:
        line.tell("measuring untrained copy 2 of 5", 0.25, 80.0)
        assert seen_after(stream.getvalue())[-1] == (
            "#####............... 25% measuring untrained copy 2 of 5, 1 min 20 s left"
        )
        line.say("report there")
        line.tell("writing", 0.5)
    assert seen_after(stream.getvalue()) == ["report there", ""]


def test_a_log_gets_a_line_now_and_then() -> None:
    stream = io.StringIO()
    with ProgressDisplay(stream, clock=ticking(4.0)) as line:
        for i in range(10):
            line.tell(f"step {i}", i / 10)
    assert stream.getvalue().splitlines() == ["20% step 2", "50% step 5", "80% step 8"]


def test_a_notebook_writes_over_its_own_output(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    shown: list[str] = []

    def display(html: str, *, display_id: bool) -> SimpleNamespace:
        shown.append(html)
        return SimpleNamespace(update=lambda other: shown.__setitem__(-1, other))

    shell = SimpleNamespace(kernel=object())
    module = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(HTML=str, display=display))
    assert surroundings(io.StringIO()) == "notebook"
    with ProgressDisplay(clock=ticking(1.0)) as line:
        line.tell("<epoch> 1", 0.5, 3.0)
        assert shown == [
            '<progress value="0.500" max="1"></progress> 50% &lt;epoch&gt; 1, 3 s left'
        ]
        line.say("epoch 1: done")
        line.tell("epoch 2", 0.75)
        assert len(shown) == 1
    assert shown == [""]
    assert capsys.readouterr().out == "epoch 1: done\n"


def test_nothing_is_shown_of_what_takes_no_time() -> None:
    stream = Terminal()
    with ProgressDisplay(stream, clock=ticking(0.0)) as line:
        line.tell("reading", 0.5)
    assert stream.getvalue() == ""
