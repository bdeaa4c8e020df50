"""Which of a network's classes the pictures' classes are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from layerscope.data.imageset import ImageSet
from layerscope.errors import ModelError
from layerscope.models.class_names import columns_of, in_network_order, read_class_names


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("names.txt", "dog\n\n cat \nfox\n"),
        ("names.json", '["dog", "cat", "fox"]'),
        ("id2label.json", '{"2": "fox", "0": "dog", "1": "cat"}'),
        ("class_indices.json", '{"cat": 1, "dog": 0, "fox": 2}'),
    ],
)
def test_names_are_read_in_the_order_of_the_outputs(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    assert read_class_names(tmp_path / file) == ("dog", "cat", "fox")


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("a.txt", "cat\ndog\ncat\n", "'cat' twice"),
        ("a.txt", "cat\n", "1 names"),
        ("a.json", "[1,", "cannot be read as class names"),
        ("a.json", '{"cat": "x", "dog": "y"}', "cannot be read as class names"),
    ],
)
def test_names_that_are_none_are_refused(tmp_path: Path, file: str, text: str, said: str) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(ModelError, match=said):
        read_class_names(tmp_path / file)
    with pytest.raises(ModelError, match="cannot be read as class names"):
        read_class_names(tmp_path / "nowhere.txt")


def test_names_mean_the_same_however_they_are_written() -> None:
    names = ("tench, Tinca tinca", "T-shirt/top", "crane", "crane, machine", "Egyptian_cat")
    pictured = ("tinca-tinca", "t shirt top", "egyptian cat", "crane", "dog")
    assert columns_of(names, pictured) == [0, 1, 4, 2, None]
    assert columns_of(("?", "!"), ("!", "?")) == [1, 0]


def test_pictures_take_the_networks_order_where_the_classes_are_the_same() -> None:
    labels = torch.tensor([0, 1, 2, 1])
    pixels = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    pictures = ImageSet("pets", "test", pixels, labels, ("cat", "dog", "fox"))
    turned = in_network_order(pictures, ("Fox", "cat", "dog"))
    assert turned.class_names == ("Fox", "cat", "dog")
    assert turned.labels.tolist() == [1, 2, 0, 2]
    assert in_network_order(pictures, ("cat", "dog", "hen")) is pictures
    assert in_network_order(pictures, ("cat", "dog", "fox", "hen")) is pictures
