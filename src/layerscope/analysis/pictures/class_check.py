"""Whether a unit tells a class apart by more than brightness, contrast and edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from layerscope.analysis.concepts.class_selectivity import auroc_of_ranks, class_auroc
from layerscope.analysis.pictures.stimulus_ranks import ranks
from layerscope.data.imageset import ImageSet

PERMUTATIONS = 20
NULL_QUANTILE = 0.95
FOLDS = 5


@dataclass(frozen=True)
class ClassSelectivity:
    """How U units tell one class from the others.

    Args:
        auroc: float64 (U, K), as measured.
        own_auroc: float64 (U,), of the class that each unit tells best, once what brightness,
            contrast and edges explain is taken from its responses; 1 - AUROC for a unit that is
            silent for it. Chosen on four fifths of the pictures and measured on the rest.
        plain_auroc: float64 (U,), of the part that these explain.
        chance_auroc: float, 95% of units stay below with permuted labels, the best class of each.
        classes: int64 (U,), which class that is.
        silent: bool (U,), whether the unit responds least to it instead of most.
    """

    auroc: torch.Tensor
    own_auroc: torch.Tensor
    plain_auroc: torch.Tensor
    chance_auroc: float
    classes: torch.Tensor
    silent: torch.Tensor


def class_selectivity(
    responses: torch.Tensor,
    labels: torch.Tensor,
    n_classes: int,
    figures: torch.Tensor,
    generator: torch.Generator,
) -> ClassSelectivity:
    """Measure class selectivity beside what pictures' plainest figures explain of it.

    Args:
        responses: float (N, U), each unit's largest value in each picture.
        labels: int64 (N,).
        n_classes: K.
        figures: float (N, F), of each picture (`picture_figures`).
        generator: permutes the labels.

    Source: class selectivity as an area under the ROC curve; label permutation for the best of
    several classes: Nichols and Holmes, 2002 (the maximum as the test statistic).
    """
    auroc = class_auroc(responses, labels, n_classes)
    plain, rest = explained_by(figures, responses)
    own = class_auroc(rest, labels, n_classes)
    classes = (own - 0.5).abs().argmax(1)
    units = torch.arange(len(classes))
    silent = own[units, classes] < 0.5
    by_plain = class_auroc(plain, labels, n_classes)[units, classes]
    folds = ranked_folds(rest)
    permuted = [
        labels[torch.randperm(len(labels), generator=generator)] for _ in range(PERMUTATIONS)
    ]
    found = cross_fitted(folds, torch.stack([labels, *permuted]), n_classes)
    drawn = found[1:].flatten()
    chance = max(0.5, float(drawn.quantile(NULL_QUANTILE))) if len(classes) else 0.5
    return ClassSelectivity(
        auroc,
        found[0],
        torch.where(silent, 1 - by_plain, by_plain),
        chance,
        classes,
        silent,
    )


def class_words(label: int, silent: bool, class_names: Sequence[str]) -> str:
    """What a unit is called that tells a class apart: of two, silent for one is told by the other.

    Args:
        label: the class, a row of `class_names`.
        silent: whether the unit responds least to it instead of most.
        class_names: of all classes of the pictures.
    """
    if silent and len(class_names) == 2:
        return class_names[1 - label]
    return f"not {class_names[label]}" if silent else class_names[label]


@dataclass(frozen=True)
class RankedFolds:
    """Responses ranked once in each fold's pictures and in all others.

    Args:
        rows: of each fold, (int64 rows to choose on, int64 rows to measure on).
        ranks: float64 (n, U) for each of these.
    """

    rows: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    ranks: tuple[tuple[torch.Tensor, torch.Tensor], ...]


def ranked_folds(responses: torch.Tensor) -> RankedFolds:
    """Part pictures into five folds, every fifth in each."""
    fold = torch.arange(len(responses)) % FOLDS
    rows = [
        ((fold != f).nonzero()[:, 0], (fold == f).nonzero()[:, 0])
        for f in range(min(FOLDS, len(responses)))
    ]
    found = [(ranks(responses[chosen]), ranks(responses[measured])) for chosen, measured in rows]
    return RankedFolds(tuple(rows), tuple(found))


def cross_fitted(folds: RankedFolds, labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """How well each unit tells the class that it tells best, without the gain of choosing it.

    The class, and whether the unit is silent for it, is chosen on four fifths of the pictures and
    measured on the others, five times: the best of K classes would grow with fewer pictures.

    Args:
        folds: the responses.
        labels: int64 (L, N), several ways to label them.
        n_classes: K.

    Returns:
        float64 (L, U): the mean of the AUROCs; about 0.5 for a unit that tells none.
    """
    total = torch.zeros(len(labels), folds.ranks[0][0].shape[1], dtype=torch.float64)
    count = torch.zeros_like(total)
    for (chosen_on, measured_on), (ranked, other) in zip(folds.rows, folds.ranks, strict=True):
        away = auroc_of_ranks(ranked, labels[:, chosen_on], n_classes) - 0.5  # (L, U, K)
        classes = away.abs().argmax(2, keepdim=True)
        measured = auroc_of_ranks(other, labels[:, measured_on], n_classes) - 0.5
        present = torch.nn.functional.one_hot(labels[:, measured_on], n_classes).amax(1)  # (L, K)
        there = present.gather(1, classes[..., 0]) > 0
        own = away.gather(2, classes).sign() * measured.gather(2, classes)
        total += torch.where(there, own[..., 0], 0.0)
        count += there
    return 0.5 + total / count.clamp(min=1)


def compares_classes(labels: torch.Tensor) -> bool:
    """Whether pictures can tell how classes differ: there are two, and one has two pictures.

    With a single picture of each class every class lies apart from the others, whatever the units.
    """
    return 1 < len(labels.unique()) < len(labels)


def picture_figures(imageset: ImageSet, rows: torch.Tensor) -> torch.Tensor:
    """Brightness, contrast and mean gradient of some pictures: float64 (N, 3)."""
    found = []
    for batch in rows.split(256):
        grey = imageset.take(batch).double().mean(1) / 255
        across = grey.diff(dim=2).abs().mean((1, 2))
        down = grey.diff(dim=1).abs().mean((1, 2))
        found.append(torch.stack([grey.mean((1, 2)), grey.std((1, 2)), across + down], 1))
    return torch.cat(found)


def explained_by(
    figures: torch.Tensor, responses: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Part responses into what figures explain, by least squares, and the rest.

    Args:
        figures: float (N, F); their squares and products count too.
        responses: float (N, U).

    Returns:
        float64 (N, U) each; they add up to the responses.
    """
    scaled = figures.double() - figures.double().mean(0)
    scaled = scaled / scaled.std(0).clamp(min=1e-9)
    F = scaled.shape[1]
    products = [scaled[:, i] * scaled[:, j] for i in range(F) for j in range(i, F)]
    ones = torch.ones(len(scaled), 1, dtype=torch.float64)
    design = torch.cat([ones, scaled, torch.stack(products, 1)], 1)
    values = responses.double()
    # Pseudo-inverse: in a set of pictures alike, figures do not vary.
    plain = design @ (torch.linalg.pinv(design, rtol=1e-9) @ values)
    return plain, values - plain
