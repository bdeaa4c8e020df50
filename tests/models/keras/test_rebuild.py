"""Whole Keras networks built again in torch: the same numbers, or refused in words."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from layerscope.errors import ModelError
from layerscope.graph.read import read_graph, read_program
from layerscope.graph.replay_check import check_replay
from layerscope.models.keras import keras_library
from layerscope.models.keras.layers import activation_layers
from layerscope.models.keras.rebuild import from_keras, load_keras
from layerscope.models.pretrained.foreign_network import given_network, is_given

Said = Callable[[Any, torch.Tensor], torch.Tensor]


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


def branched(keras: Any) -> Any:
    """Everything that merges, with features beside maps and flattened maps beside features."""
    L = keras.layers
    start = keras.Input((9, 10, 3))
    a = L.Conv2D(4, 3, padding="same", name="left")(start)
    b = L.Conv2D(4, 1, name="right")(start)
    x = L.Concatenate()(
        [
            L.Add(name="sum")([a, b]),
            L.Multiply()([a, b]),
            L.Subtract()([a, b]),
            L.Average()([a, b, a]),
            L.Maximum()([a, b]),
            L.Minimum()([a, b]),
        ]
    )
    gate = L.Dense(24, activation="sigmoid")(L.GlobalAveragePooling2D()(x))
    x = L.Concatenate()([L.Flatten()(L.Multiply()([x, gate])), L.Flatten()(a), gate])
    x = L.PReLU()(L.LayerNormalization()(L.BatchNormalization()(x)))
    return keras.Model(start, L.Activation("softmax")(L.Dense(5)(x)))


def shared(keras: Any) -> Any:
    """One convolution and one network, each called three times on maps of other sizes."""
    L = keras.layers
    conv, norm = L.Conv2D(3, 3, strides=2, padding="same", name="conv"), L.BatchNormalization()
    block = keras.Sequential(
        [keras.Input((None, None, 3)), L.Conv2D(3, 3, padding="same", name="inside"), L.ReLU()],
        name="block",
    )
    start = keras.Input((17, 20, 3))
    x = norm(conv(block(start)))
    x = block(norm(conv(x)))
    x = block(conv(x))
    return keras.Model(start, L.Dense(4)(L.Flatten()(x)))


def operations(keras: Any) -> Any:
    """Written with operators and `keras.ops` in place of layers."""
    ops, L = keras.ops, keras.layers
    start = keras.Input((9, 10, 3))
    x = L.Conv2D(4, 3)(1.0 - start / 127.5)
    x = ops.relu(x) + 0.5 * ops.sigmoid(x)
    x = ops.concatenate([x, ops.mean(x, axis=-1, keepdims=True)], axis=-1)
    x = ops.transpose(ops.reshape(x, (-1, 56, 5)), (0, 2, 1))
    return keras.Model(start, ops.softmax(L.Dense(4)(ops.mean(x, axis=2))))


def tokens(keras: Any) -> Any:
    """A small vision transformer."""
    L = keras.layers
    start = keras.Input((16, 16, 3))
    x = L.Reshape((-1, 8))(L.Conv2D(8, 4, strides=4)(start))
    y = L.LayerNormalization()(x)
    x = L.Add()([x, L.MultiHeadAttention(2, 4, name="attend")(y, y)])
    x = x + L.Dense(8)(L.Dense(16, activation="gelu")(L.LayerNormalization()(x)))
    return keras.Model(start, L.Dense(4)(L.GlobalAveragePooling1D()(x)))


def authors(keras: Any) -> Any:
    """A class of its author's, with a layer of its author's."""
    L, ops = keras.layers, keras.ops

    class Scaled(L.Layer):  # type: ignore[name-defined, misc]
        def build(self, shape: Any) -> None:
            self.gain = self.add_weight(shape=(shape[-1],), initializer="uniform")

        def call(self, x: Any) -> Any:
            return x * self.gain + ops.tanh(x)

    class Network(keras.Model):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.scaled = L.Conv2D(4, 3, activation="relu"), Scaled()
            self.drop, self.flat, self.out = L.Dropout(0.5), L.Flatten(), L.Dense(3)

        def call(self, x: Any, training: bool = False) -> Any:
            return self.out(self.drop(self.flat(self.scaled(self.conv(x))), training=training))

    model = Network()
    model(torch.zeros(1, 12, 12, 3))
    return model


NETWORKS = {
    "tutorial": tutorial, "branched": branched, "shared": shared, "operations": operations,
    "tokens": tokens, "authors": authors,
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_says_the_same(keras: Any, trained: Any, said: Said, name: str) -> None:
    model = trained(NETWORKS[name](keras))
    net = from_keras(model)
    takes = net.takes
    assert takes is not None
    shape = (5, takes.channels, takes.height, takes.width)
    for top in (1.0, 255.0):
        images = top * torch.rand(shape, generator=torch.Generator().manual_seed(7))
        with torch.no_grad():
            logits = net(images)
        theirs = said(model, images)
        last = {"tutorial": "sigmoid", "branched": "softmax", "operations": "softmax"}.get(name)
        ours = (
            logits
            if last is None
            else (logits.sigmoid() if last == "sigmoid" else logits.softmax(1))
        )
        assert torch.allclose(ours, theirs, atol=1e-5 * max(1, float(theirs.abs().max())))
    # Every operation is known, and run from any layer on it says the same.
    replay = check_replay(read_program(net, images), images, most_layers=30)
    assert not replay.escaped


def test_layers_keep_their_names_and_kinds(keras: Any) -> None:
    images = torch.rand(1, 3, 20, 20)
    layers = read_graph(from_keras(tutorial(keras)), images)
    assert [layer.kind for layer in layers] == [
        "other", "add", "conv", "activation", "max_pool", "conv", "batch_norm", "activation",
        "avg_pool", "flatten", "dense", "activation", "dense",
    ]  # fmt: skip
    names = {
        layer.name for layer in read_graph(from_keras(branched(keras)), torch.rand(1, 3, 9, 10))
    }
    assert {"left", "right", "sum/add"} <= names
    net = from_keras(shared(keras))
    names = {layer.name for layer in read_graph(net, torch.rand(1, 3, 17, 20))}
    # The third call is on maps whose sides get as many zeros each, so that torch puts them there.
    assert {"conv", "conv#2", "conv_2", "block.inside", "block.inside#3"} <= names
    # One convolution, called on three sizes: its weights are there once.
    assert sum(p.numel() for p in net.parameters() if p.shape == (3, 3, 3, 3)) == 2 * 81


def test_units_are_channels_not_rows(keras: Any) -> None:
    layers = read_graph(from_keras(branched(keras)), torch.rand(1, 3, 9, 10))
    assert {layer.shape for layer in layers if layer.name in ("left", "right")} == {(4, 9, 10)}


@pytest.mark.parametrize("shape", [(28, 28), (784,), (3072,)])
def test_pictures_as_rows_of_numbers(keras: Any, trained: Any, shape: tuple[int, ...]) -> None:
    L = keras.layers
    model = trained(
        keras.Sequential(
            [keras.Input(shape), L.Flatten(), L.Dense(6, activation="relu"), L.Dense(4)]
        )
    )
    net = from_keras(model)
    assert net.takes is not None
    H, W, C = net.takes.height, net.takes.width, net.takes.channels
    assert torch.Size(shape).numel() == H * W * C
    images = torch.rand(3, C, H, W)
    theirs = model(images.permute(0, 2, 3, 1).reshape(3, *shape)).detach()
    assert torch.allclose(net(images), theirs, atol=1e-4)


def test_an_open_size_is_the_pictures(keras: Any, trained: Any, said: Said) -> None:
    L = keras.layers
    model = trained(
        keras.Sequential(
            [
                keras.Input((None, None, 3)),
                L.Conv2D(4, 3, strides=2, padding="same"),
                L.GlobalMaxPooling2D(),
                L.Dense(3),
            ]
        )
    )
    for size in ((11, 14), (12, 12)):
        net = from_keras(model, size=size)
        images = torch.rand(2, 3, *size)
        assert torch.allclose(net(images), said(model, images), atol=1e-5)
        assert net.takes is not None and net.takes.open_size
        framing = net.takes.facts.framing
        assert framing is not None and (framing.height, framing.width) == size
        with pytest.raises(ModelError, match="8 x 8 px were given"):
            net(torch.rand(2, 3, 8, 8))


def test_a_file_is_read(keras: Any, said: Said, tmp_path: Path) -> None:
    model = tutorial(keras, output="softmax")
    for name in ("net.keras", "net.h5"):
        path = tmp_path / name
        model.save(path)
        assert is_given(str(path))
        net, spec = given_network(
            str(path), channels=3, height=20, width=20, mean=[0] * 3, std=[1] * 3,
            class_names="abcd",
        )  # fmt: skip
        assert spec.class_names == ("a", "b", "c", "d")
        images = torch.rand(2, 3, 20, 20)
        with torch.no_grad():
            assert torch.allclose(net(images).softmax(1), said(model, images), atol=1e-5)


def test_strange_files_are_refused_in_one_sentence(keras: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no file"):
        load_keras(tmp_path / "nowhere.keras")
    (tmp_path / "broken.keras").write_bytes(b"no zip")
    with pytest.raises(ModelError, match="cannot be read as a Keras network"):
        load_keras(tmp_path / "broken.keras")
    L = keras.layers
    with_code = keras.Sequential([keras.Input((4, 4, 1)), L.Lambda(lambda x: 2 * x), L.Flatten()])
    for name in ("code.keras", "code.h5"):
        with_code.save(tmp_path / name)
        with pytest.raises(ModelError, match="holds code"):
            load_keras(tmp_path / name)
    with pytest.raises(ModelError, match="is a Lambda"):
        from_keras(with_code)


def test_a_file_with_a_class_of_its_authors_names_it(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()]).save(path)
    other = tmp_path / "other.keras"
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(other, "w") as changed:
        for item in given.infolist():
            content = given.read(item)
            if item.filename == "config.json":
                config = json.loads(content)
                config["config"]["layers"][1] |= {
                    "class_name": "Blurring", "module": "nowhere_at_all",
                    "registered_name": "Blurring",
                }  # fmt: skip
                content = json.dumps(config).encode()
            changed.writestr(item, content)
    with pytest.raises(ModelError, match="'Blurring', which is its author's own"):
        load_keras(other)


def test_an_old_keras_opens_no_file(
    keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.h5"
    keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()]).save(path)
    assert load_keras(path)(torch.ones(1, 1, 4, 4)).shape == (1, 16)
    monkeypatch.setattr(keras, "__version__", "3.11.2")
    with pytest.raises(ModelError, match=r"CVE-2025-9905.*keras>=3\.11\.3"):
        load_keras(path)
    monkeypatch.setattr(keras, "__version__", "3.11.3")
    assert keras_library.version_of(keras) == (3, 11, 3)
    load_keras(path)


def test_a_rule_that_is_wrong_is_noticed(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    L = keras.layers
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), L.Conv2D(4, 3, activation="elu"), L.Flatten()]
    )
    from_keras(model)
    wrong = activation_layers.FUNCTIONS | {"elu": lambda: torch.nn.ELU(0.9)}
    monkeypatch.setattr(activation_layers, "FUNCTIONS", wrong)
    with pytest.raises(ModelError, match="does not give what Keras gives"):
        from_keras(model)


def test_what_is_no_network_of_one_picture_is_refused(keras: Any) -> None:
    L = keras.layers
    with pytest.raises(ModelError, match="no square picture's"):
        from_keras(keras.Sequential([keras.Input((8,)), L.Dense(2)]))
    a, b = keras.Input((8, 8, 1), name="a"), keras.Input((8, 8, 1), name="b")
    with pytest.raises(ModelError, match=r"reads 2 inputs \('a', 'b'\)"):
        from_keras(keras.Model([a, b], L.Flatten()(L.Add()([a, b]))))
    two = keras.Model(a, [L.Flatten()(a), L.GlobalMaxPooling2D()(a)])
    with pytest.raises(ModelError, match="has 2 outputs"):
        from_keras(two)
    first = keras.Sequential(
        [keras.Input((3, 8, 8)), L.GlobalMaxPooling2D(data_format="channels_first")]
    )
    with pytest.raises(ModelError, match="channels first"):
        from_keras(first)

    class ByValue(keras.Model):  # type: ignore[name-defined, misc]
        def call(self, x: Any) -> Any:
            return x if float(x.sum()) > 0 else -x

    with pytest.raises(ModelError, match="decides in its call"):
        from_keras(ByValue())


def test_the_original_is_left_as_it_was(keras: Any, trained: Any) -> None:
    model = trained(tutorial(keras))
    before = [w.numpy().copy() for w in model.weights]
    net = from_keras(model)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    assert all((w.numpy() == b).all() for w, b in zip(model.weights, before, strict=True))
