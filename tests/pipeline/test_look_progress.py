"""One progress over all of a look: it never falls, knows what is left, passes over what is kept."""

from __future__ import annotations

import pytest

from layerscope.pipeline.look_progress import (
    PICTURES,
    READING,
    UNITS,
    WRITING,
    LookProgress,
    LookTimer,
    Part,
    copy_part,
    in_words,
)

FIRST, SECOND = Part("ablation", "a"), Part("ablation", "b")


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def timer() -> tuple[LookTimer, Clock, list[LookProgress]]:
    told: list[LookProgress] = []
    clock = Clock()
    return LookTimer(told.append, clock), clock, told


def test_it_speaks_at_once_and_guesses_nothing_before_it_timed_something() -> None:
    look, _, told = timer()
    assert told == [LookProgress(READING, 0.0, None)]
    look.plan({READING: 1.0, PICTURES: 1.0})
    look.at(READING, 1, 2)
    assert told[-1].left_s is None


def test_a_right_guess_gives_the_right_time_throughout() -> None:
    look, clock, told = timer()
    parts = {READING: 2.0, PICTURES: 10.0, UNITS: 4.0, FIRST: 20.0, SECOND: 3.0, WRITING: 1.0}
    look.plan(parts)
    whole = sum(parts.values())
    for part, seconds in list(parts.items())[1:]:
        clock.now_s = sum(
            s for p, s in parts.items() if list(parts).index(p) < list(parts).index(part)
        )
        for done in range(5):
            look.at(part, done, 5)
            assert told[-1].part == part
            assert told[-1].done_frac == pytest.approx(clock.now_s / whole)
            known = (part, done) != (PICTURES, 0)
            assert told[-1].left_s == (pytest.approx(whole - clock.now_s) if known else None)
            clock.now_s += seconds / 5


def test_what_was_timed_corrects_what_was_guessed() -> None:
    look, clock, told = timer()
    look.plan({READING: 1.0, PICTURES: 100.0, FIRST: 500.0, SECOND: 500.0, WRITING: 200.0})
    clock.now_s = 3000.0  # imports, a trace: no measure of how fast pictures pass
    look.at(PICTURES, 0, 100)
    assert told[-1].left_s is None
    clock.now_s = 3500.0  # ten times as slow as guessed, and so is all that was not timed yet
    look.at(PICTURES, 50, 100)
    assert told[-1].left_s == pytest.approx(500.0 + 12_000.0, rel=0.02)
    clock.now_s = 4000.0
    look.at(FIRST, 0, 10)
    assert told[-1].left_s == pytest.approx(12_000.0, rel=0.01)
    clock.now_s = 4100.0  # but ablation is five times faster than guessed
    look.at(SECOND, 0, 10)
    assert told[-1].left_s == pytest.approx(100.0 + 200.0 * 1100 / 600, rel=0.01)


def test_a_first_report_with_the_first_batch_is_not_taken_for_infinite_speed() -> None:
    look, clock, told = timer()
    look.plan({READING: 2.0, PICTURES: 10.0, FIRST: 20.0})
    clock.now_s = 2.0
    look.at(PICTURES, 64, 640)
    assert told[-1].left_s is None and told[-1].done_frac < 0.1
    clock.now_s = 4.0
    look.at(PICTURES, 128, 640)  # two seconds a batch
    assert told[-1].left_s == pytest.approx(16.0 + 20.0 * 2.1 / 1.1)


def test_pictures_that_pass_in_no_time_do_not_make_all_of_it_seem_done() -> None:
    look, clock, told = timer()
    copies = {copy_part(i, 5): 4.0 for i in range(5)}
    look.plan({READING: 0.2, PICTURES: 0.15, UNITS: 6.0, **copies, WRITING: 0.2})
    clock.now_s = 2.0
    look.at(PICTURES, 0, 1)
    clock.now_s = 2.01
    look.at(UNITS, 0, 1)
    clock.now_s = 7.0
    look.at(copy_part(0, 5), 0, 1)
    assert told[-1].done_frac < 0.35
    assert told[-1].left_s == pytest.approx(20.2 * 5.1 / 6.25, rel=0.02)


def test_within_a_part_its_own_pace_counts() -> None:
    look, clock, told = timer()
    look.plan({READING: 1.0, PICTURES: 100.0})
    clock.now_s = 1.0
    look.at(PICTURES, 0, 100)
    clock.now_s = 2.0
    look.at(PICTURES, 50, 100)
    assert told[-1].left_s == pytest.approx(1.0)


def test_kept_parts_count_for_nothing_and_the_share_never_falls() -> None:
    look, clock, told = timer()
    copies = {copy_part(i, 3): 10.0 for i in range(3)}
    look.plan({READING: 1.0, PICTURES: 1.0, **copies, FIRST: 10.0, SECOND: 10.0, WRITING: 1.0})
    clock.now_s = 1.0
    look.at(PICTURES, 0, 1)
    clock.now_s = 2.0
    look.at(SECOND, 0, 10)  # copies and the first ablation were kept
    assert told[-1].left_s == pytest.approx(11.0)
    for i in range(1, 11):
        clock.now_s += 10.0  # slower and slower
        look.at(SECOND, i, 20)
    shares = [progress.done_frac for progress in told]
    assert shares == sorted(shares)
    assert shares[-1] <= 1


def test_it_is_said_in_words() -> None:
    assert str(LookProgress(copy_part(1, 5), 0.256, 4000.0)) == (
        "26%, measuring untrained copy 2 of 5, 1 h 6 min left"
    )
    assert str(LookProgress(READING, 0.0, None)) == "0%, reading the network"
    assert in_words(59.6) == "1 min 0 s"
