"""An accuracy beside the most frequent class."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sklearn.metrics import balanced_accuracy_score

from layerscope.intervals import wilson_interval
from layerscope.training.runs.baselines import baselines


@dataclass(frozen=True)
class Row:
    name: str
    n: int
    recall: float | None


def test_three_pictures_against_a_thousand_are_not_announced_as_nearly_perfect() -> None:
    found = baselines([Row("cat", 1000, 1.0), Row("dog", 3, 0.0)], wilson_interval(1000, 1003)[0])
    assert found.most_frequent == "cat"
    assert found.most_frequent_frac == pytest.approx(1000 / 1003)
    assert found.balanced == 0.5
    assert "not above that of always saying 'cat'" in found.warnings[0]
    assert "'dog' (3)" in found.warnings[1]


def test_a_good_network_on_uneven_classes_is_warned_about_the_measure_alone() -> None:
    found = baselines([Row("cat", 900, 1.0), Row("dog", 100, 0.98)], wilson_interval(998, 1000)[0])
    assert len(found.warnings) == 1 and "90.0% of the test pictures are 'cat'" in found.warnings[0]
    even = baselines([Row("cat", 500, 0.9), Row("dog", 500, 0.8)], wilson_interval(850, 1000)[0])
    assert even.warnings == ()


def test_balanced_accuracy_is_scikit_learns() -> None:
    truth = [0] * 50 + [1] * 30 + [2] * 20
    said = [0] * 40 + [1] * 10 + [1] * 24 + [0] * 6 + [2] * 5 + [0] * 15
    rows = [Row("a", 50, 0.8), Row("b", 30, 0.8), Row("c", 20, 0.25), Row("none", 0, None)]
    theirs = balanced_accuracy_score(truth, said)
    assert baselines(rows, 0.6).balanced == pytest.approx(theirs)
