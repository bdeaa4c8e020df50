"""What a training works towards: what its network takes, its loss, and what counts as right.

Two kinds of network go through one loop. What differs between them stands here: pictures are
normalised and told apart by classes; rows are tensors already, and may have a number, or a word at
every place, to be told.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from layerscope.models import ModelSpec, loss_of, predicted, to_probs
from layerscope.models.sequences.rows_spec import RowsSpec
from layerscope.models.spec import OWN, is_backbone
from layerscope.training.runs.evaluation import as_images

Spec = ModelSpec | RowsSpec


@dataclass(frozen=True)
class Objective:
    """What a training works towards.

    Args:
        inputs: a batch as it is read -> what the network takes.
        loss: (outputs, targets, label_smoothing_frac) -> a scalar.
        right: (outputs, targets) -> float (B,): 1 for a class that is right, 0 for a wrong one; of
            words the share that is right; of a number 1 less its squared error in variances of
            the training's targets, whose mean is the share of the variance that is explained.
        shown: (outputs, targets) -> float (B, n), what a recording keeps of an output.
        guessing_loss: what a network has that knows nothing but the targets' shares or mean.
        choose_by_loss: whether epochs are chosen by validation loss, and not by accuracy.
        classes: K; 0 where no classes are told apart.
        of_rows: whether words or numbers are learned, and not pictures.
        fixed_layout: whether no field of the recipe changes the network's layers.
        unused_fields: of the network's shape that change nothing in it.
    """

    inputs: Callable[[torch.Tensor], torch.Tensor]
    loss: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]
    right: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    shown: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    guessing_loss: float
    choose_by_loss: bool
    classes: int
    of_rows: bool = False
    fixed_layout: bool = False
    unused_fields: tuple[str, ...] = ()


def objective_of(spec: Spec) -> Objective:
    """What a network is trained for."""
    return of_rows(spec) if isinstance(spec, RowsSpec) else of_pictures(spec)


def of_pictures(spec: ModelSpec) -> Objective:
    """Classes of pictures."""
    return Objective(
        inputs=lambda pixels: as_images(spec, pixels),
        loss=class_loss,
        right=class_right,
        shown=lambda logits, labels: to_probs(logits),
        guessing_loss=math.log(spec.n_classes),
        choose_by_loss=False,
        classes=spec.n_classes,
        fixed_layout=is_backbone(spec.name) or spec.name.startswith(OWN),
        unused_fields=spec.unused_fields,
    )


def of_rows(spec: RowsSpec) -> Objective:
    """Classes of rows, numbers, or the word that comes next."""
    loss, right, shown = {
        "classes": (class_loss, class_right, lambda logits, labels: to_probs(logits)),
        "number": (squared_error, explained, lambda values, targets: values),
        "next-word": (word_loss, words_right, word_probs),
    }[spec.task]
    return Objective(
        inputs=lambda rows: rows,
        loss=loss,
        right=right,
        shown=shown,
        guessing_loss=1.0 if spec.task == "number" else math.log(spec.n_outputs),
        choose_by_loss=spec.task != "classes",
        classes=len(spec.class_names),
        of_rows=True,
    )


def class_loss(logits: torch.Tensor, labels: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Cross-entropy of classes, (B, K) and int64 (B,)."""
    return loss_of(logits, labels, label_smoothing_frac=smoothing)


def class_right(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Whether each class is right, float (B,)."""
    return (predicted(logits) == labels).float()


def squared_error(values: torch.Tensor, targets: torch.Tensor, _: float) -> torch.Tensor:
    """Mean squared error, both float (B, 1)."""
    return F.mse_loss(values, targets)


def explained(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """1 less each squared error; both float (B, 1), in standard deviations. Gives (B,)."""
    return 1 - (values - targets).square()[:, 0]


def word_loss(logits: torch.Tensor, words: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Cross-entropy of the next words, (B, T, V) and int64 (B, T), in nats a word; 0 is none."""
    return F.cross_entropy(
        logits.flatten(0, 1), words.flatten(), ignore_index=0, label_smoothing=smoothing
    )


def words_right(logits: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """The share of words that is right in each row, float (B,)."""
    there = words != 0
    hits = (logits.argmax(2) == words) & there
    return hits.sum(1) / there.sum(1).clamp(min=1)


def word_probs(logits: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """How probable each word that came next was, float (B, T)."""
    return logits.softmax(2).gather(2, words[:, :, None])[:, :, 0]
