"""One row of numbers per picture and layer, against all outputs at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layerscope.analysis.activations.pooled_features import (
    draw_projection,
    gather_features,
    pool,
    values_at,
)
from layerscope.data.imageset import ImageSet
from layerscope.errors import DataError, LayerNotFoundError
from layerscope.graph.program import Program
from layerscope.graph.read import read_program


class Net(nn.Module):
    """Maps, then a dense layer whose output a function overwrites in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 3)
        self.pool = nn.MaxPool2d(2)
        self.dense = nn.Linear(5 * 25, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.conv(x)).flatten(1)
        return self.head(F.relu(self.dense(x), inplace=True))


def pictures(n: int = 41) -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (n, 1, 12, 12), generator=generator, dtype=torch.uint8)
    return ImageSet("noise", "test", pixels, torch.arange(n) % 2, ("a", "b"))


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float() / 255 - 0.5


@pytest.fixture(scope="module")
def program() -> Program:
    torch.manual_seed(3)
    return read_program(Net(), torch.zeros(1, 1, 12, 12))


@pytest.mark.parametrize("batch_size", [41, 16])
def test_features_against_numpy(program: Program, batch_size: int) -> None:
    rows = torch.tensor([3, 0, 40, 17, 18, 30] * 5)
    found = gather_features(
        program, ["dense", "conv"], pictures(), rows, normalise, batch_size=batch_size, seed=0
    )
    assert list(found) == ["dense", "conv"]
    net: Net = program.model  # type: ignore[assignment]
    with torch.no_grad():
        maps = net.conv(normalise(pictures().pixels[rows]))
        dense = net.dense(net.pool(maps).flatten(1)).numpy()
    maps = maps.numpy()
    parts = [[maps[:, :, y : y + 5, x : x + 5].mean((2, 3)) for x in (0, 5)] for y in (0, 5)]
    pooled = np.stack([np.stack(row, -1) for row in parts], -2).reshape(30, 20)
    assert found["conv"].pooled.numpy() == pytest.approx(pooled, abs=1e-6)
    assert found["conv"].peaks.numpy() == pytest.approx(maps.max((2, 3)), abs=1e-6)
    assert found["conv"].means.numpy() == pytest.approx(maps.mean((2, 3)), abs=1e-6)
    assert dense.min() < -0.01  # the ReLU behind it works in place, and comes too late
    assert found["dense"].at_places.shape == (30, 1, 6)
    for values in (found["dense"].pooled, found["dense"].means, found["dense"].at_places[:, 0]):
        assert values.numpy() == pytest.approx(dense, abs=1e-6)
        assert values.dtype == torch.float32


def test_places_are_those_of_one_map_for_all_units(program: Program) -> None:
    def gathered(seed: int, batch_size: int) -> dict[str, torch.Tensor]:
        found = gather_features(
            program, ["conv", "pool"], pictures(), torch.arange(41), normalise,
            batch_size=batch_size, seed=seed,
        )  # fmt: skip
        return {name: features.at_places for name, features in found.items()}

    at_places = gathered(1, 41)
    assert at_places["conv"].shape == at_places["pool"].shape == (41, 4, 5)
    net: Net = program.model  # type: ignore[assignment]
    with torch.no_grad():
        maps = net.conv(normalise(pictures().pixels)).flatten(2).transpose(1, 2)  # (41, 100, 5)
    gap = (at_places["conv"][:, :, None] - maps[:, None]).abs().amax(-1)  # to each place of the map
    where = gap.argmin(-1)
    assert float(gap.amin(-1).max()) < 1e-5
    assert where.min() < 10 and where.max() >= 90 and len(where.unique()) > 50
    again, other = gathered(1, 16), gathered(2, 41)
    assert torch.allclose(at_places["conv"], again["conv"], atol=1e-5)
    assert not torch.allclose(at_places["conv"], other["conv"], atol=1e-2)


def test_tokens_and_small_maps() -> None:
    tokens = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0))
    pooled, peaks, means = pool(tokens, 2)
    assert torch.equal(pooled, tokens.mean(1)) and torch.equal(means, tokens.mean(1))
    assert torch.equal(peaks, tokens.amax(1))
    spots = torch.tensor([[0.0, 0.999], [0.5, 0.2], [1.0, 0.9]])
    at = values_at(tokens, spots)
    expected = [[tokens[i, j] for j in pair] for i, pair in enumerate(((0, 6), (3, 1), (6, 6)))]
    assert torch.equal(at, torch.stack([torch.stack(pair) for pair in expected]))
    maps = torch.randn(3, 4, 1, 6)
    assert pool(maps, 2)[0].shape == (3, 8)  # one row of places: nothing is there twice
    assert pool(maps, 1)[0].numpy() == pytest.approx(maps.mean((2, 3)).numpy(), abs=1e-6)


def test_a_layer_too_wide_is_folded_the_same_way_each_time(program: Program) -> None:
    def folded(seed: int, batch_size: int) -> torch.Tensor:
        found = gather_features(
            program, ["conv"], pictures(), torch.arange(41), normalise,
            side=10, most=64, batch_size=batch_size, seed=seed,
        )  # fmt: skip
        return found["conv"].pooled

    assert folded(1, 41).shape == (41, 64)
    assert torch.allclose(folded(1, 41), folded(1, 16), atol=1e-5)
    assert not torch.allclose(folded(1, 41), folded(2, 41), atol=1e-5)


def test_folding_is_a_linear_map_with_orthogonal_columns() -> None:
    fold = draw_projection(130, 50, torch.Generator().manual_seed(0))
    matrix = fold(torch.eye(130))
    assert torch.equal(matrix.abs().sum(1), torch.ones(130))  # every feature is kept, once
    gram = matrix.T @ matrix
    assert torch.equal(gram, torch.diag(gram.diagonal()))
    assert sorted(set(gram.diagonal().tolist())) == [2, 3]
    values = torch.randn(4, 130, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(fold(values), values @ matrix, atol=1e-5)


def test_folding_keeps_distances() -> None:
    points = torch.randn(80, 4000, generator=torch.Generator().manual_seed(0)).abs()
    folded = draw_projection(4000, 512, torch.Generator().manual_seed(1))(points)
    ratios = torch.nn.functional.pdist(folded).square() / torch.nn.functional.pdist(points).square()
    # Johnson and Lindenstrauss: a standard deviation of sqrt(2 / 512) = 0.0625.
    assert float(ratios.mean()) == pytest.approx(1, abs=0.03)
    assert float(ratios.std()) < 0.08
    assert float((ratios - 1).abs().max()) < 0.35


def test_refusals(program: Program) -> None:
    rows = torch.arange(4)
    with pytest.raises(LayerNotFoundError, match="did you mean 'conv'"):
        gather_features(program, ["cnov"], pictures(), rows, normalise, seed=0)
    with pytest.raises(DataError, match="no pictures"):
        gather_features(program, ["conv"], pictures(), rows[:0], normalise, seed=0)
