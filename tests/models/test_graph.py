"""The graph of a network, its receptive fields and its costs, against independent answers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from layerscope.errors import ModelError
from layerscope.models import build, make_spec
from layerscope.models.cost import costs
from layerscope.models.graph import read_graph, walk
from layerscope.models.receptive import receptive_fields
from layerscope.models.summary import in_words, summarise


class Functional(nn.Module):
    """Reuses a module, works in place, adds, and calls functions that are no modules."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.same = nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(4 * 4 * 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        x = self.act(self.same(x) + x)
        x = self.act(self.same(x))
        return self.head(x.view(x.size(0), -1))


def test_functions_reused_modules_and_adds_are_layers_with_the_right_inputs() -> None:
    layers = read_graph(Functional(), torch.zeros(1, 1, 8, 8))
    assert [(layer.name, layer.kind, layer.inputs) for layer in layers] == [
        ("conv", "conv", ("input",)),
        ("relu", "activation", ("conv",)),
        ("max_pool2d", "max_pool", ("relu",)),
        ("same", "conv", ("max_pool2d",)),
        ("add", "add", ("same", "max_pool2d")),
        ("act", "activation", ("add",)),
        ("same#2", "conv", ("act",)),
        ("act#2", "activation", ("same#2",)),
        ("view", "flatten", ("act#2",)),
        ("head", "dense", ("view",)),
    ]
    assert layers[2].options["stride"] == [2, 2]
    assert [layer.title for layer in layers[:2]] == ["Convolution 1", "ReLU 1"]


def test_walk_gives_what_each_layer_put_out_although_a_later_one_works_in_place() -> None:
    model = Functional().eval()
    images = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    seen = walk(model, images)
    conv = F.conv2d(images, model.conv.weight, model.conv.bias, padding=1)
    pooled = F.max_pool2d(conv.clamp(min=0), 2)
    same = F.conv2d(pooled, model.same.weight, model.same.bias, padding=1)
    assert torch.allclose(seen.outputs["conv"], conv, atol=1e-6)
    assert torch.allclose(seen.outputs["same"], same, atol=1e-6)
    assert torch.allclose(seen.outputs["add"], same + pooled, atol=1e-6)  # not yet clipped
    assert torch.allclose(seen.outputs["act"], (same + pooled).clamp(min=0), atol=1e-6)
    assert torch.allclose(seen.logits, model(images), atol=1e-6)


def test_reading_leaves_the_network_as_it_was() -> None:
    spec = make_spec(
        "compact", class_names="abc", channels=3, height=32, width=32, mean=[0] * 3, std=[1] * 3
    )
    model = build(spec, torch.Generator().manual_seed(0)).train()
    model.stem.eval()  # type: ignore[union-attr]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    walk(model, torch.randn(4, 3, 32, 32))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert all(not module._forward_hooks for module in model.modules())


class Dependent(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


def test_what_cannot_be_read_is_refused_with_the_reason() -> None:
    with pytest.raises(ModelError, match="cannot be traced"):
        read_graph(Dependent(), torch.zeros(1, 1, 4, 4))
    with pytest.raises(ModelError, match=r"does not run on pictures of \(1, 12, 12\)"):
        read_graph(Functional(), torch.zeros(1, 1, 12, 12))
    read_graph(Functional(), torch.zeros(1, 1, 8, 8))


windows = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["conv", "avg", "residual"]), windows), min_size=1, max_size=4
    )
)
def test_receptive_fields_against_the_gradient(parts) -> None:
    """With positive weights, the pixels whose gradient is not zero are exactly those seen."""
    side, channels = 48, 2
    layers: list[nn.Module] = []
    for kind, (kernel, stride, padding, dilation) in parts:
        if kind == "conv":
            layers.append(nn.Conv2d(channels, channels, kernel, stride, padding, dilation))
        elif kind == "avg":
            layers.append(nn.AvgPool2d(kernel, stride, min(padding, kernel // 2)))
        else:
            layers.append(Skip(channels))
    model = nn.Sequential(*layers)
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.1)
    images = torch.rand(1, channels, side, side, requires_grad=True)
    try:
        output = model(images)
    except RuntimeError:
        return  # the maps shrank to nothing
    graph = read_graph(model, images.detach())
    field = receptive_fields(graph, height=side, width=side)[graph[-1].name]
    assert field is not None
    H, W = output.shape[2:]
    for y, x in {(0, 0), (H // 2, W // 2), (H - 1, W - 1)}:
        (gradient,) = torch.autograd.grad(output[0, 0, y, x], images, retain_graph=True)
        touched = gradient[0].abs().sum(0) > 0
        top, left, h, w = field.box(y, x, height=side, width=side)
        if not touched.any():  # a unit at the border that sees padding alone
            assert (y, x) != (H // 2, W // 2)
            continue
        rows, columns = touched.any(1).nonzero()[:, 0], touched.any(0).nonzero()[:, 0]
        # dilation and stride may leave gaps at the clipped border, never reach beyond the box
        assert top <= int(rows.min()) and int(rows.max()) < top + h
        assert left <= int(columns.min()) and int(columns.max()) < left + w
        if (y, x) == (H // 2, W // 2) and h == field.size_px[0] and w == field.size_px[1]:
            assert (int(rows.min()), int(rows.max())) == (top, top + h - 1)
            assert (int(columns.min()), int(columns.max())) == (left, left + w - 1)


class Skip(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) + x


def test_known_receptive_fields() -> None:
    spec = make_spec(
        "fashion-cnn", class_names="ab", channels=1, height=28, width=28, mean=[0], std=[1]
    )
    layers = read_graph(build(spec, torch.Generator()), torch.zeros(1, 1, 28, 28))
    fields = receptive_fields(layers, height=28, width=28)
    sizes = {name: field and field.size_px[0] for name, field in fields.items()}
    # By hand: 3; pooling +1; convolution +2*2; pooling +1*2.
    assert [sizes[f"features.{i}"] for i in range(6)] == [3, 3, 4, 8, 8, 10]
    assert sizes["classifier.0"] is None
    assert fields["features.5"].stride_px == (4, 4)  # type: ignore[union-attr]


def test_costs_of_a_convolution_and_a_dense_layer_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(21_632, 10))
    layers = read_graph(model, torch.zeros(1, 1, 28, 28))
    found = costs(model, layers, channels=1, height=28, width=28)
    assert found["0"].parameters == 320
    assert found["0"].multiply_adds == 26 * 26 * 32 * 9
    assert found["0"].dense_parameters == (784 + 1) * 21_632
    assert found["3"].parameters == found["3"].dense_parameters == 21_633 * 10
    assert found["3"].multiply_adds == 21_632 * 10


def test_a_module_called_twice_is_counted_once() -> None:
    model = Functional()
    layers = read_graph(model, torch.zeros(1, 1, 8, 8))
    found = costs(model, layers, channels=1, height=8, width=8)
    assert found["same"].parameters == 4 * 4 * 9 + 4
    assert found["same#2"].parameters == 0
    assert sum(c.parameters for c in found.values()) == sum(p.numel() for p in model.parameters())


def test_summary_names_layers_and_compares_with_a_dense_network() -> None:
    spec = make_spec(
        "fashion-cnn", class_names="0123456789", channels=1, height=28, width=28, mean=[0], std=[1]
    )
    text = summarise(build(spec, torch.Generator()), channels=1, height=28, width=28).text()
    assert "features.3    Convolution 2  64 x 11 x 11      18,496" in text
    dense = 785 * 21632 + (5408 + 1) * 7744 + 1601 * 64 + 65 * 10
    assert f"{dense / 1e6:.3g} million parameters, {dense / 121_930:,.0f} times as many" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_large_numbers_in_words() -> None:
    assert [in_words(n) for n in (64_000, 1_250_000, 3_281_000_000, 2 * 10**12)] == [
        "64,000",
        "1.25 million",
        "3.28 billion",
        "2 trillion",
    ]
