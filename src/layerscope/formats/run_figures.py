"""The figures of a training: a row for each epoch, and the test split's evaluation."""

from __future__ import annotations

from msgspec import Struct, field

from layerscope.formats.file_references import Sprite
from layerscope.formats.quantities import Count, Frac, Interval, NonNegative


class EpochFigures(Struct, frozen=True, kw_only=True):
    """One line of `history.jsonl`: the figures of one pass over the training pictures.

    Args:
        epoch: 1 for the first.
        train_loss: mean over the epoch's batches.
        train_accuracy: likewise; of numbers the share of their variance that is explained, not
            below 0, of next words the share that is right.
        validation_loss: after the epoch.
        validation_accuracy: likewise.
        learning_rate: of the epoch's last step.
        images_per_s: training speed.
        elapsed_s: training time so far.
        dead_frac: activation layer -> share of units that were never above zero on up to 256
            validation pictures.
    """

    epoch: int
    train_loss: float
    train_accuracy: Frac
    validation_loss: float
    validation_accuracy: Frac
    learning_rate: float
    images_per_s: float
    elapsed_s: NonNegative
    dead_frac: dict[str, float] = field(default_factory=dict[str, float])

    def merit(self, *, by_loss: bool) -> float:
        """What epochs are chosen by, the highest being the best."""
        return -self.validation_loss if by_loss else self.validation_accuracy


class ClassFigures(Struct, frozen=True, kw_only=True):
    """How well one class is found. A figure is null where it is 0 / 0.

    Args:
        name: of the class.
        n: pictures of it.
        precision: share of right ones among those that were given this class.
        recall: share of its pictures that were given this class.
        f1: the harmonic mean of the two.
    """

    name: str
    n: Count
    precision: Frac | None
    recall: Frac | None
    f1: Frac | None


class CalibrationBin(Struct, frozen=True, kw_only=True):
    """The predictions whose confidence lies in [lo, hi).

    Args:
        lo: the lower bound.
        hi: the upper bound.
        n: how many.
        confidence: their mean; null where there are none.
        accuracy: how many of them are right; null where there are none.
    """

    lo: float
    hi: float
    n: Count
    confidence: Frac | None
    accuracy: Frac | None


class Calibration(Struct, frozen=True, kw_only=True):
    """Whether a confidence of 80% is right 80% of the time.

    Args:
        error: expected calibration error: the mean gap between confidence and accuracy over the
            bins, weighted by how many predictions lie in each (Guo et al., 2017, equation 5).
        bins: of equal width.
    """

    error: NonNegative
    bins: tuple[CalibrationBin, ...]


class Mistake(Struct, frozen=True, kw_only=True):
    """A picture that was given another class than its own.

    Args:
        row: of the picture in its split.
        id: of the picture.
        label: its class.
        predicted: the class that it was given.
        prob: of the class that it was given.
        prob_of_label: of its own class.
    """

    row: Count
    id: str
    label: Count
    predicted: Count
    prob: float
    prob_of_label: float


class Evaluation(Struct, frozen=True, kw_only=True):
    """A network's figures on one split, as `evaluation.json` holds them.

    Args:
        split: which.
        n: pictures.
        correct: how many are right.
        accuracy: share of right ones.
        interval: 95%, Wilson.
        per_class: each class's figures.
        confusion: the confusion matrix, K x K counts: rows are the true class.
        calibration: confidence beside accuracy.
        mistakes: the most confident first.
        mistakes_sprite: their pictures, in that order; null without any.
    """

    split: str
    n: Count
    correct: Count
    accuracy: Frac
    interval: Interval
    per_class: tuple[ClassFigures, ...]
    confusion: tuple[tuple[Count, ...], ...]
    calibration: Calibration
    mistakes: tuple[Mistake, ...]
    mistakes_sprite: Sprite | None = None
