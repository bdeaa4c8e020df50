"""How many different things a unit responds to: its strongest patches, clustered."""

from __future__ import annotations

from dataclasses import dataclass

import torch

MOST_CLUSTERS = 5
FEWEST_PATCHES = 20
# Patches are told apart in so many main directions.
DIRECTIONS = 8
CLOUDS = 20
STARTS = 3
ITERATIONS = 10
NULL_QUANTILE = 0.95


@dataclass(frozen=True)
class PatchClusters:
    """How the strongest patches of U units fall apart.

    Args:
        count: int64 (U,), how many different things; 1 where they do not fall apart more than a
            single cloud.
        labels: int64 (U, n), the cluster of each patch, the largest cluster first.
        split: float (U,), the share of their spread that lies between two clusters.
        null_p95: float (U,), 95% of single clouds of the same spread stay below.
    """

    count: torch.Tensor
    labels: torch.Tensor
    split: torch.Tensor
    null_p95: torch.Tensor


def cluster_patches(vectors: torch.Tensor, generator: torch.Generator) -> PatchClusters:
    """Cluster the patches that drive each unit most by what the layer's other units do there.

    A unit of one meaning has one cloud of patches; one that responds to two unlike things has two.
    k-means finds two clusters in any cloud: they count where they explain more of the spread than
    they do in 95% of normal clouds of the same covariance. Then there are as many as the gap
    statistic says.

    Args:
        vectors: float (U, n, D), the other units' activity (`strong_places`).
        generator: draws starts and clouds.

    Source: clusters of a unit's strongest patches, in its layer's activations: O'Mahony et al.,
    "Disentangling Neuron Representations with Concept Vectors", 2023; the gap statistic:
    Tibshirani, Walther and Hastie, 2001, with a normal cloud as its reference, as in SigClust (Liu
    et al., 2008).

    Example:
        >>> draw = torch.Generator().manual_seed(0)
        >>> cloud = torch.randn(2, 60, 6, generator=draw)
        >>> cloud[1, :30, 0] += 8
        >>> cluster_patches(cloud, draw).count.tolist()
        [1, 2]
    """
    U, n, D = vectors.shape
    one = torch.ones(U, dtype=torch.long)
    nothing = torch.full((U,), torch.nan)
    if n < FEWEST_PATCHES or not D:
        return PatchClusters(one, torch.zeros(U, n, dtype=torch.long), nothing, nothing)
    points = main_directions(vectors)  # (U, n, P)
    spread = points.square().mean(1).sqrt()  # (U, P), centred
    noise = torch.randn(CLOUDS, U, n, points.shape[2], generator=generator)
    clouds = noise - noise.mean(2, keepdim=True)
    clouds = (clouds * spread[:, None]).flatten(0, 1)  # (CLOUDS * U, n, P)
    own, null, labels = [], [], []
    for k in range(1, MOST_CLUSTERS + 1):
        inertia, found = k_means(points, k, generator)
        own.append(inertia)
        labels.append(found)
        null.append(k_means(clouds, k, generator)[0].view(CLOUDS, U))
    within, reference = torch.stack(own), torch.stack(null)  # (k, U), (k, CLOUDS, U)
    split = 1 - within[1] / within[0].clamp(min=1e-12)
    limit = (1 - reference[1] / reference[0].clamp(min=1e-12)).quantile(NULL_QUANTILE, dim=0)
    logs = reference.clamp(min=1e-12).log()
    gap = logs.mean(1) - within.clamp(min=1e-12).log()  # (k, U)
    error = logs.std(1) * (1 + 1 / CLOUDS) ** 0.5
    # From two on: the first number that the next does not improve on.
    enough = gap[1:-1] >= gap[2:] - error[2:]
    last = torch.ones(1, U, dtype=torch.bool)
    count = 2 + torch.cat([enough, last]).float().argmax(0)
    count = torch.where((split > limit) & (within[0] > 1e-9), count, one)
    every = torch.stack(labels)  # (k, U, n)
    return PatchClusters(count, largest_first(every[count - 1, torch.arange(U)]), split, limit)


def main_directions(vectors: torch.Tensor) -> torch.Tensor:
    """Each unit's patches, of unit length, along their own main directions: float (U, n, P)."""
    units = vectors / vectors.norm(dim=2, keepdim=True).clamp(min=1e-9)
    centred = units - units.mean(1, keepdim=True)
    left, sizes, _ = torch.linalg.svd(centred, full_matrices=False)
    P = min(DIRECTIONS, sizes.shape[1])
    return left[:, :, :P] * sizes[:, None, :P]


def k_means(
    points: torch.Tensor, k: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """k-means of many small sets at once, the best of some starts.

    Args:
        points: float (M, n, P).
        k: clusters.
        generator: draws the starts.

    Returns:
        float (M,), the summed squared distance to the clusters' means; int64 (M, n), clusters.
    """
    M, n, _ = points.shape
    best = torch.full((M,), torch.inf)
    labels = torch.zeros(M, n, dtype=torch.long)
    across = points.mT.contiguous()  # clusters down, points across: minima over a few are quick so
    squares = points.square().sum((1, 2))
    for _ in range(STARTS if k > 1 else 1):
        means = starts(points, across, k, generator)
        moving = torch.arange(M)  # sets whose clusters still change
        some, some_across = points, across
        for _ in range(ITERATIONS if k > 1 else 1):
            before = means[moving]
            away = nearer(some_across, before)
            member = (away == away.amin(1, keepdim=True)).to(some.dtype)
            size = member.sum(2, keepdim=True)
            # A cluster that lost all its members stays where it is.
            after = torch.where(size > 0, member @ some / size.clamp(min=1), before)
            means[moving] = after
            changed = (after != before).flatten(1).any(1)
            if not changed.any():
                break
            if not changed.all():
                moving = moving[changed]
                some, some_across = points[moving], across[moving]
        away, nearest = nearer(across, means).min(1)
        inertia = (squares + away.sum(1)).clamp(min=0)
        better = inertia < best
        best = torch.where(better, inertia, best)
        labels = torch.where(better[:, None], nearest, labels)
    return best, labels


def nearer(across: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
    """Squared distances less each point's own square: float (M, P, n), (M, k, P) -> (M, k, n)."""
    return torch.baddbmm(means.square().sum(2)[:, :, None], means, across, alpha=-2)


def starts(
    points: torch.Tensor, across: torch.Tensor, k: int, generator: torch.Generator
) -> torch.Tensor:
    """Starting means: a random point, then each time one far from those before (k-means++).

    Source: Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", 2007.
    """
    M, n, _ = points.shape
    each = torch.arange(M)
    means = points[each, torch.randint(n, (M,), generator=generator)][:, None]
    squares = points.square().sum(2)
    away = torch.full_like(squares, torch.inf)
    while means.shape[1] < k:
        latest = squares + nearer(across, means[:, -1:])[:, 0]
        away = away.minimum(latest.clamp(min=0) + 1e-12)
        drawn = torch.multinomial(away, 1, generator=generator)[:, 0]
        means = torch.cat([means, points[each, drawn][:, None]], 1)
    return means


def largest_first(labels: torch.Tensor) -> torch.Tensor:
    """Clusters renumbered by their size: int64 (U, n)."""
    counts = torch.nn.functional.one_hot(labels, MOST_CLUSTERS).sum(1)
    order = counts.argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(MOST_CLUSTERS).expand_as(order))
    return rank.gather(1, labels)
