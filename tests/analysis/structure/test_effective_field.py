"""Effective receptive fields against convolved windows, and against the exact fields."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from layerscope.analysis.structure.effective_field import effective_field, spread_units
from layerscope.graph.read import read_program
from layerscope.graph.receptive_field import receptive_fields
from layerscope.models import build, make_spec


def even_stack(depth: int, kernel: int, channels: int = 2) -> nn.Sequential:
    """Linear convolutions whose weights are all alike."""
    net = nn.Sequential(
        *(nn.Conv2d(channels, channels, kernel, padding=kernel // 2) for _ in range(depth))
    ).double()
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.1)
    return net


@pytest.mark.parametrize(("depth", "kernel"), [(1, 3), (1, 5), (2, 3), (4, 3), (3, 5)])
def test_even_weights_give_the_convolved_window(depth: int, kernel: int) -> None:
    images = torch.rand(3, 2, 41, 41, dtype=torch.float64)
    program = read_program(even_stack(depth, kernel), images)
    found = effective_field(program, str(depth - 1), images)
    assert found is not None
    window = np.ones(1)
    for _ in range(depth):
        window = np.convolve(window, np.ones(kernel) / kernel)
    expected = np.zeros((41, 41))
    reach = len(window) // 2
    expected[20 - reach : 21 + reach, 20 - reach : 21 + reach] = np.outer(window, window)
    assert found.weight.numpy() == pytest.approx(expected, abs=1e-7)
    # Variances add up: each window of k pixels has (k² - 1) / 12.
    size = (depth * (kernel**2 - 1) + 1) ** 0.5
    assert found.size_px == pytest.approx((size, size))
    assert size == kernel if depth == 1 else size < depth * (kernel - 1) + 1


def test_sides_are_told_apart_and_never_beyond_the_weight() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, (1, 7), padding=(0, 3)))
    images = torch.rand(2, 1, 15, 15)
    program = read_program(net, images)
    with torch.no_grad():
        net[0].weight.fill_(1)
    found = effective_field(program, "0", images)
    assert found is not None and found.size_px == pytest.approx((1, 7))
    with torch.no_grad():  # all at the two ends, of either sign: as far as it sees, no farther
        net[0].weight.copy_(torch.tensor([-1.0, 0, 0, 0, 0, 0, 1]).view(1, 1, 1, 7))
    found = effective_field(program, "0", images)
    assert found is not None and found.size_px == pytest.approx((1, 7))


def test_units_are_averaged_and_may_be_chosen() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, bias=False))
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].weight[0, 0, 1, 1] = 1  # sees one pixel
        net[0].weight[1, 0] = 1  # sees nine
    images = torch.rand(2, 1, 9, 9)
    program = read_program(net, images)
    sizes = {}
    for units in ((0,), (1,), None):
        found = effective_field(program, "0", images, units=units)
        assert found is not None
        sizes[units] = found.size_px[0]
    assert sizes[0,] == pytest.approx(1) and sizes[1,] == pytest.approx(3)
    # Weights of 1 + 9 pixels: (3 + 3) / 10 lies one pixel off the middle.
    assert sizes[None] == pytest.approx((12 * 0.6 + 1) ** 0.5)
    assert spread_units(3, 8) == [0, 1, 2] and spread_units(64, 4) == [0, 16, 32, 48]


def test_no_field_without_maps_or_without_an_answer() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 49, 2))
    images = torch.rand(2, 1, 9, 9)
    program = read_program(net, images)
    assert effective_field(program, "0", images) is not None
    assert effective_field(program, "3", images) is None
    with torch.no_grad():
        net[0].bias.fill_(-100)
    assert effective_field(program, "1", images) is None  # the ReLU lets nothing through


@pytest.mark.parametrize(
    ("name", "channels", "size"), [("compact", 3, 32), ("catdog-cnn", 3, 32), ("compact", 1, 48)]
)
def test_exact_fields_hold_every_gradient(name: str, channels: int, size: int) -> None:
    spec = make_spec(
        name, class_names="abc", channels=channels, height=size, width=size,
        mean=[0] * channels, std=[1] * channels,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    model = build(spec, generator)
    images = torch.randn(4, channels, size, size, generator=generator)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    program = read_program(model, images)
    fields = receptive_fields(program.layers, height=size, width=size)
    tried = 0
    for layer in program.layers:
        field = fields[layer.name]
        if field is None or len(layer.shape) != 3:
            continue
        found = effective_field(program, layer.name, images)
        assert found is not None, layer.name
        middle = layer.shape[1] // 2, layer.shape[2] // 2
        top, left, height, width = field.box(*middle, height=size, width=size)
        outside = found.weight.clone()
        outside[top : top + height, left : left + width] = 0
        assert not outside.any(), layer.name
        assert found.weight[top : top + height, left : left + width].any()
        assert all(
            1 <= seen <= whole for seen, whole in zip(found.size_px, field.size_px, strict=True)
        )
        tried += 1
    assert tried >= 7
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
