"""Whether a unit tells a class apart by more than brightness, contrast and edges."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from layerscope.analysis.concepts.class_selectivity import class_auroc
from layerscope.data.imageset import ImageSet

PERMUTATIONS = 20
NULL_QUANTILE = 0.95


@dataclass(frozen=True)
class ClassSelectivity:
    """How U units tell one class from the others.

    Args:
        auroc: float64 (U, K), as measured.
        own_auroc: float64 (U,), of the class that each unit tells best, once what brightness,
            contrast and edges explain is taken from its responses; 1 - AUROC for a unit that is
            silent for it.
        plain_auroc: float64 (U,), of the part that these explain.
        chance_auroc: float, 95 % of units stay below with permuted labels, the best class of each.
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
    away = (own - 0.5).abs()
    classes = away.argmax(1)
    units = torch.arange(len(classes))
    silent = own[units, classes] < 0.5
    by_plain = class_auroc(plain, labels, n_classes)[units, classes]
    drawn = [
        (
            class_auroc(rest, labels[torch.randperm(len(labels), generator=generator)], n_classes)
            - 0.5
        )
        .abs()
        .amax(1)
        for _ in range(PERMUTATIONS)
    ]
    chance = 0.5 + float(torch.cat(drawn).quantile(NULL_QUANTILE)) if len(classes) else 0.5
    return ClassSelectivity(
        auroc,
        0.5 + away[units, classes],
        torch.where(silent, 1 - by_plain, by_plain),
        chance,
        classes,
        silent,
    )


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
