"""Which range of values a network was trained on, found by trying where nothing says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from layerscope.data.imageset import ImageSet
from layerscope.models.class_agreement import Agreement, agreement_of
from layerscope.models.inference import set_logits
from layerscope.models.preprocessing import DATASET, SCALES, Preprocessing, scale_statistics
from layerscope.models.probabilities import loss_of
from layerscope.seed import make_generator

TRIED_PICTURES = 300


@dataclass(frozen=True)
class ScaleTrial:
    """One range of values, tried on some labelled pictures.

    Args:
        preprocessing: that was tried.
        scale: its name in `SCALES`.
        agreement: of the predictions with the labels, or, where none of the network's classes is
            one of the pictures', with the classes in an order that means nothing; None where there
            is nothing to compare.
        loss: cross-entropy of the pictures whose class it knows, in nats.
        knows: whether it knows any of the pictures' classes.
    """

    preprocessing: Preprocessing
    scale: str
    agreement: Agreement | None
    loss: float
    knows: bool


def try_scales(
    model: nn.Module,
    pictures: ImageSet,
    frame: Preprocessing,
    columns: Sequence[int | None],
) -> list[ScaleTrial]:
    """Try every range of values that networks are trained on.

    Args:
        model: gives logits.
        pictures: labelled; of more than 300 a seeded choice is tried.
        frame: size, and as mean and deviation those of the pictures.
        columns: the network's class of each class of the pictures (`class_names.columns_of`).

    Returns:
        One trial a range, the best first: by the share that is right, then by the loss; or, where
        no range beats shuffled labels, by the share that would be right with the classes in their
        best order.
    """
    order = torch.randperm(len(pictures), generator=make_generator(0, "tried pictures"))
    rows = order[:TRIED_PICTURES].sort().values
    # Unknown names may be known classes all the same: then only their best order can be judged.
    known = any(column is not None for column in columns)
    names = columns if known else range(pictures.n_classes)
    trials = []
    for scale in (DATASET, *(name for name in SCALES if name != DATASET)):
        mean, std, bgr = scale_statistics(scale, frame.channels, (frame.mean, frame.std))
        if scale == "caffe" and not bgr:
            continue  # of grey pictures it is 0..255 with another mean
        tried = replace(frame, mean=mean, std=std, bgr=bgr)
        logits = set_logits(model, tried, pictures, rows)
        labels = pictures.labels[rows]
        agreement = agreement_of(logits, labels, names)
        trials.append(ScaleTrial(tried, scale, agreement, loss_on(logits, labels, columns), known))
    by_labels = known and any(t.agreement and not t.agreement.is_chance for t in trials)

    def worth(trial: ScaleTrial) -> tuple[float, float]:
        found = trial.agreement
        if found is None:
            return 0.0, 0.0
        return (found.accuracy, -trial.loss) if by_labels else (found.reordered_frac, 0.0)

    return sorted(trials, key=worth, reverse=True)


def loss_on(logits: torch.Tensor, labels: torch.Tensor, columns: Sequence[int | None]) -> float:
    """Cross-entropy of the pictures whose class a network knows; 0 where it knows none."""
    truth = torch.tensor([-1 if column is None else column for column in columns])[labels]
    known = truth >= 0
    return float(loss_of(logits[known], truth[known])) if known.any() else 0.0


def told(trials: Sequence[ScaleTrial]) -> str:
    """The choice and what it was chosen from, as one sentence."""
    best = trials[0]
    if best.agreement is None:
        return "nothing says which values this network takes, and no labels tell"
    n, luck = best.agreement.n, "; none is better than shuffled labels"
    if not best.knows:
        doubt = luck if best.agreement.reordered_frac <= best.agreement.reordered_luck_frac else ""
        return (
            f"values of {best.scale}: nothing says which this network takes, nor which of its "
            f"outputs stand for these pictures' classes; with those that fit {n} pictures best, "
            f"predictions and labels agree for {shares_of(trials, reordered=True)}{doubt} "
            "(--scale chooses another)"
        )
    shares = shares_of(trials, reordered=False)
    doubt = luck if best.agreement.is_chance else ""
    return (
        f"values of {best.scale}: nothing says which this network takes, and of {n} pictures it "
        f"names right with {shares}{doubt} (--scale chooses another)"
    )


def shares_of(trials: Sequence[ScaleTrial], *, reordered: bool) -> str:
    """The share of each trial: "dataset 41%, 0..1 98%"."""
    found = [(trial.scale, trial.agreement) for trial in trials if trial.agreement]
    shares = [(one.reordered_frac if reordered else one.accuracy) for _, one in found]
    return ", ".join(
        f"{scale} {100 * share:.0f}%" for (scale, _), share in zip(found, shares, strict=True)
    )
