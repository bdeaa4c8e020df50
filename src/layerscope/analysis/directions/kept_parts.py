"""What is left of a layer and of its network when only a few units, or directions, are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from layerscope.analysis.ablation.replacement import replace_layer
from layerscope.analysis.ablation.stacked_variants import Change, scores_without
from layerscope.analysis.directions.find_directions import covariance
from layerscope.batch_budget import pictures_at_once
from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.graph.program import Program
from layerscope.seed import make_generator

MOST_KEPT = 32
DRAWS = 5


@dataclass(frozen=True)
class KeptVariance:
    """How much of a layer's variance a few of its units, or of its components, hold.

    Args:
        numbers: how many are kept: 1, 2, 4 and so on, fewer than there are units.
        units: float64, the share that so many units explain.
        components: float64, that so many principal components hold.
        order: the units, the best first.
        axes: float64 (U, U), the principal components, the largest first.
    """

    numbers: tuple[int, ...]
    units: torch.Tensor
    components: torch.Tensor
    order: tuple[int, ...]
    axes: torch.Tensor = field(repr=False)


@dataclass(frozen=True)
class KeptAccuracy:
    """The accuracy of a network of which one layer keeps a few units, or directions, alone.

    Args:
        n: pictures.
        whole: of the network as it is.
        units: float64, one for each number that is kept.
        components: the same.
        random: float64 (draws, numbers), of as many random directions.
    """

    n: int
    whole: float
    units: torch.Tensor
    components: torch.Tensor
    random: torch.Tensor


def kept_variance(fitted: torch.Tensor, values: torch.Tensor) -> KeptVariance:
    """How much of a layer's variance its best units hold, and its principal components.

    The best units are found one after the other: each time the one that explains most of what is
    left. A unit explains, by regression, what others say too; so no set of units is made to look
    worse than it is by redundancy.

    Args:
        fitted: float (M, U), that units and components are chosen by.
        values: float (N, U), of other pictures, that they are measured on.

    Source: forward selection of columns, Farahat et al., "Efficient greedy feature selection for
    unsupervised learning", 2013.
    """
    left = covariance(fitted)
    U = len(left)
    numbers = tuple(n for n in (1, 2, 4, 8, 16, MOST_KEPT) if n < U)
    order: list[int] = []
    floor = 1e-9 * float(left.diagonal().sum())
    for _ in range(max(numbers, default=0)):
        own = left.diagonal()
        gain = torch.where(own > floor, left.square().sum(0) / own, -1.0)
        best = int(gain.argmax())
        if gain[best] <= 0:  # nothing is left to explain
            order += [u for u in range(U) if u not in order][: max(numbers) - len(order)]
            break
        order.append(best)
        left = left - torch.outer(left[best], left[best]) / left[best, best]
    axes = torch.linalg.eigh(covariance(fitted))[1].flip(1)
    learned, mean = covariance(fitted), fitted.double().mean(0)
    away = values.double() - mean
    total = (away - away.mean(0)).square().sum().clamp(min=torch.finfo(torch.float64).tiny)
    units, components = [], []
    for n in numbers:
        chosen = order[:n]
        weights = torch.linalg.pinv(learned[chosen][:, chosen]) @ learned[chosen]
        for shares, rest in (
            (units, away - away[:, chosen] @ weights),
            (components, away - away @ axes[:, :n] @ axes[:, :n].T),
        ):
            shares.append(1 - (rest - rest.mean(0)).square().sum() / total)
    return KeptVariance(
        numbers, tensor_of(units).clamp(0, 1), tensor_of(components).clamp(0, 1), tuple(order), axes
    )


def tensor_of(values: Sequence[torch.Tensor]) -> torch.Tensor:
    """Single numbers as one tensor, float64."""
    return torch.stack(list(values)) if values else torch.zeros(0, dtype=torch.float64)


def kept_accuracy(
    program: Program,
    layer: str,
    imageset: ImageSet,
    rows: torch.Tensor,
    kept: KeptVariance,
    *,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    seed: int = 0,
    batch_size: int = 64,
) -> KeptAccuracy:
    """Hold all of a layer at its mean but a few units, or directions, and classify.

    Args:
        program: the network; left as it was.
        layer: whose units.
        imageset, rows: the pictures.
        kept: which units and components, and how many.
        normalise: pixels uint8 (B, C, H, W) -> images.
        seed: of the random directions.
        batch_size: pictures at a time.
    """
    generator = make_generator(seed, f"kept directions/{layer}")
    found = replace_layer(
        program, layer, lambda batch: normalise(imageset.take(batch)), rows,
        baseline="mean", generator=generator,
        batch_size=pictures_at_once(
            imageset.batch_of(batch_size),
            outputs=[found.shape for found in program.layers],
            on_gpu=device_of(program.model).type != "cpu",
        ),
    )  # fmt: skip
    U = found.n_units
    changes = [
        Change(units=tuple(u for u in range(U) if u not in kept.order[:n])) for n in kept.numbers
    ]
    changes += [all_but(kept.axes, n) for n in kept.numbers]
    for _ in range(DRAWS):
        drawn = torch.randn(U, U, dtype=torch.float64, generator=generator)
        basis = torch.linalg.qr(drawn)[0]
        changes += [all_but(basis, n) for n in kept.numbers]
    labels = imageset.labels[rows]
    scores, _ = scores_without(found, changes, [], labels, controlled=0)
    accuracy = scores.rights.double().mean(1).view(2 + DRAWS, len(kept.numbers))
    return KeptAccuracy(
        len(rows), float(scores.right.double().mean()), accuracy[0], accuracy[1], accuracy[2:]
    )


def all_but(basis: torch.Tensor, n: int) -> Change:
    """Replace what lies along all directions of a basis but the first few."""
    rest = basis[:, n:]
    return Change(axes=rest, shares=torch.ones(rest.shape[1], dtype=torch.float64))
