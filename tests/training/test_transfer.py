"""A published network fine-tuned on a folder of photos, opened again, looked through."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from published import write_published
from safetensors.torch import load_file

from layerscope.data import load
from layerscope.data.imageset import Splits, in_channels
from layerscope.data.sets import resized
from layerscope.errors import DataError, ModelError
from layerscope.models.predict import predict
from layerscope.pipeline.look import look
from layerscope.training.experiments.arms import experiment
from layerscope.training.experiments.rate_finder import find_rate
from layerscope.training.presets import make_preset
from layerscope.training.runs.checkpoint import read_checkpoint
from layerscope.training.runs.run_folder import Run, open_run, with_data
from layerscope.training.session import Listener, resume, train

NET = "torchvision:shufflenet_v2_x0_5"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red and blue noise, 20 pictures of each."""
    root = tmp_path_factory.mktemp("photos")
    for k, name in enumerate(("blue", "red")):
        (root / name).mkdir()
        for i in range(20):
            pixels = np.random.default_rng(100 * k + i).integers(0, 90, (48, 40, 3), dtype=np.uint8)
            pixels[:, :, 0 if k else 2] += 150
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_published(tmp_path_factory.mktemp("hub"), "shufflenet_v2_x0_5")


@pytest.fixture(scope="module")
def run(photos: Path, file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(
        photos, model=NET, weights=file, size=32, epochs=3, batch_size=8, learning_rate=0.02,
        out=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip


def test_the_record_says_what_it_began_with(run: Run, file: Path) -> None:
    record = json.loads((run.path / "run.json").read_text())
    weights = record["model"]["weights"]
    assert weights["source"] == "file"
    assert weights["file"] == str(file)
    assert len(weights["sha256"]) == 64
    recipe = record["recipe"]
    assert (recipe["freeze"], recipe["unfreeze_epoch"]) == ("head", 2)
    assert (recipe["optimiser"], recipe["backbone_rate_frac"]) == ("adamw", 0.1)
    assert ":" not in run.path.name


def test_the_default_recipe_learns(photos: Path, tmp_path: Path) -> None:
    run = train(
        photos, model="torchvision:resnet18", weights=write_published(tmp_path), size=32,
        epochs=6, batch_size=8, learning_rate=0.01, out=tmp_path / "runs",
    )  # fmt: skip
    assert run.evaluation is not None
    assert run.evaluation.correct == run.evaluation.n == 8


def test_rates_are_searched_for_the_network_that_a_training_would_begin_with(
    photos: Path, tmp_path: Path
) -> None:
    settings = {"model": "torchvision:resnet18", "size": 32, "batch_size": 16}
    search = find_rate(photos, weights=write_published(tmp_path), steps=60, **settings)
    assert (search.recipe.freeze, search.recipe.optimiser) == ("head", "adamw")
    # Grey pictures are made colour ones, as for `train`.
    grey = find_rate(load("digits"), weights="none", steps=60, **settings)
    assert grey.recipe.freeze == ""


def test_an_experiment_begins_every_training_with_the_weights_at_the_networks_own_size(
    photos: Path, file: Path, tmp_path: Path
) -> None:
    found = experiment(
        photos, {"label_smoothing_frac": [0.0, 0.1]}, model=NET, weights=file, seeds=1, epochs=1,
        batch_size=16, out=tmp_path / "found",
    )  # fmt: skip
    records = [json.loads((Path(arm.runs[0]) / "run.json").read_text()) for arm in found.arms]
    for record in records:
        assert record["data"]["size"] == record["model"]["height"] == 224
        assert record["model"]["weights"]["file"] == str(file)
        # Named by where the pictures are, so that the run can be looked at afterwards.
        assert record["data"]["source"] == str(photos)


def test_an_opened_run_gives_the_same_probabilities_without_the_file(
    run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = sorted(photos.rglob("*.png"))[::7]
    first = predict(run, some)
    record = json.loads((run.path / "run.json").read_text())
    assert record["model"]["weights"]["file"]
    monkeypatch.setattr("layerscope.models.pretrained.starting_weights.read_weights", None)
    opened = open_run(run.path)
    assert [p.probs for p in predict(opened, some)] == [p.probs for p in first]
    assert all(sum(dict(p.probs).values()) == pytest.approx(1) for p in first)


def test_an_opened_run_can_be_looked_through(run: Run) -> None:
    opened = with_data(open_run(run.path))
    atlas = look(opened, effort=None)
    names = [layer.name for layer in atlas.record.layers]
    assert names[0] == "conv1.0"
    assert names[-1] == "fc"
    assert atlas.record.model.options == {"dropout_frac": 0.0, "single_logit": False}


def test_the_first_epoch_moves_the_head_alone(photos: Path, file: Path, tmp_path: Path) -> None:
    def stop(row) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(
            photos, model=NET, weights=file, size=32, epochs=2, batch_size=8, out=tmp_path,
            listener=Listener(on_epoch=stop),
        )  # fmt: skip
    broken = next(tmp_path.glob("*/plan.json")).parent
    given = load_file(str(file))
    kept = read_checkpoint(broken)
    assert kept is not None
    own = kept.weights
    moved = {name for name in own if not torch.equal(own[name], given[name])}
    assert moved == {"fc.weight", "fc.bias"}
    finished = resume(broken)
    whole = train(
        photos, model=NET, weights=file, size=32, epochs=2, batch_size=8, out=tmp_path / "whole"
    )
    theirs = whole.model.state_dict()
    for name, value in finished.model.state_dict().items():
        assert torch.equal(value, theirs[name]), name
    assert not torch.equal(theirs["conv1.0.weight"], given["conv1.0.weight"])


def test_one_interrupted_in_its_first_epoch_reads_the_file_again(
    photos: Path, file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(file.read_bytes())

    def stop(now) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(
            photos, model=NET, weights=copy, size=32, epochs=1, batch_size=8, out=tmp_path / "runs",
            listener=Listener(on_progress=stop),
        )  # fmt: skip
    broken = next((tmp_path / "runs").iterdir())
    assert not (broken / "checkpoint.pt").exists()
    assert resume(broken).record.finished
    (broken / "run.json").unlink()
    (broken / "checkpoint.pt").unlink()
    copy.unlink()
    with pytest.raises(ModelError, match="is gone or has changed"):
        resume(broken)


def test_grey_pictures_are_repeated(striped: Splits, tmp_path: Path) -> None:
    colour = in_channels(striped, 3)
    row = torch.tensor([3, 1])
    assert torch.equal(colour.train.take(row), striped.train.take(row).repeat(1, 3, 1, 1))
    assert in_channels(colour, 3) is colour
    with pytest.raises(DataError, match="in colour"):
        in_channels(colour, 1)
    small = Splits(striped.train.subset(torch.arange(60)), striped.test.subset(torch.arange(20)))
    run = train(resized(small, 32), model=NET, weights="none", epochs=1, out=tmp_path)
    assert run.spec.channels == 3
    assert run.record.data.channels == 1  # what the set itself has


def test_drawings_are_still_made_to_look_like_the_set(tmp_path: Path) -> None:
    """A network that takes colour learned from light digits on black; a dark one is turned."""
    splits = load("digits", size=32)
    few = Splits(splits.train.subset(torch.arange(100)), splits.test.subset(torch.arange(20)))
    run = train(few, model=NET, weights="none", epochs=1, out=tmp_path)
    assert run.record.data.ink is not None
    paper = np.full((60, 60), 250, np.uint8)
    paper[10:50, 27:33] = 20
    Image.fromarray(paper).save(tmp_path / "one.png")
    assert predict(open_run(run.path), [tmp_path / "one.png"])[0].inverted


def test_the_set_is_decoded_at_the_network_s_own_size(photos: Path, tmp_path: Path) -> None:
    sizes = []

    def note(spec, recipe, splits, folder) -> None:
        sizes.append((splits.train.size, spec.height))
        raise KeyboardInterrupt

    for size in (None, 40):
        with pytest.raises(KeyboardInterrupt):
            train(
                photos, model=NET, weights="none", size=size, out=tmp_path,
                listener=Listener(on_start=note),
            )  # fmt: skip
    assert sizes == [((224, 224), 224), ((40, 40), 40)]


def test_default_recipes_begin_with_the_head_only_where_there_are_weights() -> None:
    def recipe(published: bool):
        settings = {"channels": 3, "n_pictures": 500, "pretrained": published}
        return make_preset("default", "photos", NET, **settings).recipe

    assert (recipe(True).freeze, recipe(True).augment) == ("head", "flip")
    assert (recipe(False).freeze, recipe(False).backbone_rate_frac) == ("", 1.0)
    assert recipe(True).optimiser == recipe(False).optimiser == "adamw"


def test_refusals_come_before_pictures_are_decoded(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights file"):
        train(tmp_path / "nowhere.zip", model=NET, weights=tmp_path / "nope.pth")
    with pytest.raises(DataError):
        train(tmp_path / "nowhere.zip", model=NET, weights="none")


def test_sets_too_large_to_be_resized_are_refused(striped: Splits) -> None:
    large = replace(striped.train, store=striped.train.store[:1].expand(400, -1, -1, -1))
    many = large.subset(torch.zeros(40_000, dtype=torch.int64))
    with pytest.raises(DataError, match=r"512 x 512 px would take 1\d GB of memory; .*--size 64"):
        resized(Splits(many, striped.test), 512)


@pytest.mark.slow
def test_timm_networks_train_and_are_opened_again(photos: Path, tmp_path: Path) -> None:
    from layerscope.vision import torchvision

    torchvision()
    pytest.importorskip("timm")
    run = train(
        photos, model="timm:test_resnet", weights="none", size=32, epochs=1, batch_size=8,
        out=tmp_path,
    )  # fmt: skip
    again = train(
        photos, model="timm:test_resnet", weights=run.path / "model.safetensors", size=32,
        epochs=2, batch_size=8, out=tmp_path / "again",
    )  # fmt: skip
    some = sorted(photos.rglob("*.png"))[:3]
    opened = open_run(again.path)
    assert [p.probs for p in predict(opened, some)] == [p.probs for p in predict(again, some)]
    assert look(with_data(opened), effort=None).record.layers
