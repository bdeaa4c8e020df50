"""A handful of pictures, or ones without labels: what can be measured is, the rest is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from layerscope import look_at
from layerscope.atlas.atlas_folder import Atlas
from layerscope.data import load
from layerscope.data.imageset import ImageSet
from layerscope.models.preprocessing import InputOptions, Preprocessing
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.pipeline.subject import find_subject

LITTLE = Effort(pictures=24, untrained=2, ablation_pictures=8, featurevis_steps=2)
NET = """
from torch import nn

def make():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(4 * 6 * 6, 3)
    )
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAYERSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NET)
    return tmp_path


def paint(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)


def looked(folder: str, options: InputOptions | None = None) -> tuple[Atlas, str]:
    torch.manual_seed(0)
    told: list[str] = []
    subject = find_subject("nets.py:make", data=folder, options=options)
    atlas = look(
        subject.model, subject.pictures, spec=subject.spec, out=Path("atlas"), effort=LITTLE,
        tell=told.append, known=subject.known,
    )  # fmt: skip
    return atlas, " | ".join((*subject.told, *told))


def check_nothing_of_classes(atlas: Atlas) -> None:
    """No class measure, and everything else."""
    evidence = atlas.record.evidence
    assert evidence is not None
    assert "class" not in evidence.kinds
    assert {"edge", "brightness"} <= set(evidence.kinds)
    for layer in atlas.record.layers:
        if layer.evidence:
            assert layer.evidence.probe is None
            assert layer.evidence.class_separation is None
            assert layer.evidence.effective_dimension.value > 0
    units = atlas["1"].units
    assert len(units) == 4
    assert all(unit.tuning is not None and unit.featurevis is not None for unit in units)
    assert not any(found.kind == "class" for unit in units for found in unit.concepts)


def test_pictures_without_labels_are_measured(here: Path) -> None:
    for i in range(9):
        paint(here / "loose" / f"{i}.png", i)
    atlas, told = looked("loose")
    record = atlas.record
    check_nothing_of_classes(atlas)
    assert record.data.class_names == record.data.class_counts == ()
    assert record.accuracy is None
    assert all(sample.label is None for sample in record.samples)
    assert {patch.label for unit in atlas["1"].units for patch in unit.patches} == {None}
    assert all(unit.ablation is None for unit in atlas["1"].units)
    assert "these pictures have no labels" in told
    # Nobody says the values, and no label tells them: a guess, said loudly, and kept.
    assert "WARNING: nothing says which values this network takes" in told
    assert any("a guess (--scale" in warning for warning in record.warnings)
    assert (record.input.scale, record.input.values_from) == ("dataset", "guessed")
    again, told = looked("loose", InputOptions(scale="0..1"))
    assert "WARNING" not in told
    assert (again.record.input.scale, again.record.input.values_from) == ("0..1", "as given")


def test_one_picture_of_each_class_tells_no_classes_apart(here: Path) -> None:
    for i in range(6):
        paint(here / "six" / f"kind {i}" / "only.png", i)
    atlas, told = looked("six", InputOptions(scale="0..1"))
    check_nothing_of_classes(atlas)
    assert "all 6 pictures are measured" in told
    assert "of each class there is a single picture" in told
    assert atlas.record.data.class_counts == (1,) * 6
    assert atlas["1"].units[0].patches[0].label is not None


def test_fewer_than_four_pictures_give_statistics_alone(here: Path) -> None:
    for i in range(3):
        paint(here / "three" / f"{i}.png", i)
    atlas, told = looked("three", InputOptions(scale="0..1"))
    assert atlas.record.evidence is None
    assert "3 pictures are too few to compare layers on" in told
    assert "3 pictures are too few" in " ".join(atlas.record.model.not_captured)
    assert atlas["1"].units[0].patches


def test_a_class_among_others_that_the_network_knows(here: Path) -> None:
    """Of three classes the pictures have one; it is counted, and nothing is compared."""
    for i in range(5):
        paint(here / "photos" / "cat" / f"{i}.png", i)
    (here / "classes.txt").write_text("cat\ndog\nemu\n")
    torch.manual_seed(0)
    subject = find_subject(
        "nets.py:make", data="photos", classes=here / "classes.txt",
        options=InputOptions(scale="0..1"),
    )  # fmt: skip
    told: list[str] = []
    atlas = look(
        subject.model, subject.pictures, spec=subject.spec, out=Path("atlas"), effort=LITTLE,
        tell=told.append,
    )  # fmt: skip
    check_nothing_of_classes(atlas)
    found = atlas.record.accuracy
    assert found is not None
    assert (found.n, found.n_classes, found.most_frequent_frac) == (5, 1, 1.0)
    assert found.accuracy == found.balanced_accuracy == found.correct / 5
    assert "all of these pictures are of one class (cat)" in " ".join(told)


def test_python_takes_a_folder_too(here: Path) -> None:
    for i in range(5):
        paint(here / "loose" / f"{i}.png", i)
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 14 * 14, 2))
    spec = ModelSpec("mine", ("a", "b"), Preprocessing(3, 16, 16, (0.5,) * 3, (0.5,) * 3))
    atlas = look_at(net, spec, here / "loose", out=here / "atlas", effort=None, report=False)
    assert (atlas.record.data.n, atlas.record.data.class_names) == (5, ())
    assert (atlas.record.input.scale, atlas.record.input.values_from) == ("-1..1", "as described")
    assert atlas.record.notes[-1].startswith("these pictures have no labels")


def test_unlabelled_and_labelled_give_units_the_same_values(here: Path) -> None:
    """The labels alone are missing: every statistic, tuning and patch is the same."""
    labelled = load("digits").test.subset(torch.arange(30))
    blank = ImageSet(
        labelled.name, labelled.split, labelled.store, torch.full((30,), -1), (), labelled.rows
    )
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    takes = Preprocessing(1, 8, 8, (0.3,), (0.4,))
    spec = ModelSpec("mine", labelled.class_names, takes)
    tuning = Effort(pictures=24, untrained=2, ablation_pictures=0, featurevis_steps=0)
    one = look_at(net, spec, labelled, out=here / "one", effort=tuning, report=False)
    other = look_at(net, spec, blank, out=here / "other", effort=tuning, report=False)
    for ours, theirs in zip(one["1"].units, other["1"].units, strict=True):
        assert ours.tuning == theirs.tuning
        assert (ours.mean, ours.histogram) == (theirs.mean, theirs.histogram)
        assert [p.row for p in ours.patches] == [p.row for p in theirs.patches]
    assert one.record.accuracy is not None
    assert one.record.accuracy.n == 30
