"""Every layer of Keras that classifiers are made of, built again: the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from layerscope.models.keras.flow import KerasCall
from layerscope.models.keras.rebuild import from_keras

H, W, C = 13, 16, 3
Make = Callable[[Any], Any]
WINDOWS = [(k, s, p) for k in (1, 2, 3, 4) for s in (1, 2, 3) for p in ("same", "valid")]
SLIDING: dict[str, Callable[[Any, int, int, str], Any]] = {
    "Conv2D": lambda L, k, s, p: L.Conv2D(4, k, strides=s, padding=p),
    "DepthwiseConv2D": lambda L, k, s, p: L.DepthwiseConv2D(
        k, strides=s, padding=p, depth_multiplier=2
    ),
    "SeparableConv2D": lambda L, k, s, p: L.SeparableConv2D(4, k, strides=s, padding=p),
    "Conv2DTranspose": lambda L, k, s, p: L.Conv2DTranspose(4, k, strides=s, padding=p),
    "MaxPooling2D": lambda L, k, s, p: L.MaxPooling2D(k, strides=s, padding=p),
    "AveragePooling2D": lambda L, k, s, p: L.AveragePooling2D(k, strides=s, padding=p),
}
FUNCTIONS = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish", "mish",
    "sigmoid", "log_sigmoid", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
    "hard_shrink", "soft_shrink", "tanh", "tanh_shrink", "softplus", "softsign", "softmax",
    "log_softmax", "exponential", "linear",
)  # fmt: skip
LAYERS: dict[str, Make] = {
    "dilated": lambda L: L.Conv2D(4, 3, dilation_rate=2, padding="same"),
    "grouped": lambda L: L.Conv2D(6, 3, groups=2),
    "without bias": lambda L: L.Conv2D(4, 3, use_bias=False),
    "ReLU": lambda L: L.ReLU(),
    "ReLU6": lambda L: L.ReLU(6.0),
    "ReLU capped": lambda L: L.ReLU(max_value=0.3),
    "ReLU with a slope": lambda L: L.ReLU(negative_slope=0.1),
    "ReLU with a threshold": lambda L: L.ReLU(max_value=0.8, threshold=0.2),
    "LeakyReLU": lambda L: L.LeakyReLU(),
    "LeakyReLU 0.05": lambda L: L.LeakyReLU(negative_slope=0.05),
    "ELU": lambda L: L.ELU(0.5),
    "PReLU of values": lambda L: L.PReLU(),
    "PReLU of channels": lambda L: L.PReLU(shared_axes=[1, 2]),
    "Softmax": lambda L: L.Softmax(),
    "Softmax over rows": lambda L: L.Softmax(axis=1),
    "BatchNormalization": lambda L: L.BatchNormalization(),
    "BatchNormalization alone": lambda L: L.BatchNormalization(scale=False, center=False),
    "LayerNormalization": lambda L: L.LayerNormalization(),
    "LayerNormalization of all": lambda L: L.LayerNormalization(axis=[1, 2, 3]),
    "RMSNormalization": lambda L: L.RMSNormalization(),
    "GroupNormalization": lambda L: L.GroupNormalization(2),
    "instance norm": lambda L: L.GroupNormalization(-1),
    "UnitNormalization": lambda L: L.UnitNormalization(),
    "Normalization": lambda L: L.Normalization(mean=[1, 2, 3, 4], variance=[1, 4, 9, 16]),
    "Rescaling of channels": lambda L: L.Rescaling([1, 2, 3, 4], offset=[0, 1, 2, 3]),
    "ZeroPadding2D": lambda L: L.ZeroPadding2D(((1, 2), (3, 0))),
    "Cropping2D": lambda L: L.Cropping2D(((1, 2), (3, 0))),
    "CenterCrop": lambda L: L.CenterCrop(6, 5),
    "UpSampling2D": lambda L: L.UpSampling2D((2, 3)),
    "UpSampling2D bilinear": lambda L: L.UpSampling2D(2, interpolation="bilinear"),
    "Resizing": lambda L: L.Resizing(9, 7),
    "Resizing up": lambda L: L.Resizing(29, 37),
    "Resizing nearest": lambda L: L.Resizing(9, 7, interpolation="nearest"),
    "Resizing smoothly": lambda L: L.Resizing(6, 6, antialias=True),
    "Resizing and cropping": lambda L: L.Resizing(9, 9, crop_to_aspect_ratio=True),
    "Permute": lambda L: L.Permute((2, 1, 3)),
    "Permute channels": lambda L: L.Permute((3, 1, 2)),
    "Reshape": lambda L: L.Reshape((11, 7, 8)),
    "AdaptiveAveragePooling2D": lambda L: L.AdaptiveAveragePooling2D((4, 3)),
    "Dense on maps": lambda L: L.Dense(7, activation="relu"),
    "SpectralNormalization": lambda L: L.SpectralNormalization(L.Conv2D(4, 3)),
    "Dropout": lambda L: L.Dropout(0.5),
    "SpatialDropout2D": lambda L: L.SpatialDropout2D(0.5),
    "GaussianNoise": lambda L: L.GaussianNoise(0.5),
    "RandomRotation": lambda L: L.RandomRotation(0.2),
}


def rebuilt_alike(model: Any, said: Any) -> list[str]:
    """Check that a rebuilt network says the same; what Keras itself still runs of it."""
    net = from_keras(model)
    images = torch.rand(3, C, H, W, generator=torch.Generator().manual_seed(5)) * 2 - 1
    with torch.no_grad():
        ours = net(images)
    theirs = said(model, images)
    assert ours.shape == theirs.shape
    assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()), rtol=1e-4)
    assert float(theirs.std()) > 0
    return [path for path, module in net.named_modules() if isinstance(module, KerasCall)]


@pytest.mark.parametrize("kind", SLIDING)
def test_windows_of_every_size_and_stride(keras: Any, trained: Any, said: Any, kind: str) -> None:
    L = keras.layers
    for k, s, p in WINDOWS:
        if kind == "Conv2DTranspose" and k < s:
            continue  # the next test
        if kind in ("DepthwiseConv2D", "SeparableConv2D") and k == 1:
            continue
        start = keras.Input((H, W, C))
        x = SLIDING[kind](L, k, s, p)(start)
        model = trained(keras.Model(start, L.Flatten()(x)))
        net = from_keras(model)
        images = torch.randn(2, C, H, W, generator=torch.Generator().manual_seed(5))
        with torch.no_grad():
            ours = net(images)
        # Flattened in torch's order, as the last value would be in Keras's: the same numbers.
        theirs = said(model, images)
        assert torch.allclose(ours, theirs, atol=1e-4, rtol=1e-4), (k, s, p)


def test_a_transposed_convolution_with_gaps(keras: Any, trained: Any, said: Any) -> None:
    model = keras.Sequential(
        [keras.Input((H, W, C)), keras.layers.Conv2DTranspose(4, 1, strides=3), *head(keras)]
    )
    assert not rebuilt_alike(trained(model), said)


def head(keras: Any) -> list[Any]:
    return [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5)]


@pytest.mark.parametrize("name", LAYERS)
def test_layer(keras: Any, trained: Any, said: Any, name: str) -> None:
    L = keras.layers
    layers = [keras.Input((H, W, C)), L.Conv2D(4, 3), LAYERS[name](L), *head(keras)]
    assert rebuilt_alike(trained(keras.Sequential(layers)), said) == []


def test_activation_functions(keras: Any, trained: Any, said: Any) -> None:
    L = keras.layers
    for name in FUNCTIONS:
        layers = [keras.Input((H, W, C)), L.Conv2D(4, 3, activation=name)]
        layers += [] if name == "exponential" else [L.Activation(name)]  # e to the e is too much
        model = trained(keras.Sequential([*layers, *head(keras)]))
        assert rebuilt_alike(model, said) == [], name


def test_leaky_relu_has_the_layers_slope_not_the_functions(keras: Any) -> None:
    layers = [keras.Input((1, 1, 2)), keras.layers.LeakyReLU(), keras.layers.Flatten()]
    images = torch.tensor([-10.0, 10.0]).view(1, 2, 1, 1)
    net = from_keras(keras.Sequential(layers))
    assert torch.allclose(net(images), torch.tensor([[-3.0, 10.0]]))
    with_function = [keras.Input((1, 1, 2)), keras.layers.Activation("leaky_relu"), layers[2]]
    net = from_keras(keras.Sequential(with_function))
    assert torch.allclose(net(images), torch.tensor([[-2.0, 10.0]]))


def test_same_puts_the_odd_row_behind_as_tensorflow_does(keras: Any) -> None:
    """By hand: 4 pixels, a window of 3, stride 2 read (0, 1, 2) and (2, 3, nothing)."""
    conv = keras.layers.Conv2D(1, (1, 3), strides=(1, 2), padding="same", use_bias=False)
    model = keras.Sequential([keras.Input((1, 4, 1)), conv, keras.layers.Flatten()])
    conv.kernel.assign(torch.tensor([1.0, 10.0, 100.0]).view(1, 3, 1, 1))
    net = from_keras(model)
    images = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 1, 1, 4)
    assert net(images).tolist() == [[321.0, 43.0]]


def test_what_has_no_counterpart_is_run_by_keras_and_said_in_full(
    keras: Any, trained: Any, said: Any
) -> None:
    L = keras.layers
    rows = trained(
        keras.Sequential([keras.Input((H, W, C)), L.Reshape((H, W * C)), L.LSTM(6), L.Dense(5)])
    )
    assert rebuilt_alike(rows, said) == ["lstm.function"]
