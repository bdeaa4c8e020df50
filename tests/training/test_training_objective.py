"""What counts as loss and as right, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from layerscope.formats.run_figures import EpochFigures
from layerscope.models.sequences.rows_spec import RowsSpec
from layerscope.training.training_objective import objective_of


def test_a_guess_has_the_guessing_loss() -> None:
    """Even logits, and the mean of standardised numbers, lose just what is said of guessing."""
    classes = objective_of(RowsSpec("table-mlp", "classes", ("a", "b", "c"), n_features=2))
    labels = torch.tensor([0, 1, 2, 2])
    assert float(classes.loss(torch.zeros(4, 3), labels, 0.0)) == pytest.approx(math.log(3))
    assert classes.guessing_loss == math.log(3)
    assert classes.right(torch.eye(3)[[0, 1, 2, 0]], labels).tolist() == [1, 1, 1, 0]

    words = objective_of(RowsSpec("text-rnn", "next-word", n_words=7, length=3))
    following = torch.tensor([[3, 4, 0], [5, 6, 2]])
    logits = torch.zeros(2, 3, 7)
    assert float(words.loss(logits, following, 0.0)) == pytest.approx(math.log(7))
    assert words.guessing_loss == math.log(7)
    logits[0, 0, 3] = 5.0  # right; the padding at the end is no word
    assert words.right(logits, following).tolist() == [0.5, 0.0]
    shown = words.shown(torch.zeros(2, 3, 7), following)
    torch.testing.assert_close(shown, torch.full((2, 3), 1 / 7))

    drawn = torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
    numbers = objective_of(RowsSpec("table-mlp", "number", n_features=2))
    targets = (drawn - drawn.mean()) / drawn.std(correction=0)
    assert float(numbers.loss(torch.zeros(500, 1), targets, 0.0)) == pytest.approx(1.0, abs=1e-5)
    assert numbers.guessing_loss == 1.0
    assert float(numbers.right(torch.zeros(500, 1), targets).mean()) == pytest.approx(0, abs=1e-5)
    assert float(numbers.right(targets, targets).mean()) == 1.0
    half = targets / 2  # explains 1 - 1/4 of the variance
    assert float(numbers.right(half, targets).mean()) == pytest.approx(0.75, abs=1e-5)


def test_numbers_and_words_are_chosen_by_their_loss() -> None:
    def row(loss: float, accuracy: float) -> EpochFigures:
        return EpochFigures(
            epoch=1, train_loss=1, train_accuracy=0, validation_loss=loss,
            validation_accuracy=accuracy, learning_rate=1, images_per_s=1, elapsed_s=1,
        )  # fmt: skip

    low, accurate = row(0.5, 0.6), row(0.9, 0.7)
    assert low.merit(by_loss=True) > accurate.merit(by_loss=True)
    assert low.merit(by_loss=False) < accurate.merit(by_loss=False)
    for task, by_loss in (("classes", False), ("number", True)):
        names = ("a", "b") if task == "classes" else ()
        spec = RowsSpec("table-mlp", task, names, n_features=1)
        assert objective_of(spec).choose_by_loss is by_loss
