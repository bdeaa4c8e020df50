"""Keras's networks: keras.applications at their smallest size, and others as people write them.

Each is an attribute that `layerscope look openings.keras_networks:NAME` can call.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import keras
from keras import layers as L
from keras import ops

# Network of keras.applications: the smallest side that it takes, in pixels.
APPLICATIONS = {
    "MobileNet": 32, "MobileNetV2": 32, "MobileNetV3Small": 32, "MobileNetV3Large": 32,
    "EfficientNetB0": 32, "EfficientNetB1": 32, "EfficientNetV2B0": 32, "EfficientNetV2S": 32,
    "ResNet50": 32, "ResNet101": 32, "ResNet50V2": 32, "DenseNet121": 32, "DenseNet169": 32,
    "Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75, "VGG16": 32, "VGG19": 32,
    "ConvNeXtTiny": 32, "ConvNeXtSmall": 32, "NASNetMobile": 32,
}  # fmt: skip
K = 5


def application(name: str) -> Callable[[], Any]:
    """One of keras.applications with a head of its own; those of 1,000 classes are as large."""

    def make() -> Any:
        side = APPLICATIONS[name]
        return getattr(keras.applications, name)(
            weights=None, input_shape=(side, side, 3), classes=K, classifier_activation="softmax"
        )

    return make


def plain(*layers: Any, shape: Any = (24, 24, 3), head: bool = True) -> Any:
    """A Sequential network, with a mean over space and a dense layer at its end."""
    end = [L.GlobalAveragePooling2D(), L.Dense(K, activation="softmax")] if head else []
    return keras.Sequential([keras.Input(shape), *layers, *end])


def lenet() -> Any:
    return plain(
        L.Conv2D(6, 5, activation="tanh", padding="same"), L.AveragePooling2D(2),
        L.Conv2D(16, 5, activation="tanh"), L.AveragePooling2D(2), L.Flatten(),
        L.Dense(120, activation="tanh"), L.Dense(84, activation="tanh"), L.Dense(K), L.Softmax(),
        shape=(28, 28, 1), head=False,
    )  # fmt: skip


def flattened_rows() -> Any:
    return plain(
        L.Flatten(), L.Dense(32, activation="relu"), L.Dropout(0.2), L.Dense(K, "softmax"),
        shape=(28, 28), head=False,
    )  # fmt: skip


def pixels_in_a_row() -> Any:
    return plain(
        L.Dense(32, activation="relu"), L.Dense(K, activation="softmax"), shape=(784,), head=False
    )


def flowers() -> Any:
    """TensorFlow's tutorial on flowers: augmentation and rescaling inside."""
    return plain(
        L.RandomFlip("horizontal"), L.RandomRotation(0.1), L.RandomZoom(0.1), L.Rescaling(1 / 255),
        L.Conv2D(16, 3, padding="same", activation="relu"), L.MaxPooling2D(),
        L.Conv2D(32, 3, padding="same", activation="relu"), L.MaxPooling2D(), L.Dropout(0.2),
        L.Flatten(), L.Dense(64, activation="relu"), L.Dense(K), shape=(48, 48, 3), head=False,
    )  # fmt: skip


def transfer() -> Any:
    """Transfer learning as its guide has it: a base inside, the pictures prepared before it."""
    base = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3))
    start = keras.Input((32, 32, 3))
    x = keras.applications.mobilenet_v2.preprocess_input(start)
    x = L.GlobalAveragePooling2D()(base(x, training=False))
    return keras.Model(start, L.Dense(1, activation="sigmoid")(L.Dropout(0.2)(x)))


def residual() -> Any:
    start = keras.Input((24, 24, 3))
    x = L.Conv2D(8, 3, padding="same")(start)
    for width in (8, 16, 32):
        y = L.ReLU()(L.BatchNormalization()(L.Conv2D(width, 3, 2, padding="same")(x)))
        y = L.BatchNormalization()(L.Conv2D(width, 3, padding="same")(y))
        x = L.ReLU()(L.Add()([y, L.Conv2D(width, 1, 2)(x)]))
    return keras.Model(start, L.Dense(K, activation="softmax")(L.GlobalAveragePooling2D()(x)))


def inception() -> Any:
    start = keras.Input((24, 24, 3))
    paths = [L.Conv2D(8, k, padding="same", activation="relu")(start) for k in (1, 3, 5)]
    paths.append(L.Conv2D(8, 1)(L.MaxPooling2D(3, 1, padding="same")(start)))
    x = L.Flatten()(L.MaxPooling2D(4)(L.Concatenate()(paths)))
    return keras.Model(start, L.Dense(K, activation="softmax")(x))


def dense_block() -> Any:
    start = keras.Input((24, 24, 3))
    x = L.Conv2D(8, 3, padding="same")(start)
    for _ in range(3):
        x = L.Concatenate()([x, L.Conv2D(8, 3, padding="same", activation="elu")(x)])
    return keras.Model(start, L.Dense(K)(L.GlobalMaxPooling2D()(x)))


def squeeze_excite() -> Any:
    start = keras.Input((24, 24, 3))
    x = L.SeparableConv2D(16, 3, strides=2, padding="same", activation="silu")(start)
    s = L.Dense(16, "hard_sigmoid")(L.Dense(4, "relu")(L.GlobalAveragePooling2D()(x)))
    x = L.Multiply()([x, L.Reshape((1, 1, 16))(s)])
    return keras.Model(start, L.Dense(K, activation="softmax")(L.GlobalAveragePooling2D()(x)))


def spatial_attention() -> Any:
    start = keras.Input((24, 24, 3))
    x = L.Conv2D(16, 3, padding="same", activation="relu")(start)
    both = ops.concatenate(
        [ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)], axis=-1
    )
    x = x * L.Conv2D(1, 7, padding="same", activation="sigmoid")(both)
    return keras.Model(start, L.Dense(K, activation="softmax")(L.GlobalAveragePooling2D()(x)))


def mobile() -> Any:
    return plain(
        L.ZeroPadding2D(((0, 1), (0, 1))), L.Conv2D(8, 3, 2, use_bias=False),
        L.BatchNormalization(), L.ReLU(6.0), L.DepthwiseConv2D(3, padding="same"),
        L.BatchNormalization(), L.ReLU(6.0), L.Conv2D(16, 1), L.BatchNormalization(),
    )  # fmt: skip


def dilated() -> Any:
    return plain(*(L.Conv2D(8, 3, padding="same", dilation_rate=d, activation="relu")
                   for d in (1, 2, 4)))  # fmt: skip


def leaky() -> Any:
    return plain(L.Conv2D(8, 3), L.LeakyReLU(), L.Conv2D(8, 3), L.PReLU(shared_axes=[1, 2]))


def self_normalising() -> Any:
    return plain(
        L.Conv2D(8, 3, activation="selu", kernel_initializer="lecun_normal"), L.Flatten(),
        L.AlphaDropout(0.1), L.Dense(16, activation="selu"), L.Dense(K, "softmax"), head=False,
    )  # fmt: skip


def normalised() -> Any:
    return plain(
        L.Normalization(mean=[120.0, 115, 100], variance=[3500.0, 3400, 3600]),
        L.Conv2D(8, 3), L.LayerNormalization(), L.Activation("gelu"), L.Conv2D(8, 3),
        L.GroupNormalization(4), L.Activation("mish"),
    )  # fmt: skip


def resized() -> Any:
    return plain(
        L.Resizing(20, 20), L.Rescaling(1 / 127.5, -1), L.Conv2D(8, 3, activation="relu"),
        shape=(32, 32, 3),
    )  # fmt: skip


def any_size() -> Any:
    return plain(
        L.Rescaling(1 / 255), L.Conv2D(8, 3, 2, padding="same", activation="relu"),
        shape=(None, None, 3),
    )  # fmt: skip


def up_and_down() -> Any:
    start = keras.Input((24, 24, 3))
    down = L.Conv2D(8, 3, 2, padding="same", activation="relu")(start)
    up = L.Conv2DTranspose(8, 3, 2, padding="same")(down)
    x = L.Concatenate()([up, L.UpSampling2D(2)(down), start])
    return keras.Model(start, L.Dense(K)(L.GlobalAveragePooling2D()(L.Conv2D(8, 3)(x))))


def shared_branch() -> Any:
    shared = keras.Sequential([keras.Input((12, 24, 3)), L.Conv2D(8, 3, activation="relu")])
    start = keras.Input((24, 24, 3))
    top, bottom = L.Cropping2D(((0, 12), 0))(start), L.Cropping2D(((12, 0), 0))(start)
    x = L.Subtract()([shared(top), shared(bottom)])
    return keras.Model(start, L.Dense(K, activation="softmax")(L.Flatten()(x)))


def vision_transformer() -> Any:
    start = keras.Input((24, 24, 3))
    x = L.Reshape((-1, 16))(L.Conv2D(16, 6, 6)(start))
    for _ in range(2):
        y = L.LayerNormalization(epsilon=1e-6)(x)
        x = L.Add()([x, L.MultiHeadAttention(2, 8)(y, y)])
        y = L.Dense(32, activation="gelu")(L.LayerNormalization(epsilon=1e-6)(x))
        x = L.Add()([x, L.Dense(16)(y)])
    return keras.Model(start, L.Dense(K)(L.GlobalAveragePooling1D()(L.LayerNormalization()(x))))


def mixer() -> Any:
    start = keras.Input((24, 24, 3))
    x = L.Reshape((16, 16))(L.Conv2D(16, 6, 6)(start))
    y = L.Permute((2, 1))(L.LayerNormalization()(x))
    x = x + L.Permute((2, 1))(L.Dense(16)(L.Dense(32, activation="gelu")(y)))
    return keras.Model(start, L.Dense(K)(L.GlobalAveragePooling1D()(x)))


def operators() -> Any:
    start = keras.Input((24, 24, 3))
    x = L.Conv2D(8, 3)(start / 127.5 - 1.0)
    x = ops.relu(x) + 0.5 * ops.sigmoid(x)
    return keras.Model(start, ops.softmax(L.Dense(K)(ops.mean(x, axis=[1, 2]))))


class OwnScale(L.Layer):
    def build(self, shape: Any) -> None:
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x: Any) -> Any:
        return x * self.gain


def own_layer() -> Any:
    return plain(L.Conv2D(8, 3), OwnScale(), L.ReLU())


class OwnNetwork(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.conv = L.Conv2D(8, 3, activation="relu")
        self.flat = L.Flatten()
        self.drop = L.Dropout(0.5)
        self.out = L.Dense(K, activation="softmax")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.out(self.drop(self.flat(self.conv(x)), training=training))


def own_network() -> Any:
    model = OwnNetwork()
    model(ops.zeros((1, 24, 24, 3)))
    return model


def rows_by_lstm() -> Any:
    return plain(L.LSTM(16), L.Dense(K, activation="softmax"), shape=(28, 28), head=False)


def capped() -> Any:
    return plain(L.Conv2D(8, 3), L.ReLU(max_value=1.0), L.Conv2D(8, 3, activation="softplus"))


def half_precision() -> Any:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return plain(L.Conv2D(8, 3, activation="relu"))
    finally:
        keras.config.set_dtype_policy("float32")


WRITTEN: tuple[Callable[[], Any], ...] = (
    lenet, flattened_rows, pixels_in_a_row, flowers, transfer, residual, inception, dense_block,
    squeeze_excite, spatial_attention, mobile, dilated, leaky, self_normalising, normalised,
    resized, any_size, up_and_down, shared_branch, vision_transformer, mixer, operators, own_layer,
    own_network, rows_by_lstm, capped, half_precision,
)  # fmt: skip
NAMES = (*[make.__name__ for make in WRITTEN], *APPLICATIONS)


def __getattr__(name: str) -> Any:
    """What makes a network of keras.applications, its weights drawn from a seed."""
    if name not in APPLICATIONS:
        raise AttributeError(name)
    keras.utils.set_random_seed(0)
    return application(name)
