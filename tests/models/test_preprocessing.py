"""Pixels become the values that a network was trained on, by every name that people have for it."""

from __future__ import annotations

import pytest
import torch

from layerscope.data.folders.framing import Framing
from layerscope.errors import ModelError
from layerscope.models.preprocessing import (
    CAFFE_MEAN,
    SCALES,
    InputOptions,
    Preprocessing,
    scale_statistics,
)
from layerscope.training.runs.run_folder import open_run

PIXELS = torch.arange(2 * 3 * 4 * 4).view(2, 3, 4, 4).to(torch.uint8) * 2


def named(scale: str, channels: int = 3) -> Preprocessing:
    mean, std, bgr = scale_statistics(scale, channels)
    return Preprocessing(channels, 4, 4, mean, std, bgr)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ("0..1", lambda x: x / 255),
        ("0..255", lambda x: x),
        ("-1..1", lambda x: x / 127.5 - 1),
        ("caffe", lambda x: (x - torch.tensor(CAFFE_MEAN).view(3, 1, 1)).flip(1)),
        (
            "imagenet",
            lambda x: (
                (x / 255 - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
                / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
            ),
        ),
    ],
)
def test_a_scale_is_what_it_says(scale: str, expected) -> None:
    images = named(scale).normalise(PIXELS)
    assert torch.allclose(images, expected(PIXELS.float()), rtol=1e-5, atol=1e-5)
    assert named(scale).scale == scale


def test_other_numbers_are_the_datasets() -> None:
    assert Preprocessing(1, 4, 4, (0.286,), (0.353,)).scale == "dataset"
    assert scale_statistics("dataset", 1, ([0.25], [0.125])) == ((0.25,), (0.125,), False)
    assert [named(scale, 1).scale for scale in SCALES[:4]] == list(SCALES[:4])


def test_runs_of_older_versions_take_the_pictures_that_they_took() -> None:
    run = open_run("fashion-cnn")  # its record knows neither crop nor interpolation
    assert run.spec.preprocessing.framing == Framing(28, 28)
    assert not run.spec.preprocessing.bgr
    assert run.spec.mean == run.record.model.mean


def test_options_go_before_what_a_network_says() -> None:
    published = Framing(224, 224, resize_px=256, interpolation="bilinear")
    assert InputOptions().framing(published) == published
    assert InputOptions(size=112).framing(published) == published.scaled(112)
    assert InputOptions(crop=240).framing(published).resize_px == 240  # type: ignore[union-attr]
    assert InputOptions(crop=0).framing(published).resize_px is None  # type: ignore[union-attr]
    assert InputOptions(size=64).framing(None) == Framing(64, 64)
    assert InputOptions().framing(None) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scale": "0..2"}, "did you mean '0..255' or '0..1'"),
        ({"scale": "0..1", "mean": (0.5,), "std": (0.5,)}, "one of both"),
        ({"mean": (0.5,)}, "belong together"),
        ({"crop": -1}, "or 0 for none"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        InputOptions(**options)


def test_numbers_that_make_no_sense_are_refused() -> None:
    Preprocessing(1, 4, 4, (0.5,), (0.5,))
    with pytest.raises(ModelError, match="above 0"):
        Preprocessing(1, 4, 4, (0.5,), (0.0,))
    with pytest.raises(ModelError, match="finite"):
        Preprocessing(1, 4, 4, (float("nan"),), (0.5,))
    with pytest.raises(ModelError, match="one for each of the 3 channels"):
        Preprocessing(3, 4, 4, (0.5,), (0.5,) * 3)
