"""No score of a unit depends on how many pictures it was measured on."""

from __future__ import annotations

import pytest
import torch
from planted_networks import drawn, program_of, spec_of
from torch import nn

from layerscope.analysis.observe import Observed, Scenes, observe
from layerscope.analysis.pictures.class_check import cross_fitted, ranked_folds
from layerscope.data import load

FEW, MANY = 250, 1000
TUNED = ("brightness", "edge", "spot", "corner", "texture")


@pytest.fixture(scope="module")
def observed() -> dict[int, dict[str, Observed]]:
    pictures = load("digits").train  # real, 8 x 8
    spec = spec_of(1, 8, classes=2)
    model = drawn(
        lambda: nn.Sequential(
            nn.Conv2d(1, 24, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(24, 24, 3),
            nn.ReLU(), nn.Flatten(), nn.Linear(96, 10),
        )
    )  # fmt: skip
    program = program_of(model, spec)
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(1))
    found = {}
    for n in (FEW, MANY):
        scenes = Scenes(pictures, order[:n].sort().values, spec, seed=0)
        found[n] = observe(program, ["1", "4"], scenes, intervals=False)
    return found


@pytest.mark.parametrize("kind", TUNED)
def test_tuning_depends_on_the_number_of_pictures_by_nothing(kind: str, observed) -> None:
    for layer in ("1", "4"):
        few, many = (observed[n][layer].units.values[kind] for n in (FEW, MANY))
        assert float((few - many).abs().max()) <= 0.02


def test_class_selectivity_depends_on_it_by_chance_alone(observed) -> None:
    for layer in ("1", "4"):
        few, many = (observed[n][layer].units.values["class"] for n in (FEW, MANY))
        error = float((few - many).std()) / len(few) ** 0.5
        assert abs(float((few - many).mean())) <= max(0.02, 2 * error)


def test_a_unit_of_noise_tells_no_class_however_few_the_pictures_and_many_the_classes() -> None:
    generator = torch.Generator().manual_seed(0)
    for n, classes in ((60, 2), (120, 20), (1000, 20)):
        responses = torch.randn(n, 400, generator=generator)
        labels = torch.arange(n) % classes
        found = cross_fitted(ranked_folds(responses), labels[None], classes)[0]
        assert abs(float(found.mean()) - 0.5) < 0.02


def test_each_fold_is_chosen_on_all_others_and_one_picture_each_says_nothing() -> None:
    responses = torch.rand(23, 3, generator=torch.Generator().manual_seed(0))
    folds = ranked_folds(responses)
    measured = torch.cat([rows for _, rows in folds.rows])
    assert sorted(measured.tolist()) == list(range(23))
    for chosen, others in folds.rows:
        assert not set(chosen.tolist()) & set(others.tolist())
        assert len(chosen) + len(others) == 23
    perfect = torch.arange(20)[:, None].float()
    told = cross_fitted(ranked_folds(perfect), (torch.arange(20) >= 10).long()[None], 2)[0]
    assert told.tolist() == [1.0]
    few = cross_fitted(ranked_folds(responses[:4]), torch.arange(4)[None], 4)[0]
    assert bool((few == 0.5).all())
