"""What a Keras network says of its pictures."""

from __future__ import annotations

from typing import Any

import pytest

from layerscope.models.keras.keras_input import application_scale
from layerscope.models.keras.rebuild import from_keras


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
