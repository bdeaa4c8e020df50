"""ONNX files are opened as torch networks that say what onnxruntime says."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from layerscope.errors import ModelError
from layerscope.graph.read import read_program
from layerscope.models.pretrained.foreign_network import given_network, is_given, open_network
from layerscope.vision import torchvision

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


os.environ.setdefault("KERAS_BACKEND", "torch")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.skip = nn.Conv2d(6, 6, 3, padding=1)
        self.fc = nn.Linear(6 * 8 * 8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.norm(self.conv(x)))
        h = torch.max_pool2d(h + self.skip(h), 2)
        return torch.softmax(self.fc(h.flatten(1)), 1)


def exported(net: nn.Module, path: Path, *, batch: bool = True, size: int = 16) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # torch calls this exporter old; it needs no further library
        torch.onnx.export(
            net.eval(), (torch.randn(1, 3, size, size),), str(path), dynamo=False,
            input_names=["x"], dynamic_axes={"x": {0: "n"}} if batch else None,
        )  # fmt: skip
    return path


def by_onnxruntime(path: Path, images: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    rows = [session.run(None, {name: one[None].numpy()})[0] for one in images]
    return torch.from_numpy(np.concatenate(rows))


@pytest.fixture
def network(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    return exported(Net(), tmp_path / "net.onnx")


def test_a_file_gives_the_logits_that_onnxruntimes_probabilities_come_from(network: Path) -> None:
    assert is_given(str(network))
    opened = open_network(str(network))
    assert opened.facts.framing is not None
    assert (opened.facts.framing.height, opened.facts.channels) == (16, 3)
    model, _ = given_network(
        str(network), channels=3, height=16, width=16, mean=[0] * 3, std=[1] * 3, class_names="abcd"
    )
    images = torch.rand(5, 3, 16, 16)
    with torch.no_grad():
        logits = model(images)
    assert torch.allclose(logits.softmax(1), by_onnxruntime(network, images), atol=1e-5)
    assert float(logits.min()) < 0
    layers = {layer.name: layer for layer in read_program(model, images).layers}
    assert layers["conv_Conv"].kind == "conv"
    assert layers["fc_Gemm"].kind == "dense"
    assert layers["Relu"].kind == "activation"


def test_every_layer_puts_out_what_onnxruntime_computes_there(network: Path) -> None:
    """The layers' outputs are exposed in a copy of the file, and held against the converted net."""
    proto = onnx.load(str(network))
    proto.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(node.output[0]) for node in proto.graph.node
    )
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    images = torch.rand(1, 3, 16, 16)
    exposed = [output.name for output in session.get_outputs()]
    theirs = dict(zip(exposed, session.run(None, {"x": images.numpy()}), strict=True))
    program = read_program(open_network(str(network)).model, images)
    seen: dict[str, torch.Tensor] = {}
    program.run(images, lambda name, value: seen.__setitem__(name, value.clone()))
    compared = 0
    for node in proto.graph.node:
        own = seen.get(node.name.strip("/").replace("/", "_") or node.op_type)
        if own is not None:
            assert np.allclose(own.numpy(), theirs[node.output[0]], atol=1e-5), node.name
            compared += 1
    assert compared >= 5


def test_a_published_network_is_the_same_through_onnx(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = torchvision().models.mobilenet_v3_small(num_classes=5).eval()
    path = exported(net, tmp_path / "mobile.onnx", size=64)
    opened = open_network(str(path))
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(opened.model(images), net(images), atol=1e-4)


def test_channels_last_are_turned(network: Path, tmp_path: Path) -> None:
    proto = onnx.load(str(network))
    turn = onnx.helper.make_node("Transpose", ["rows"], ["x"], name="turn", perm=[0, 3, 1, 2])
    proto.graph.node.insert(0, turn)
    del proto.graph.input[:]
    proto.graph.input.append(
        onnx.helper.make_tensor_value_info("rows", onnx.TensorProto.FLOAT, ["n", 16, 16, 3])
    )
    onnx.save(proto, str(tmp_path / "last.onnx"))
    images = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        last = open_network(str(tmp_path / "last.onnx")).model(images)
        assert torch.allclose(last, open_network(str(network)).model(images), atol=1e-6)


def test_class_names_in_the_file_are_the_networks(network: Path, tmp_path: Path) -> None:
    proto = onnx.load(str(network))
    entry: Any = proto.metadata_props.add()
    entry.key, entry.value = "names", "{0: 'cat', 1: 'dog', 2: 'fox', 3: 'hen'}"
    onnx.save(proto, str(tmp_path / "named.onnx"))
    assert open_network(str(tmp_path / "named.onnx")).class_names == ("cat", "dog", "fox", "hen")


def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path, network: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no onnx")
    with pytest.raises(ModelError, match="cannot be opened as an ONNX network"):
        open_network(str(tmp_path / "broken.onnx"))
    flat = exported(nn.Sequential(nn.Flatten(), nn.Linear(768, 2)), tmp_path / "one.onnx")
    assert open_network(str(flat)).model(torch.zeros(2, 3, 16, 16)).shape == (2, 2)
    proto = onnx.load(str(network))
    proto.graph.node[0].op_type = "Det"
    del proto.graph.node[0].attribute[:]
    onnx.save(proto, str(tmp_path / "det.onnx"))
    with pytest.raises(ModelError, match="open it as the network that it was exported from"):
        open_network(str(tmp_path / "det.onnx"))


def test_a_conversion_that_says_something_else_is_refused(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx2torch

    convert = onnx2torch.convert

    def other(proto: Any) -> Any:
        net = convert(proto)
        with torch.no_grad():
            next(net.parameters()).mul_(2)
        return net

    monkeypatch.setattr(onnx2torch, "convert", other)
    with pytest.raises(ModelError, match="does not say what onnxruntime says"):
        open_network(str(network))


class Modern(nn.Module):
    """What dynamo's exporter writes in operators younger than onnx2torch knows."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.group = nn.GroupNorm(2, 8)
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.last = nn.Conv2d(8, 8, 3, padding=1)
        self.fc = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = nn.functional.mish(self.group(self.stem(x)))
        tokens = h.flatten(2).transpose(1, 2)
        normed = self.norm(tokens)
        tokens = tokens + self.attention(normed, normed, normed, need_weights=False)[0]
        tokens = tokens + self.mlp(self.norm(tokens))
        maps = nn.functional.silu(self.last(tokens.transpose(1, 2).unflatten(2, h.shape[2:])))
        return self.fc(nn.functional.adaptive_max_pool2d(maps, 1).flatten(1))


def test_an_export_of_todays_torch_opens(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    net = Modern().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net, (torch.randn(2, 3, 16, 16),), str(tmp_path / "net.onnx"), dynamo=True,
            dynamic_shapes={"x": {0: torch.export.Dim("n")}}, verbose=False,
        )  # fmt: skip
    operators = {node.op_type for node in onnx.load(str(tmp_path / "net.onnx")).graph.node}
    assert "Gelu" in operators
    opened = open_network(str(tmp_path / "net.onnx"))
    images = torch.rand(5, 3, 16, 16)
    with torch.no_grad():
        assert torch.allclose(opened.model(images), net(images), atol=1e-5)
    kinds = [layer.kind for layer in read_program(opened.model, images).layers]
    assert kinds.count("conv") == 2
    assert "activation" in kinds and "dense" in kinds


def test_an_export_of_keras_opens(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    torchvision()
    keras = pytest.importorskip("keras")
    layers = keras.layers
    keras.utils.set_random_seed(0)
    net = keras.Sequential(
        [
            layers.Input((16, 16, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="gelu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    images = 255 * torch.rand(4, 16, 16, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.asarray(net.predict(images.numpy(), verbose=0))
        net.export(str(tmp_path / "net.onnx"), format="onnx", verbose=False)
    opened = open_network(str(tmp_path / "net.onnx"))
    assert opened.facts.framing is not None
    assert (opened.facts.framing.height, opened.facts.channels) == (16, 3)
    with torch.no_grad():
        found = opened.model(images.permute(0, 3, 1, 2)).numpy()
    assert np.allclose(found, expected, atol=1e-5)
