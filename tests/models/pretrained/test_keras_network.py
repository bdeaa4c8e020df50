"""Keras networks built again in torch: the same numbers, or refused in words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from layerscope.errors import ModelError
from layerscope.graph.read import read_graph
from layerscope.models.pretrained.foreign_network import given_network, is_given
from layerscope.models.pretrained.keras_network import from_keras, load_keras

os.environ.setdefault("KERAS_BACKEND", "torch")
# Keras' own conversions to numpy warn beside numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def keras() -> Any:
    found = pytest.importorskip("keras")
    found.utils.set_random_seed(3)
    return found


def tutorial(keras: Any, *, output: str = "sigmoid") -> Any:
    """The cats-and-dogs tutorial's network, smaller, with everything that others have besides."""
    L = keras.layers
    return keras.Sequential(
        [
            keras.Input((20, 20, 3)),
            L.Rescaling(1 / 127.5, offset=-1),
            L.RandomFlip("horizontal"),
            L.Conv2D(8, 3, activation="relu"),
            L.MaxPooling2D(),
            L.Conv2D(6, 3, padding="same", use_bias=False),
            L.BatchNormalization(),
            L.Activation("gelu"),
            L.AveragePooling2D(2),
            L.Dropout(0.5),
            L.Flatten(),
            L.Dense(10, activation="tanh"),
            L.Dense(1 if output == "sigmoid" else 4, activation=output),
        ]
    )


def probabilities(model: Any, images: torch.Tensor) -> np.ndarray:
    return model(images.permute(0, 2, 3, 1), training=False).detach().numpy()


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_logits_are_what_the_networks_own_probabilities_come_from(keras: Any, output: str) -> None:
    model = tutorial(keras, output=output)
    for weight in model.weights:  # batch norms with statistics of their own
        if "moving" in weight.path:
            weight.assign(np.random.default_rng(0).uniform(0.5, 1.5, weight.shape))
    net = from_keras(model)
    images = 255 * torch.rand(5, 3, 20, 20)
    with torch.no_grad():
        logits = net(images)
    ours = logits.sigmoid() if output == "sigmoid" else logits.softmax(1)
    assert np.allclose(ours.numpy(), probabilities(model, images), atol=1e-5)
    kinds = [layer.kind for layer in read_graph(net, images)]
    assert kinds == [
        "other", "add", "conv", "activation", "max_pool", "conv", "batch_norm", "activation",
        "avg_pool", "flatten", "dense", "activation", "dense",
    ]  # fmt: skip


def test_a_file_is_read_and_looked_at(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    model = tutorial(keras, output="softmax")
    model.save(path)
    assert is_given(str(path))
    net, spec = given_network(
        str(path), channels=3, height=20, width=20, mean=[0] * 3, std=[1] * 3, class_names="abcd"
    )
    assert spec.class_names == ("a", "b", "c", "d")
    images = torch.rand(2, 3, 20, 20)
    with torch.no_grad():
        ours = net(images).softmax(1).numpy()
    assert np.allclose(ours, probabilities(model, images), atol=1e-5)
    (tmp_path / "broken.keras").write_bytes(b"no zip")
    with pytest.raises(ModelError, match="cannot be read as a Keras network"):
        load_keras(tmp_path / "broken.keras")


def test_what_is_not_known_is_refused(keras: Any) -> None:
    L = keras.layers
    strange = keras.Sequential([keras.Input((8, 8, 1)), L.SeparableConv2D(4, 3), L.Flatten()])
    with pytest.raises(ModelError, match="is a SeparableConv2D"):
        from_keras(strange)
    start = keras.Input((8, 8, 1))
    a = L.Conv2D(4, 3, padding="same")(start)
    branched = keras.Model(start, L.Flatten()(L.Add()([a, L.Conv2D(4, 1)(start)])))
    with pytest.raises(ModelError, match="does not read the layer before it alone"):
        from_keras(branched)
    uneven = keras.Sequential([keras.Input((8, 8, 1)), L.Conv2D(4, 3, 2, padding="same")])
    with pytest.raises(ModelError, match="pads one side more"):
        from_keras(uneven)
    flat = keras.Sequential([keras.Input((8,)), L.Dense(2)])
    with pytest.raises(ModelError, match="of pictures takes"):
        from_keras(flat)
