"""What an accuracy is worth: beside that of the most frequent class, and per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

FEW = 10
MOSTLY_FRAC = 0.8


class ClassRecall(Protocol):
    """One class of an evaluation."""

    @property
    def name(self) -> str: ...
    @property
    def n(self) -> int: ...
    @property
    def recall(self) -> float | None: ...


@dataclass(frozen=True)
class Baselines:
    """What stands beside an accuracy.

    Args:
        most_frequent: the class that most pictures are of.
        most_frequent_frac: its share: the accuracy of saying it always.
        balanced: the mean of the classes' recalls, where every class counts alike.
        warnings: why the accuracy says little, one sentence each; mostly none.
    """

    most_frequent: str
    most_frequent_frac: float
    balanced: float
    warnings: tuple[str, ...]


def baselines(per_class: Sequence[ClassRecall], lowest: float) -> Baselines:
    """Put an accuracy in its place.

    Args:
        per_class: how many pictures each class has, and how many of them were found.
        lowest: the lower end of the accuracy's 95% interval.
    """
    n = sum(row.n for row in per_class)
    most = max(per_class, key=lambda row: row.n)
    frac = most.n / n if n else 0.0
    balanced = fmean([row.recall for row in per_class if row.recall is not None] or [0.0])
    warnings = []
    if lowest <= frac:
        warnings.append(
            f"the accuracy is not above that of always saying {most.name!r} ({frac:.4f}): "
            "the network may have learned nothing"
        )
    elif frac >= MOSTLY_FRAC:
        warnings.append(
            f"{100 * frac:.1f}% of the test pictures are {most.name!r}, so the accuracy says "
            "little: read the balanced accuracy and the recall of each class"
        )
    few = [f"{row.name!r} ({row.n})" for row in per_class if row.n < FEW]
    if few:
        shown = ", ".join(few[:3]) + (", …" if len(few) > 3 else "")
        warnings.append(f"fewer than {FEW} test pictures of {shown}: their figures are guesses")
    return Baselines(most.name, frac, balanced, tuple(warnings))
