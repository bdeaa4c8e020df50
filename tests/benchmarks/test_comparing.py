"""The comparison of two programs' times, and the clock that times the tutorials' programs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def benchmark_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the benchmarks' modules be imported as their own programs import them."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "tutorials"))


def row(program: str, seed: int, train_s: float, *, reached: bool = True) -> dict[str, Any]:
    return {
        "task": "t",
        "program": program,
        "seed": seed,
        "train_s": train_s,
        "program_s": train_s + 10,
        "reached": reached,
    }


def test_the_ratio_is_that_of_the_medians_and_its_range_that_of_the_seeds() -> None:
    from comparing import summarise

    rows = [row("tutorial", i, s) for i, s in enumerate((20, 60, 50))]
    rows += [row("layerscope", i, s) for i, s in enumerate((4, 2, 5))]
    found = summarise(rows)["t"]
    assert found["learning"] == {
        "tutorial_median_s": 50,
        "layerscope_median_s": 4,
        "ratio": 12.5,
        "ratio_range": [5, 30],
    }
    assert found["program"]["ratio"] == 60 / 14
    assert found["n"] == found["tutorial_reached"] == found["layerscope_reached"] == 3
    assert found["holds"]


def test_only_seeds_that_both_have_are_compared() -> None:
    from comparing import summarise

    rows = [row("tutorial", 0, 30), row("layerscope", 0, 10), row("tutorial", 1, 900)]
    assert summarise(rows)["t"]["learning"]["ratio"] == 3
    assert not summarise(rows)["t"]["holds"]
    assert summarise(rows[2:]) == {}


def test_a_quick_run_that_misses_its_target_is_endless() -> None:
    from comparing import summarise

    rows = [row("tutorial", i, 100) for i in range(3)]
    quick = [row("layerscope", i, 1, reached=i == 0) for i in range(3)]
    found = summarise(rows + quick)["t"]
    assert found["layerscope_reached"] == 1
    assert found["learning"]["layerscope_median_s"] is None
    assert found["learning"]["ratio"] == 0
    assert found["learning"]["ratio_range"] == [0, 100]
    assert not found["holds"]


def test_a_tutorial_that_gives_up_counts_with_the_seconds_it_had() -> None:
    from comparing import summarise

    rows = [row("tutorial", 0, 100, reached=False), row("layerscope", 0, 5)]
    found = summarise(rows)["t"]
    assert (found["tutorial_reached"], found["learning"]["ratio"]) == (0, 20)


@pytest.mark.parametrize(("steps", "looks"), [(938, {235, 469, 704, 938}), (4, {1, 2, 3, 4})])
def test_looks_divide_an_epoch_evenly(steps: int, looks: set[int]) -> None:
    from clock import check_steps

    assert check_steps(steps) == looks


def test_the_clock_stands_while_it_looks() -> None:
    from clock import Clock

    accuracies = iter((0.1, 0.5, 0.9, 0.95, 0.96))

    def look() -> float:
        time.sleep(0.05)
        return next(accuracies)

    clock = Clock(0.9, 15, look)
    clock.start()
    for epoch in (1, 2):
        for step in range(1, 5):
            time.sleep(0.01)
            clock.after_step(epoch, step, 4)
    clock.stop()
    assert clock.reached == clock.checks[2]
    # Four looks in the first epoch (the last at its end), one at the end of the second.
    assert [check.epoch for check in clock.checks] == [0.25, 0.5, 0.75, 1, 2]
    assert clock.left_out_s >= 0.25
    assert clock.checks[-1].train_s == pytest.approx(clock.learned_s, abs=0.01)
    gone = clock.checks[-1].program_s - clock.checks[0].program_s
    assert gone == pytest.approx(clock.checks[-1].train_s - clock.checks[0].train_s, abs=0.02)


def test_the_clock_goes_on_to_five_epochs_or_to_the_target() -> None:
    from clock import Clock

    clock = Clock(0.9, 15, lambda: 0.95)
    assert not clock.is_over(5)
    clock.after_step(1, 1, 1)
    assert [clock.is_over(epoch) for epoch in (4, 5)] == [False, True]
    assert not Clock(0.9, 15, lambda: 0.0).is_over(14)
    assert Clock(0.9, 15, lambda: 0.0).is_over(15)


def test_busy_seconds_are_all_but_idle_and_waiting() -> None:
    from quiet import busy_s

    assert busy_s("cpu  100 20 3 5000 400 5 6 7 0 0\ncpu0 1", 100) == pytest.approx(1.41)


def test_work_of_this_process_is_not_that_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import quiet

    stat, ticks = tmp_path / "stat", os.sysconf("SC_CLK_TCK")
    monkeypatch.setattr(quiet, "STAT", stat)
    stat.write_text(f"cpu  {100 * ticks} 0 0 0 0 0 0 0 0 0")
    others, began, started = quiet.Others(), time.process_time(), time.perf_counter()
    while time.process_time() < began + 0.2:
        pass
    assert others.cores() == 0
    stat.write_text(f"cpu  {102 * ticks} 0 0 0 0 0 0 0 0 0")
    found, elapsed_s = others.cores(), time.perf_counter() - started
    assert found is not None
    assert found * elapsed_s == pytest.approx(1.8, abs=0.1)


def test_where_the_system_does_not_tell_others_are_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import quiet

    monkeypatch.setattr(quiet, "STAT", tmp_path / "none")
    assert quiet.Others().cores() is None


def test_the_budget_is_the_median_of_the_tutorials_five_epochs() -> None:
    from accuracy_in_time import Case, five_epochs_s, summarise

    rows = [
        {**row("tutorial", i, 1), "after_five_epochs": {"train_s": s}}
        for i, s in enumerate((9, 1, 4))
    ]
    rows += [row("layerscope", 0, 1)]
    assert five_epochs_s({"figures": {"rows": rows}}, "t") == 4
    ours = [
        {"test_accuracy": a, "train_s": s, "reached": a >= 0.5}
        for a, s in ((0.6, 3.0), (0.7, 5.0), (0.4, 1.0))
    ]
    found = summarise(ours, Case("t", 0.5, "set"), 4)
    assert (found["holds_in"], found["n"], found["median_test_accuracy"]) == (1, 3, 0.6)
