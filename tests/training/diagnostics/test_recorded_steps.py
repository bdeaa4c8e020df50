"""The steps that are recorded: dense at first, then ever fewer, and always the last."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from layerscope.training.diagnostics.recorded_steps import chosen_steps


@given(per_epoch=st.integers(1, 2000), epochs=st.integers(1, 300), most=st.integers(10, 64))
def test_first_steps_last_step_and_no_more_than_asked(
    per_epoch: int, epochs: int, most: int
) -> None:
    steps = chosen_steps(per_epoch, epochs, most=most)
    total = per_epoch * epochs
    assert list(steps) == sorted(set(steps))
    assert steps[: min(8, total)] == tuple(range(min(8, total)))
    assert steps[-1] == total - 1
    assert len(steps) <= max(most, 9)
    # Beyond the first eight, at most one step in twenty is paid for.
    assert len(steps) <= 8 + total / 45 + 1


def test_gaps_grow() -> None:
    steps = [step for step in chosen_steps(1000, 1) if step > 8]
    gaps = [b - a for a, b in itertools.pairwise(steps)]
    assert gaps[:-1] == sorted(gaps[:-1])


def test_ends_of_epochs_are_there_while_they_are_few() -> None:
    assert {399, 799, 1199, 1599, 1999} <= set(chosen_steps(400, 5))
    assert 399 not in chosen_steps(400, 200)
