"""Patches of one thing are one cluster, those of several as many: planted clouds."""

from __future__ import annotations

import torch

from layerscope.analysis.dependence.patch_clusters import (
    FEWEST_PATCHES,
    cluster_patches,
    k_means,
    largest_first,
)


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clouds(units: int, centres: int, n: int = 90, D: int = 12, apart: float = 6.0) -> torch.Tensor:
    """Units whose patches lie about so many unlike directions, as activity of other units does."""
    g = gen(centres)
    means = torch.zeros(units, centres, D)
    for c in range(centres):
        means[:, c, c] = apart
    which = torch.arange(n) % centres
    return means[:, which] + torch.rand(units, n, D, generator=g) * 2


def test_one_thing_is_one_cluster_and_several_are_as_many() -> None:
    counts = [cluster_patches(clouds(40, k), gen()).count for k in (1, 2, 3)]
    assert float((counts[0] == 1).float().mean()) >= 0.9  # at a level of 5%
    assert counts[1].tolist() == [2] * 40
    assert counts[2].tolist() == [3] * 40


def test_a_long_cloud_is_still_one() -> None:
    g = gen(3)
    long = torch.randn(60, 100, 10, generator=g) * torch.linspace(4, 0.3, 10) + 3
    found = cluster_patches(long, gen())
    assert float((found.count == 1).float().mean()) >= 0.85
    assert bool((found.split > 0.1).all())  # k-means splits it all the same


def test_active_or_not_is_one_thing_when_it_is_graded() -> None:
    """Activity behind a ReLU is skewed and often exactly 0: that alone makes no second thing."""
    g = gen(4)
    strength = torch.rand(60, 100, 1, generator=g)
    graded = (
        strength * torch.rand(60, 1, 12, generator=g) + 0.3 * torch.randn(60, 100, 12, generator=g)
    ).relu()
    found = cluster_patches(graded, gen())
    assert float((found.count == 1).float().mean()) >= 0.8


def test_labels_tell_the_clouds_apart_the_largest_first() -> None:
    vectors = clouds(3, 2)
    uneven = vectors[:, [i for i in range(90) if i % 2 == 1 or i % 6 == 0]]
    found = cluster_patches(uneven, gen())
    truth = torch.tensor([0 if i % 2 else 1 for i in range(90) if i % 2 == 1 or i % 6 == 0])
    for labels in found.labels:
        assert labels.tolist() == truth.tolist()


def test_nothing_is_said_of_few_patches_or_of_units_without_others() -> None:
    few = cluster_patches(torch.rand(2, FEWEST_PATCHES - 1, 5, generator=gen()), gen())
    alone = cluster_patches(torch.zeros(2, 50, 0), gen())
    for found in (few, alone):
        assert found.count.tolist() == [1, 1]
        assert bool(found.split.isnan().all())
    same = cluster_patches(torch.ones(2, 50, 5), gen())
    assert same.count.tolist() == [1, 1]


def test_k_means_agrees_with_scikit_learn() -> None:
    from sklearn.cluster import KMeans

    points = torch.randn(4, 60, 3, generator=gen(5))
    points[:, :20] += 4
    found, labels = k_means(points, 2, gen())
    for m in range(4):
        other = KMeans(2, n_init=10, random_state=0).fit(points[m].numpy())
        assert float(found[m]) <= other.inertia_ * 1.001
        first = labels[m, 0]
        assert bool((labels[m, :20] == first).all())


def test_clusters_are_numbered_by_size() -> None:
    assert largest_first(torch.tensor([[2, 2, 2, 0, 0, 4]])).tolist() == [[0, 0, 0, 1, 1, 2]]
