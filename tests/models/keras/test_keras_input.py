"""What a Keras network says of its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layerscope.data.folders.framing import Framing
from layerscope.models.keras.keras_input import application_scale
from layerscope.models.keras.rebuild import from_keras
from layerscope.models.pretrained.foreign_network import open_network


def scale_of(keras: Any, *front: Any, shape: Any = (10, 10, 3)) -> tuple[str | None, str]:
    L = keras.layers
    model = keras.Sequential([keras.Input(shape), *front, L.Conv2D(4, 3), L.Flatten(), L.Dense(3)])
    takes = from_keras(model).takes
    assert takes is not None
    return takes.scale, takes.said_by


def test_the_first_layers_say_the_range(keras: Any) -> None:
    L = keras.layers
    assert scale_of(keras) == (None, "")
    assert scale_of(keras, L.Rescaling(1 / 255, name="to_one")) == ("0..255", "its layer to_one")
    assert scale_of(keras, L.Rescaling(1 / 127.5, -1))[0] == "0..255"
    assert scale_of(keras, L.Rescaling(2.0, -1))[0] == "0..1"
    assert scale_of(keras, L.Resizing(8, 8)) == (None, "")
    assert scale_of(keras, L.Resizing(8, 8), L.Rescaling(1 / 255))[0] == "0..255"
    assert scale_of(keras, L.RandomFlip(), L.ZeroPadding2D(1), L.Rescaling(1 / 255))[0] == "0..255"
    pixels = L.Normalization(mean=[123.0, 117, 104], variance=[3364.0, 3249, 3364])
    assert scale_of(keras, pixels)[0] == "0..255"
    shares = L.Normalization(mean=[0.48, 0.46, 0.41], variance=[0.052, 0.05, 0.05])
    assert scale_of(keras, shares)[0] == "0..1"
    assert scale_of(keras, L.Rescaling(1 / 255), shares)[0] == "0..255"


def test_operators_say_it_as_layers_do(keras: Any) -> None:
    L = keras.layers
    start = keras.Input((10, 10, 3))
    x = L.Conv2D(4, 3)(start / 127.5 - 1.0)
    takes = from_keras(keras.Model(start, L.Flatten()(x))).takes
    assert takes is not None and takes.scale == "0..255"
    mean, std = takes.facts.mean, takes.facts.std
    assert mean == (0.0,) * 3 and std == pytest.approx((1 / 255,) * 3)


def test_published_networks_are_known_by_their_names() -> None:
    assert application_scale("resnet50", 1000) == "caffe"
    assert application_scale("resnet50v2", 1000) == "-1..1"
    assert application_scale("densenet121", 1000) == "imagenet"
    assert application_scale("resnet50", 10) is None
    assert application_scale("my_resnet", 1000) is None


def test_an_opened_file_is_fed_what_its_layers_say(keras: Any, tmp_path: Path) -> None:
    L = keras.layers
    front = [keras.Input((20, 24, 3)), L.Rescaling(1 / 255, name="to_one")]
    model = keras.Sequential([*front, L.Conv2D(4, 3), L.GlobalAveragePooling2D(), L.Dense(2)])
    path = tmp_path / "net.keras"
    model.save(path)
    facts = open_network(str(path)).facts
    assert facts.source == "its layer to_one" and facts.channels == 3
    assert facts.framing is not None and (facts.framing.height, facts.framing.width) == (20, 24)
    assert facts.std == pytest.approx((1 / 255,) * 3)
    open_size = keras.Sequential([keras.Input((None, None, 3)), *model.layers])
    open_size.save(path)
    assert open_network(str(path), size=31).facts.framing == Framing(
        31, 31, squash=True, interpolation="bilinear"
    )
