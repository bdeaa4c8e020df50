"""Optimised images that drive a unit by a path no natural picture takes are flagged."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from layerscope.analysis.featurevis.natural_path import check_paths, similarities
from layerscope.errors import LayerNotFoundError, ModelError
from layerscope.graph.program import Program
from layerscope.graph.read import read_program
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec

SPEC = ModelSpec("own", ("a", "b"), Preprocessing(1, 12, 12, (0.5,), (0.5,)))


class TwoPaths(nn.Module):
    """A unit fed by four channels that see slow changes and four that see a chequerboard alone.

    Source: Geirhos et al., 2023, section 2: a silent path that natural pictures leave silent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 4)
        self.relu = nn.ReLU()
        self.top = nn.Conv2d(8, 1, 1, bias=False)
        chequers = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(2, 2) / 16
        ramp = torch.linspace(-1, 1, 4).expand(4, 4) / 16
        weight = torch.stack(
            [ramp, ramp * 0.6, ramp * 0.3, -ramp, chequers, chequers * 0.9, -chequers, -chequers]
        )
        self.conv.weight.data = weight[:, None]
        self.conv.bias.data = torch.tensor([-0.02, -0.02, -0.02, -0.02, -0.5, -0.5, -0.5, -0.5])
        self.top.weight.data = torch.tensor([1.0, 1, 1, 0, 20, 20, 20, 20]).view(1, 8, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.top(self.relu(self.conv(x)))


def natural(n: int, seed: int = 0) -> torch.Tensor:
    """Ramps to the right with soft noise: uint8 (n, 1, 12, 12)."""
    generator = torch.Generator().manual_seed(seed)
    slope = 8 + 10 * torch.rand(n, 1, 1, 1, generator=generator)
    noise = 6 * torch.randn(n, 1, 12, 12, generator=generator)
    return (128 + slope * (torch.arange(12) - 6) + noise).clamp(0, 255).byte()


def chequerboard() -> torch.Tensor:
    odd = (torch.arange(12)[:, None] + torch.arange(12)) % 2
    return (255 * odd).byte().view(1, 1, 12, 12)


def program_of(model: nn.Module) -> Program:
    return read_program(model, torch.zeros(1, 1, 12, 12))


def test_a_fooling_image_is_found_and_a_natural_one_is_not() -> None:
    program = program_of(TwoPaths())
    pictures, fooling = natural(9), chequerboard()

    def peak(pixels: torch.Tensor) -> float:
        return float(program.output_of("top", SPEC.normalise(pixels)).max())

    assert peak(fooling) > 5 * peak(pictures)  # it does excite the unit, by the other way
    check = check_paths(program, "top", fooling, pictures[None], SPEC)
    assert check.layers == ("relu",)
    assert check.unnatural.tolist() == [True]
    assert check.path_similarity[0] < 0 < 0.8 < check.natural_path[0]
    for seed in range(1, 6):
        same = check_paths(program, "top", natural(1, seed), pictures[None], SPEC)
        assert same.unnatural.tolist() == [False]
        assert same.path_similarity[0] > 0.8


def test_further_natural_pictures_pass_and_noise_mostly_does_not() -> None:
    """The limit is one for means: single pairs spread too widely to show white noise."""
    program, flagged, noise = program_of(TwoPaths()), 0, 0
    generator = torch.Generator().manual_seed(0)
    for seed in range(15):
        pictures = natural(9, 1000 + seed)[None].expand(5, -1, -1, -1, -1)
        shown = torch.randint(0, 256, (1, 1, 12, 12), generator=generator).byte()
        made = torch.cat([natural(4, seed), shown])
        found = check_paths(program, "top", made, pictures, SPEC, units=[0] * 5).unnatural
        flagged += int(found[:4].sum())
        noise += int(found[4])
    assert flagged <= 3  # of 60
    assert noise >= 8  # of 15


def test_each_unit_is_compared_with_its_own_pictures() -> None:
    program = program_of(TwoPaths())
    tops = torch.stack([natural(5, 1), chequerboard().expand(5, 1, 12, 12)])
    made = torch.cat([chequerboard(), chequerboard()])
    check = check_paths(program, "top", made, tops, SPEC, units=[0, 0])
    assert check.unnatural.tolist() == [True, False]
    assert check.path_similarity[1] == pytest.approx(1)


def test_the_figures_are_scipys() -> None:
    values = np.random.default_rng(0).integers(0, 6, (8, 20)).astype(float)  # with ties
    found = similarities(values, 2)
    for unit in range(2):
        mine = values[4 * unit : 4 * unit + 4]
        assert found[unit] == pytest.approx(spearmanr(mine.T).statistic)


def test_silent_layers_are_alike_among_themselves_only() -> None:
    values = np.array([[0.0, 0, 0], [0, 0, 0], [1, 2, 3]])
    found = similarities(values, 1)[0]
    assert found[0, 1] == 1
    assert found[0, 2] == found[2, 0] == 0
    assert found[2, 2] == pytest.approx(1)


def test_the_place_that_answers_is_what_is_compared() -> None:
    """The same pattern elsewhere on another ground is the same way, seen through its field."""
    program = program_of(TwoPaths())
    ramp = (torch.arange(4) * 60).byte().expand(4, 4)
    pictures = torch.full((6, 1, 12, 12), 128, dtype=torch.uint8)
    for i in range(6):
        pictures[i, 0, i : i + 4, 7 - i : 11 - i] = ramp
    check = check_paths(program, "top", pictures[:1], pictures[1:][None], SPEC)
    assert check.path_similarity[0] == pytest.approx(1, abs=1e-6)


def test_a_first_layer_has_no_way_before_it() -> None:
    check = check_paths(program_of(TwoPaths()), "conv", natural(1), natural(4)[None], SPEC)
    assert check.layers == ()
    assert np.isnan(check.path_similarity[0])
    assert check.unnatural.tolist() == [False]


def test_dense_units_are_compared_over_the_whole_picture() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 6, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(600, 8),
            nn.ReLU(),
            nn.Linear(8, 2),
        )
    pictures = natural(12)
    check = check_paths(
        program_of(model), "5", pictures[:2], pictures[2:].view(2, 5, 1, 12, 12), SPEC
    )
    assert check.layers == ("1", "4")
    assert (check.path_similarity > 0.5).all()
    assert model.training


def test_too_few_pictures_are_refused() -> None:
    program = program_of(TwoPaths())
    with pytest.raises(ModelError, match="at least 3 natural"):
        check_paths(program, "top", natural(1), natural(2)[None], SPEC)
    with pytest.raises(LayerNotFoundError, match="did you mean 'top'"):
        check_paths(program, "tops", natural(1), natural(3)[None], SPEC)
    assert check_paths(program, "top", natural(1), natural(3)[None], SPEC).limit.shape == (1,)
