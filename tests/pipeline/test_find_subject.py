"""Networks from elsewhere get the pictures that they were trained on, and who says so is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from layerscope.data.folders.framing import Framing
from layerscope.errors import DataError, ModelError
from layerscope.models.class_names import in_network_order
from layerscope.models.inference import set_logits
from layerscope.models.preprocessing import InputOptions
from layerscope.models.probabilities import predicted
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.pipeline.subject import Subject, find_subject

LITTLE = Effort(
    pictures=24, untrained=2, ablation_pictures=0, featurevis_steps=0, dependence_patches=0
)
NETS = """
import torch
from torch import nn

class Bright(nn.Module):
    '''Knows dark from bright pictures of 0..255, and gives probabilities.'''

    def __init__(self, order=(0, 1), end=True, size=None):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.order, self.end, self.size = order, end, size
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.bias.zero_()
            self.conv.weight[:, :, 1, 1] = 1 / 3

    def forward(self, x):
        if self.size and x.shape[2] != self.size:
            raise ValueError()
        level = self.conv(x).mean((1, 2, 3))
        logits = torch.stack([128 - level, level - 128], 1)[:, list(self.order)] / 4
        return logits.softmax(1) if self.end else logits

def bright():
    return Bright()

def turned():
    return Bright(order=(1, 0), end=False)

def seven():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(4, 7))

def fixed():
    return Bright(size=48)

def bfloat16():
    return Bright().to(torch.bfloat16)

def double():
    return Bright().double()

class Logged(Bright):
    def forward(self, x):
        return super().forward(x).log_softmax(1)

def logged():
    return Logged(end=False)

class Undone(Bright):
    def forward(self, x):
        return {"scores": super().forward(x)}

def undone():
    return Undone()
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAYERSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)
    rng = np.random.default_rng(0)
    for name, grey in (("dark", 70), ("light", 190)):
        (tmp_path / "shades" / name).mkdir(parents=True)
        for i in range(40):
            values = (grey + rng.integers(-30, 30) + rng.integers(-20, 20, (24, 36, 3))).clip(
                0, 255
            )
            Image.fromarray(values.astype(np.uint8)).save(tmp_path / "shades" / name / f"{i}.png")
    return tmp_path


def accuracy(subject: Subject) -> float:
    pictures = subject.pictures
    said = predicted(set_logits(subject.model, subject.spec, pictures))
    return float((said == pictures.labels).double().mean())


def test_the_values_that_a_network_takes_are_found_and_told(here: Path) -> None:
    subject = find_subject("nets.py:bright", data="shades")
    assert subject.spec.preprocessing.scale == "0..255"
    assert accuracy(subject) == 1.0
    told = " | ".join(subject.told)
    assert "values of 0..255: nothing says which" in told
    assert "dataset 50%" in told
    assert "ends in softmax" in told
    assert "in the order of the pictures' own" in told
    # As it was: the set's own mean and deviation, which nobody trained it on.
    wrong = find_subject("nets.py:bright", data="shades", options=InputOptions(scale="dataset"))
    assert accuracy(wrong) == 0.5
    assert "values: dataset, as given" in wrong.told


@pytest.mark.parametrize("name", ["bfloat16", "double"])
def test_pictures_are_cast_to_the_weights_type(here: Path, name: str) -> None:
    subject = find_subject(f"nets.py:{name}", data="shades")
    assert accuracy(subject) == 1.0
    assert next(subject.model.parameters()).dtype == getattr(torch, name)


def test_options_are_taken_at_their_word(here: Path) -> None:
    options = InputOptions(mean=(0.25,), std=(0.5,), size=16, crop=20)
    subject = find_subject("nets.py:bright", data="shades", options=options)
    takes = subject.spec.preprocessing
    assert (takes.mean, takes.std) == ((0.25,) * 3, (0.5,) * 3)
    assert takes.framing == Framing(16, 16, resize_px=20)
    assert subject.pictures.size == (16, 16)


def test_classes_in_another_order_are_noticed_and_named(here: Path) -> None:
    told: list[str] = []
    subject = find_subject("nets.py:turned", data="shades")
    look(
        subject.model, subject.pictures, spec=subject.spec, out=here / "a", effort=None,
        tell=told.append,
    )  # fmt: skip
    assert "names 0 of 16 of these pictures right: 0.0%" in told[0]
    assert "always saying the most frequent class would be 50.0%" in told[0]
    assert told[1].startswith("WARNING: with its classes in another order 100.0% would be right")
    (here / "classes.txt").write_text("light\ndark\n")
    named = find_subject("nets.py:turned", data="shades", classes=here / "classes.txt")
    assert named.spec.class_names == ("light", "dark")
    assert named.pictures.class_names == ("light", "dark")
    assert accuracy(named) == 1.0
    (here / "classes.txt").write_text("light\ndark\ngrey\n")
    with pytest.raises(ModelError, match=r"3 class names were given, and .* tells 2 classes"):
        find_subject("nets.py:turned", data="shades", classes=here / "classes.txt")


def test_what_is_said_first_stands_in_the_atlas(here: Path) -> None:
    subject = find_subject("nets.py:bright", data="shades")
    told: list[str] = []
    record = look(
        subject.model, subject.pictures, spec=subject.spec, out=here / "a", effort=None,
        tell=told.append, known=subject.known,
    ).record  # fmt: skip
    found = record.accuracy
    assert found is not None
    assert (found.n, found.correct, found.accuracy, found.n_classes) == (16, 16, 1.0, 2)
    assert (found.balanced_accuracy, found.most_frequent_frac) == (1.0, 0.5)
    assert found.interval == pytest.approx((0.806, 1.0), abs=1e-3)  # Wilson, 16 of 16
    assert record.notes == (*subject.told, *told)
    assert record.warnings == ()
    assert record.input.scale == "0..255"
    assert record.input.values_from == "tried out on 64 pictures"
    assert record.input.framing == subject.spec.preprocessing.framing.text()
    # Fed with values that it never saw, it takes every picture for one class: a warning.
    wrong = find_subject("nets.py:bright", data="shades", options=InputOptions(scale="0..1"))
    record = look(
        wrong.model, wrong.pictures, spec=wrong.spec, out=here / "b", effort=None, known=wrong.known
    ).record
    assert record.accuracy is not None
    assert record.accuracy.accuracy == 0.5
    assert record.warnings[0].startswith("it takes every picture for 'dark'")
    assert record.input.values_from == "as given"


def test_a_network_of_other_classes_is_measured_and_the_rest_is_said(here: Path) -> None:
    told: list[str] = []
    subject = find_subject("nets.py:seven", data="shades")
    assert subject.spec.class_names == tuple(f"class {k}" for k in range(7))
    atlas = look(
        subject.model, subject.pictures, spec=subject.spec, out=here / "a", effort=LITTLE,
        tell=told.append,
    )  # fmt: skip
    assert len(atlas["1"].units) == 4
    assert "it knows none of their classes (dark, light; its own are class 0" in told[0]


def test_another_number_of_logits_than_classes_is_refused_in_python_too(here: Path) -> None:
    good = find_subject("nets.py:bright", data="shades")
    other = find_subject("nets.py:seven", data="shades")
    with pytest.raises(ModelError, match="gives 7 logits a picture, and its description names 2"):
        look(other.model, good.pictures, spec=good.spec, out=here / "a", effort=None)


def test_a_network_of_one_size_gets_it(here: Path) -> None:
    subject = find_subject("nets.py:fixed", data="shades")
    assert subject.pictures.size == (48, 48)
    assert accuracy(subject) == 1.0
    assert "pictures of 48 px: it does not run on the 28 x 28" in subject.told[0]
    with pytest.raises(ModelError, match=r"\(ValueError\); it runs on pictures of 48 px: give"):
        find_subject("nets.py:fixed", data="shades", options=InputOptions(size=30))


def test_a_run_has_its_own_preprocessing(here: Path) -> None:
    with pytest.raises(ModelError, match="--scale"):
        find_subject("fashion-cnn", options=InputOptions(scale="0..1"))
    with pytest.raises(DataError, match="brings no pictures"):
        find_subject("nets.py:bright")


def test_log_softmax_is_told_of_once(here: Path) -> None:
    for name in ("logged", "undone"):
        told: list[str] = []
        subject = find_subject(f"nets.py:{name}", data="shades")
        record = look(
            subject.model, subject.pictures, spec=subject.spec, out=here / name, effort=None,
            tell=told.append, known=subject.known,
        ).record  # fmt: skip
        said = [*subject.told, *told]
        assert len([sentence for sentence in said if "softmax" in sentence]) == 1, name
        assert record.notes == tuple(said)


def test_pictures_in_another_order_than_the_description_are_turned(here: Path) -> None:
    """In Python too: a description and a set name the same classes in two orders."""
    subject = find_subject("nets.py:bright", data="shades")
    pictures = subject.pictures
    spec = subject.spec
    atlas = look(subject.model, pictures, spec=spec, out=here / "a", effort=None)
    turned = in_network_order(pictures, ("light", "dark"))
    again = look(subject.model, turned, spec=spec, out=here / "b", effort=None)
    for sample in (*atlas.record.samples, *again.record.samples):
        assert sample.label == sample.predicted
