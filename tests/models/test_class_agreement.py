"""Predictions beside labels: planted cases whose figures are known."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from layerscope.intervals import wilson_interval
from layerscope.models.class_agreement import Agreement, agreement_of, balanced_accuracy

LABELS = torch.arange(90) % 3


def found(said: torch.Tensor, columns: list[int | None] | None = None) -> Agreement:
    agreement = agreement_of(F.one_hot(said, 3).float(), LABELS, columns or [0, 1, 2])
    assert agreement is not None
    return agreement


def test_right_answers() -> None:
    agreement = found(LABELS)
    assert (agreement.n, agreement.correct, agreement.only) == (90, 90, None)
    assert agreement.interval == wilson_interval(90, 90)
    assert agreement.most_frequent_frac == pytest.approx(1 / 3)
    assert not agreement.is_chance
    assert not agreement.fits_another_order


def test_answers_in_another_order_are_seen() -> None:
    agreement = found((LABELS + 1) % 3)
    assert agreement.accuracy == 0
    assert agreement.reordered_frac == 1
    assert agreement.fits_another_order
    assert agreement.is_chance
    # The network's own names say which class is which: then all is right.
    assert found((LABELS + 1) % 3, [1, 2, 0]).accuracy == 1


def test_answers_by_lot_are_chance_in_any_order() -> None:
    said = torch.randint(0, 3, (90,), generator=torch.Generator().manual_seed(4))
    agreement = found(said)
    assert agreement.is_chance
    assert not agreement.fits_another_order


def test_one_answer_for_all() -> None:
    agreement = found(torch.ones(90, dtype=torch.int64))
    assert agreement.only == 1
    assert agreement.accuracy == pytest.approx(1 / 3)
    assert agreement.is_chance


def test_classes_that_the_network_does_not_know_are_not_counted() -> None:
    agreement = found(LABELS, [0, None, 2])
    assert (agreement.n, agreement.accuracy) == (60, 1.0)
    assert agreement_of(torch.zeros(90, 3), LABELS, [None] * 3) is None


def test_a_few_pictures_fit_any_order_by_luck() -> None:
    labels = torch.tensor([0, 1, 2])
    agreement = agreement_of(F.one_hot((labels + 1) % 3, 3).float(), labels, [0, 1, 2])
    assert agreement is not None
    assert agreement.reordered_frac == 1
    assert not agreement.fits_another_order


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_balanced_accuracy_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    truth, said = (torch.tensor(column) for column in zip(*pairs, strict=True))
    expected = metrics.recall_score(
        truth, said, labels=truth.unique(), average="macro", zero_division=0
    )
    assert balanced_accuracy(truth, said) == pytest.approx(expected)


def test_the_most_frequent_class_alone_is_chance_when_balanced() -> None:
    truth = torch.tensor([0] * 8 + [2] * 2)
    found = agreement_of(F.one_hot(torch.zeros(10, dtype=torch.int64), 3).float(), truth, range(3))
    assert found is not None
    assert (found.accuracy, found.balanced_accuracy, found.n_classes) == (0.8, 0.5, 2)


def test_pictures_without_classes_agree_with_nothing() -> None:
    assert agreement_of(torch.zeros(3, 2), torch.full((3,), -1), ()) is None
