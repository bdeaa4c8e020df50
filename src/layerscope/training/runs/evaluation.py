"""How good a network is on a split, with the interval that says how sure."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from layerscope.data.imageset import ImageSet
from layerscope.formats.run_figures import (
    Calibration,
    CalibrationBin,
    ClassFigures,
    Evaluation,
    Mistake,
)
from layerscope.intervals import wilson_interval
from layerscope.models import ModelSpec, predicted, to_probs

CALIBRATION_BINS = 10


def as_images(spec: ModelSpec, pixels: torch.Tensor) -> torch.Tensor:
    """Pixels as the network's images, channels last in memory: the order that CPUs like."""
    return spec.normalise(pixels).contiguous(memory_format=torch.channels_last)


def evaluation_of(logits: torch.Tensor, imageset: ImageSet, *, n_mistakes: int = 24) -> Evaluation:
    """Sum up what a network said about a split.

    Args:
        logits: float (N, K) or (N, 1).
        imageset: the split, N pictures.
        n_mistakes: how many of the most confident mistakes to keep.
    """
    labels = imageset.labels
    probs = to_probs(logits.double())
    said = predicted(logits)
    confidence = probs.gather(1, said[:, None])[:, 0]
    right = said == labels
    n, correct = len(labels), int(right.sum())
    confusion = confusion_matrix(labels, said, imageset.n_classes)
    wrong = (~right).nonzero()[:, 0]
    wrong = wrong[confidence[wrong].argsort(descending=True, stable=True)][:n_mistakes]
    return Evaluation(
        split=imageset.split,
        n=n,
        correct=correct,
        accuracy=correct / n,
        interval=wilson_interval(correct, n),
        per_class=class_figures(confusion, imageset.class_names),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        calibration=calibration(confidence, right),
        mistakes=tuple(
            Mistake(
                row=row,
                id=imageset.picture_id(row),
                label=int(labels[row]),
                predicted=int(said[row]),
                prob=float(confidence[row]),
                prob_of_label=float(probs[row, labels[row]]),
            )
            for row in wrong.tolist()
        ),
    )


def confusion_matrix(labels: torch.Tensor, said: torch.Tensor, K: int) -> torch.Tensor:
    """Count each pair of true class (row) and predicted class (column), int64 (K, K)."""
    return torch.bincount(labels * K + said, minlength=K * K).view(K, K)


def class_figures(confusion: torch.Tensor, class_names: Sequence[str]) -> tuple[ClassFigures, ...]:
    """Precision, recall and F1 of each class from the confusion matrix."""
    figures = []
    for k, name in enumerate(class_names):
        hits = int(confusion[k, k])
        truth, claims = int(confusion[k].sum()), int(confusion[:, k].sum())
        figures.append(
            ClassFigures(
                name=name,
                n=truth,
                precision=hits / claims if claims else None,
                recall=hits / truth if truth else None,
                f1=2 * hits / (truth + claims) if truth + claims else None,
            )
        )
    return tuple(figures)


def calibration(confidence: torch.Tensor, right: torch.Tensor) -> Calibration:
    """Compare how sure a network was with how often it was right.

    Args:
        confidence: float64 (N,), the probability of the predicted class.
        right: bool (N,).
    """
    n = len(confidence)
    place = (confidence * CALIBRATION_BINS).long().clamp(max=CALIBRATION_BINS - 1)
    bins, error = [], 0.0
    for b in range(CALIBRATION_BINS):
        inside = place == b
        count = int(inside.sum())
        sure = float(confidence[inside].mean()) if count else None
        hit = float(right[inside].double().mean()) if count else None
        if sure is not None and hit is not None:
            error += count / n * abs(sure - hit)
        bins.append(
            CalibrationBin(
                lo=b / CALIBRATION_BINS,
                hi=(b + 1) / CALIBRATION_BINS,
                n=count,
                confidence=sure,
                accuracy=hit,
            )
        )
    return Calibration(error=error, bins=tuple(bins))
