"""Finding a layer's directions: principal components, non-negative parts, a sparse dictionary."""

from __future__ import annotations

import warnings
from typing import Any, get_args

import torch
import torch.nn.functional as F

from layerscope.analysis.directions.layer_directions import How, LayerDirections
from layerscope.errors import ModelError

# As many directions as hold this share of the variance, within bounds that a person can read.
VARIANCE_FRAC = 0.9
FEWEST, MOST = 4, 16
NMF_ROWS, NMF_STEPS = 4000, 300
DICTIONARY_STEPS, DICTIONARY_RATE, SPARSITY_WEIGHT = 600, 3e-3, 0.15
BATCH = 512


def find_directions(
    values: torch.Tensor,
    generator: torch.Generator,
    *,
    how: How | None = None,
    n: int | None = None,
) -> LayerDirections:
    """Find directions in the space of a layer's units that its activity is made of.

    Args:
        values: float (N, U), all units at N places of pictures.
        generator: draws where a search begins, on the CPU.
        how: "nmf": parts that only add up (Lee and Seung), for layers that are never below zero;
            "pca": directions at right angles that hold the most variance; "dictionary": a sparse
            autoencoder, twice as many directions of which few are on at once. None takes "nmf"
            where no value is below zero, else "pca".
        n: how many; None: as many as hold nine tenths of the variance, 4 to 16 (twice as many of a
            dictionary).

    Returns:
        Those that explain most of the variance first.

    Raises:
        ModelError: there is no such way, or values below zero are to be parts that add up.

    Source: Lee and Seung, "Learning the parts of objects by non-negative matrix factorization",
    1999; for layers, Olah et al., "The Building Blocks of Interpretability", 2018. Sparse
    autoencoders: Cunningham et al., "Sparse Autoencoders Find Highly Interpretable Features in
    Language Models", 2023.

    Example:
        >>> parts = torch.eye(6)[:2] + torch.eye(6)[4:]
        >>> codes = torch.rand(300, 2, generator=torch.Generator().manual_seed(0))
        >>> found = find_directions(codes @ parts, torch.Generator().manual_seed(0), n=2)
        >>> found.how, sorted(sorted(row.topk(2).indices.tolist()) for row in found.write)
        ('nmf', [[0, 4], [1, 5]])
    """
    if how is not None and how not in get_args(How):
        raise ModelError(f"directions cannot be found by {how!r}; there are nmf, pca, dictionary")
    values = values.float()
    positive = bool((values >= 0).all())
    how = how or ("nmf" if positive else "pca")
    if how == "nmf" and not positive:
        raise ModelError("some values are below zero, and nmf finds parts that add up; use pca")
    n = n or directions_needed(values)
    if how == "pca":
        found = principal(values, n)
    elif how == "nmf":
        found = non_negative(values, n, generator)
    else:
        found = dictionary(values, 2 * n, generator)
    return found.by_falling(variance_fracs(found, values))


def directions_needed(values: torch.Tensor) -> int:
    """How many principal components hold nine tenths of the variance, 4 to 16, at most U."""
    spread = covariance(values).diagonal().sum()
    held = torch.linalg.eigvalsh(covariance(values)).flip(0).clamp(min=0).cumsum(0)
    n = int((held < VARIANCE_FRAC * spread).sum()) + 1
    return min(max(n, FEWEST), MOST, *values.shape)


def covariance(values: torch.Tensor) -> torch.Tensor:
    """float64 (U, U)."""
    away = values.double() - values.double().mean(0)
    return away.T @ away / len(away)


def principal(values: torch.Tensor, n: int) -> LayerDirections:
    """Principal components, each pointing to where its largest weight is above zero."""
    axes = torch.linalg.eigh(covariance(values))[1].flip(1)[:, :n]
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    axes = (axes * largest.sign()).float()
    offset = -(values.mean(0) @ axes)
    return LayerDirections("pca", axes, offset, axes.T.contiguous(), rectified=False)


def non_negative(values: torch.Tensor, n: int, generator: torch.Generator) -> LayerDirections:
    """Parts that add up, read by least squares: the share of each part, never below zero."""
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    rows = torch.randperm(len(values), generator=generator)[:NMF_ROWS]
    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    taken = values[rows].double()
    # More parts than a nearly silent layer has to give begin as no numbers.
    n = min(n, int(torch.linalg.matrix_rank(taken)))
    if not n:
        none = torch.zeros(0, values.shape[1])
        return LayerDirections("nmf", none.T, torch.zeros(0), none, rectified=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough is enough here
        kind: Any = NMF  # its stubs want a text for the number of parts
        model = kind(n, init="nndsvda", random_state=seed, max_iter=NMF_STEPS)
        model.fit(taken.numpy())
    write = torch.from_numpy(model.components_)
    write = write[write.norm(dim=1) > 0]
    write = F.normalize(write, dim=1)
    read = torch.linalg.pinv(write)
    return LayerDirections(
        "nmf", read.float(), torch.zeros(len(write)), write.float(), rectified=True
    )


def dictionary(values: torch.Tensor, n: int, generator: torch.Generator) -> LayerDirections:
    """A sparse autoencoder: codes of which few are on, whose directions add up to the layer."""
    ground = values.median(0).values  # of a layer that is mostly off: off
    scale = (values - ground).norm(dim=1).mean().clamp(min=1e-12)
    inputs = (values - ground) / scale
    write = F.normalize(torch.randn(n, values.shape[1], generator=generator), dim=1)
    read, offset = write.T.clone().requires_grad_(), torch.zeros(n, requires_grad=True)
    write.requires_grad_()
    optimiser = torch.optim.Adam([read, offset, write], lr=DICTIONARY_RATE)
    for _ in range(DICTIONARY_STEPS):
        batch = inputs[torch.randint(len(inputs), (BATCH,), generator=generator)]
        with torch.enable_grad():
            codes = F.relu(batch @ read + offset)
            # Of unit length, or small codes and long directions would escape the penalty.
            rebuilt = codes @ F.normalize(write, dim=1)
            loss = (rebuilt - batch).square().sum(1).mean() + SPARSITY_WEIGHT * codes.sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
        optimiser.step()
    read, write = read.detach(), F.normalize(write.detach(), dim=1)
    # relu((x - ground) / scale @ read + offset) * scale: codes are in the layer's own unit.
    offset = offset.detach() * scale - ground @ read
    return LayerDirections("dictionary", read, offset, write, rectified=True)


def variance_fracs(directions: LayerDirections, values: torch.Tensor) -> torch.Tensor:
    """The share of the layer's variance that each direction's values alone explain, float64 (K,).

    Args:
        directions: of the layer.
        values: float (N, U).
    """
    away = values.double() - values.double().mean(0)
    codes = directions.values(values).double()
    codes = codes - codes.mean(0)
    own = codes.square().sum(0).clamp(min=torch.finfo(torch.float64).tiny)
    total = away.square().sum().clamp(min=torch.finfo(torch.float64).tiny)
    return ((codes.T @ away).square().sum(1) / own / total).clamp(max=1)


def variance_together(
    directions: LayerDirections, fitted: torch.Tensor, values: torch.Tensor
) -> float:
    """The share of a layer's variance that all directions' values explain, on other pictures.

    Args:
        directions: of the layer.
        fitted: float (M, U), which the weights of the regression are fitted to.
        values: float (N, U), which are explained by it.
    """
    mean = fitted.double().mean(0)
    codes, others = directions.values(fitted).double(), directions.values(values).double()
    weights = torch.linalg.pinv(codes - codes.mean(0)) @ (fitted.double() - mean)
    away = values.double() - mean
    left = away - (others - codes.mean(0)) @ weights
    total = float((away - away.mean(0)).square().sum())
    return max(0.0, 1 - float((left - left.mean(0)).square().sum()) / total) if total else 0.0
