"""The figures of an evaluation, against scikit-learn, closed forms and plain loops."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from layerscope.data.imageset import ImageSet, Splits
from layerscope.errors import DataError
from layerscope.models import predicted
from layerscope.models.inference import set_logits
from layerscope.training.runs.evaluate_run import evaluate
from layerscope.training.runs.evaluation import (
    calibration,
    evaluation_of,
    wilson_interval,
)
from layerscope.training.session import train


def made_up(n: int = 300, K: int = 4, seed: int = 0) -> tuple[torch.Tensor, ImageSet]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, K, (n,), generator=generator)
    logits = torch.randn(n, K, generator=generator)
    logits[torch.arange(n), labels] += 1
    store = torch.zeros(n, 1, 2, 2, dtype=torch.uint8)
    return logits, ImageSet("made-up", "test", store, labels, tuple("abcd"[:K]))


def test_figures_against_scikit_learn() -> None:
    logits, imageset = made_up()
    truth, said = imageset.labels.numpy(), logits.argmax(1).numpy()
    figures = evaluation_of(logits, imageset)
    assert figures.accuracy == pytest.approx(metrics.accuracy_score(truth, said))
    assert [list(row) for row in figures.confusion] == metrics.confusion_matrix(
        truth, said
    ).tolist()
    precision, recall, f1, n = metrics.precision_recall_fscore_support(truth, said)
    assert [row.precision for row in figures.per_class] == pytest.approx(precision)
    assert [row.recall for row in figures.per_class] == pytest.approx(recall)
    assert [row.f1 for row in figures.per_class] == pytest.approx(f1)
    assert [row.n for row in figures.per_class] == n.tolist()


def test_a_class_never_predicted_has_no_precision() -> None:
    logits, imageset = made_up()
    logits[:, 3] = -100
    row = evaluation_of(logits, imageset).per_class[3]
    assert row.precision is None
    assert row.recall == 0
    assert row.f1 == 0


def test_mistakes_are_the_most_confident_wrong_predictions() -> None:
    logits, imageset = made_up()
    probs = torch.softmax(logits.double(), 1)
    wrong = [
        (float(probs[i].max()), i)
        for i in range(len(logits))
        if int(probs[i].argmax()) != int(imageset.labels[i])
    ]
    expected = [i for _, i in sorted(wrong, key=lambda pair: (-pair[0], pair[1]))][:10]
    mistakes = evaluation_of(logits, imageset, n_mistakes=10).mistakes
    assert [m.row for m in mistakes] == expected
    for m in mistakes:
        assert m.prob == pytest.approx(float(probs[m.row].max()))
        assert m.prob_of_label == pytest.approx(float(probs[m.row, m.label]))


def test_single_logit_counts_as_two_classes() -> None:
    logits, imageset = made_up(K=2)
    single = logits[:, 1:] - logits[:, :1]
    one, two = evaluation_of(single, imageset), evaluation_of(logits, imageset)
    assert one.confusion == two.confusion
    assert one.calibration.error == pytest.approx(two.calibration.error)


@given(st.integers(1, 500), st.data())
def test_wilson_interval_solves_its_defining_equation(n: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, n))
    share, z = correct / n, 1.959964
    for end in wilson_interval(correct, n):
        # Each end is the share p at which the observed share lies z standard errors away.
        distance = abs(share - end)
        error = z * math.sqrt(end * (1 - end) / n)
        assert distance == pytest.approx(error, abs=1e-7)


def test_wilson_interval_at_a_published_value() -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_calibration_error_against_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(500, generator=generator, dtype=torch.float64)
    right = torch.rand(500, generator=generator) < confidence
    error = 0.0
    for b in range(10):
        inside = [i for i in range(500) if b / 10 <= confidence[i] < (b + 1) / 10]
        if inside:
            sure = sum(float(confidence[i]) for i in inside) / len(inside)
            hit = sum(bool(right[i]) for i in inside) / len(inside)
            error += len(inside) / 500 * abs(sure - hit)
    found = calibration(confidence, right)
    assert found.error == pytest.approx(error)
    assert sum(b.n for b in found.bins) == 500


def test_full_confidence_falls_into_the_last_bin() -> None:
    found = calibration(torch.ones(3, dtype=torch.float64), torch.tensor([True, True, False]))
    assert found.bins[-1].n == 3
    assert found.error == pytest.approx(1 / 3)


def test_a_run_is_scored_on_other_pictures_of_its_classes_alone(
    striped: Splits, tmp_path: Path
) -> None:
    run = train(striped, model="digit-mlp", epochs=1, out=tmp_path)
    few = striped.test.subset(torch.arange(9))
    found = evaluate(run, few)
    logits = set_logits(run.model, run.spec, few)
    assert (found.n, found.correct) == (9, int((predicted(logits) == few.labels).sum()))
    assert evaluate(run) == run.evaluation == evaluate(run, striped)
    with pytest.raises(DataError, match="in Python; hand them over again"):
        evaluate(run.path)
    turned = replace(few, class_names=few.class_names[::-1])
    with pytest.raises(DataError, match="give pictures of these, in this order"):
        evaluate(run, turned)
    with pytest.raises(DataError, match="is empty; give pictures"):
        evaluate(run, few.subset(torch.arange(0)))
