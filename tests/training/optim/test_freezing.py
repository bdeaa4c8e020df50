"""What is frozen stays bit for bit; what is not learns; a resume changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from helpers.striped_sets import stripes
from layerscope.data.imageset import Splits
from layerscope.errors import RecipeError
from layerscope.models import build, make_spec
from layerscope.seed import make_generator
from layerscope.training.optim.freezing import frozen_modules
from layerscope.training.optim.optimiser import make_optimiser
from layerscope.training.recipe import Recipe
from layerscope.training.runs.checkpoint import read_checkpoint
from layerscope.training.session import Listener, resume, train

Weights = dict[str, torch.Tensor]
QUICK = {"epochs": 2, "batch_size": 16, "augment": "none", "weight_decay": 0.1}
OPTIMISERS = {"muon": 0.01, "adamw": 0.01, "adam": 0.01, "sgd": 0.05}


@pytest.fixture(scope="module")
def few() -> Splits:
    return Splits(stripes(80, split="train", seed=1), stripes(20, split="test", seed=2))


def weights_by_epoch(data: Splits, out: Path, **settings) -> list[Weights]:
    """The weights before the first epoch and after each."""
    found: list[Weights] = []
    folders: list[Path] = []

    def keep(row) -> None:
        state = read_checkpoint(folders[0])
        assert state is not None
        found.append(state.weights)

    listener = Listener(on_start=lambda *told: folders.append(told[-1]), on_epoch=keep)
    run = train(data, out=out, listener=listener, **{**QUICK, **settings})
    return [build(run.spec, make_generator(0, "weights")).state_dict(), *found]


def changed(before: Weights, after: Weights) -> set[str]:
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_frozen_stays_bit_for_bit_until_its_epoch(
    few: Splits, tmp_path: Path, optimiser: str
) -> None:
    begun, first, second = weights_by_epoch(
        few, tmp_path, model="compact", freeze="stages.0", unfreeze_epoch=2,
        optimiser=optimiser, learning_rate=OPTIMISERS[optimiser],
    )  # fmt: skip
    frozen = {name for name in begun if name.startswith(("stem.", "stages.0."))}
    assert any("running_mean" in name for name in frozen)
    assert changed(begun, first) == set(begun) - frozen
    assert changed(first, second) == set(begun)


def test_only_the_head_learns_and_never_anything_else(few: Splits, tmp_path: Path) -> None:
    begun, _, last = weights_by_epoch(few, tmp_path, model="fashion-cnn", freeze="head")
    head = {"classifier.3.weight", "classifier.3.bias"}
    assert head < set(begun)
    assert changed(begun, last) == head


def test_head_and_all_are_one(few: Splits, tmp_path: Path) -> None:
    ends = [
        weights_by_epoch(few, tmp_path / freeze, model="compact", freeze=freeze)[-1]
        for freeze in ("head", "all")
    ]
    assert not changed(*ends)


def test_nothing_frozen_is_the_training_as_it_was(few: Splits, tmp_path: Path) -> None:
    plain = weights_by_epoch(few, tmp_path / "a", model="compact")[-1]
    thawed = weights_by_epoch(
        few, tmp_path / "b", model="compact", freeze="stages", unfreeze_epoch=1
    )[-1]
    assert not changed(plain, thawed)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("rest", [{}, {"backbone_rate_frac": 0.1}], ids=["one rate", "two rates"])
def test_a_resume_across_the_unfreezing_changes_nothing(
    few: Splits, tmp_path: Path, optimiser: str, rest: dict
) -> None:
    settings = {
        **QUICK, "model": "compact", "epochs": 4, "optimiser": optimiser, **rest,
        "learning_rate": OPTIMISERS[optimiser], "freeze": "stages.0", "unfreeze_epoch": 3,
    }  # fmt: skip
    whole = train(few, out=tmp_path / "whole", **settings).model.state_dict()
    for stop in (1, 2, 3):

        def interrupt(row, stop: int = stop) -> None:
            if row.epoch == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(few, out=tmp_path / f"{stop}", listener=Listener(on_epoch=interrupt), **settings)
        folder = next((tmp_path / f"{stop}").iterdir())
        assert not changed(whole, resume(folder, few).model.state_dict())


def net() -> nn.Module:
    spec = make_spec(
        "fashion-cnn", class_names="ab", channels=1, height=12, width=12, mean=[0], std=[1]
    )
    return build(spec, torch.Generator())


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_every_parameter_is_in_one_group_with_its_rate(optimiser: str) -> None:
    model = net()
    heads = {id(p) for p in model.get_submodule("classifier.3").parameters()}
    made = make_optimiser(model, Recipe(optimiser=optimiser, backbone_rate_frac=0.25))
    seen = [id(p) for group in made.param_groups for p in group["params"]]
    assert sorted(seen) == sorted(id(p) for p in model.parameters())
    for group in made.param_groups:
        expected = {1.0 if id(p) in heads else 0.25 for p in group["params"]}
        assert expected == {group["rate_frac"]}


def test_a_share_of_the_rate_is_a_share_of_the_step(few: Splits, tmp_path: Path) -> None:
    """One step of SGD: its size is the rate, so that a quarter of it is a quarter of the step."""
    settings = {
        "model": "fashion-cnn", "optimiser": "sgd", "schedule": "constant", "epochs": 1,
        "learning_rate": 0.1, "batch_size": 72, "weight_decay": 0.0,
    }  # fmt: skip
    begun, full = weights_by_epoch(few, tmp_path / "full", **settings)
    _, part = weights_by_epoch(few, tmp_path / "part", backbone_rate_frac=0.25, **settings)
    for name, value in begun.items():
        share = 1.0 if name.startswith("classifier.3.") else 0.25
        expected = value + share * (full[name] - value)
        assert torch.allclose(part[name], expected, atol=1e-6), name


def test_paths_that_freeze_too_much_or_nothing_are_refused() -> None:
    model = net()
    assert frozen_modules(model, "classifier.1")
    with pytest.raises(RecipeError, match=r"no layer: 'feature\.0'; did you mean 'features\.0'"):
        frozen_modules(model, "feature.0")
    for freeze in ("classifier", "classifier.3"):
        with pytest.raises(RecipeError, match="nothing is left to learn"):
            frozen_modules(model, freeze)


def test_a_layer_that_is_not_there_leaves_no_folder(few: Splits, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no layer: 'stagse'"):
        train(few, model="compact", out=tmp_path / "runs", freeze="stagse")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unfreeze_epoch": -1}, "unfreeze_epoch is -1"),
        ({"backbone_rate_frac": 1.5}, "from 0 to 1"),
        ({"backbone_rate_frac": -0.1}, "from 0 to 1"),
    ],
)
def test_recipes_out_of_range(change: dict, message: str) -> None:
    Recipe(unfreeze_epoch=0, backbone_rate_frac=0.0)
    with pytest.raises(RecipeError, match=message):
        Recipe(**change)
