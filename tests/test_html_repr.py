"""What a notebook shows: whole HTML without scripts, with the figures that it is about."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from html_checks import checked, pictures_of
from PIL import Image

from layerscope import html_repr
from layerscope.data.imageset import ImageSet, Splits
from layerscope.models.predict import Prediction


def striped_set() -> ImageSet:
    pixels = torch.arange(2 * 6 * 3 * 4 * 5, dtype=torch.uint8).view(12, 3, 4, 5)
    return ImageSet("my <set>", "test", pixels, torch.arange(12) % 2, ("a&b", "c"))


def test_a_set_shows_its_own_pictures_by_class() -> None:
    imageset = striped_set()
    assert repr(imageset) == ("<ImageSet my <set> test: 12 colour pictures of 5 x 4 px, 2 classes>")
    parser = checked(imageset._repr_html_())
    shown = pictures_of(parser)
    assert len(shown) == 12
    first = imageset.take(torch.tensor([0, 2]))  # the first two of class 0
    assert np.array_equal(shown[0], first[0].permute(1, 2, 0).numpy())
    assert np.array_equal(shown[1], first[1].permute(1, 2, 0).numpy())
    said = " ".join(parser.words)
    assert "my <set>" in said and "a&b" in said and "6" in parser.words
    assert checked(Splits(imageset, imageset)._repr_html_())


def test_a_grey_set_of_many_classes_says_what_is_left_out() -> None:
    pixels = torch.zeros(60, 1, 3, 3, dtype=torch.uint8)
    names = tuple(f"class {k}" for k in range(30))
    imageset = ImageSet("many", "train", pixels, torch.arange(60) % 30, names)
    parser = checked(imageset._repr_html_())
    assert "and 10 more classes" in parser.words
    assert all(shown.shape == (3, 3) for shown in pictures_of(parser))


def test_a_prediction_shows_its_picture_and_its_probabilities(tmp_path: Path) -> None:
    file = tmp_path / "a cat.png"
    Image.new("RGB", (30, 20), (200, 10, 10)).save(file)
    probs = tuple((f"class {k}", p) for k, p in enumerate((0.6, 0.2, 0.1, 0.05, 0.03, 0.02)))
    prediction = Prediction(str(file), "class 0", probs)
    assert repr(prediction) == f"<Prediction {file}: class 0, 60.0%>"
    parser = checked(prediction._repr_html_())
    (shown,) = pictures_of(parser)
    assert abs(shown.reshape(-1, 3).mean(0) - (200, 10, 10)).max() < 3
    assert "60.0%" in parser.words and "class 4" in parser.words
    assert "class 5" not in parser.words
    widths = re.findall(r"width:([\d.]+)%", prediction._repr_html_())
    assert [float(width) for width in widths] == [60, 20, 10, 5, 3]
    file.unlink()
    assert not pictures_of(checked(prediction._repr_html_()))


def test_a_file_that_could_not_be_read_says_so() -> None:
    prediction = Prediction("x.png", None, (), error="x.png is <no> picture")
    assert "x.png is <no> picture" in checked(prediction._repr_html_()).words
    assert repr(prediction) == "<Prediction x.png: x.png is <no> picture>"


@pytest.mark.parametrize("values", [[0.1, 0.5, 0.4], [3.0], [1.0, 1.0], [0.2, float("nan"), 0.4]])
def test_curves_are_drawn_within_their_frame(values: list[float]) -> None:
    parser = checked(html_repr.curves([("training", values)], label="loss"))
    drawn = [attrs for tag, attrs in parser.seen if tag in ("polyline", "circle")]
    assert len(drawn) == 1
    if "points" in drawn[0]:
        points = [tuple(map(float, p.split(","))) for p in (drawn[0]["points"] or "").split()]
        assert len(points) == sum(value == value for value in values)
        assert all(0 <= x <= 260 and 0 <= y <= 120 for x, y in points)
        heights = [y for _, y in points]
        finite = [value for value in values if value == value]
        assert heights.index(min(heights)) == finite.index(max(finite))


def test_nothing_to_draw_is_nothing() -> None:
    assert html_repr.curves([("training", [])], label="loss") == ""
