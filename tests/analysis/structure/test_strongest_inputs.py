"""Strongest inputs against weights set by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from layerscope.analysis.structure.strongest_inputs import strongest_inputs
from layerscope.graph.read import read_graph


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 5, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 3, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(12, 2),
    )  # fmt: skip


MEASURED = ["1", "4", "6"]


def test_the_largest_weights_name_the_strongest_inputs() -> None:
    net = network()
    with torch.no_grad():
        net[3].weight.zero_()
        net[3].weight[2, 4] = 1.0
        net[3].weight[2, 1, 0, 0] = -2.0
        net[6].weight.zero_()
        net[6].weight[1, 8:12] = 0.5  # the four places of the third map
    layers = read_graph(net, torch.zeros(1, 1, 10, 10))
    source, inputs = strongest_inputs(net, layers, "4", MEASURED)
    assert source == "1"
    assert inputs[2][:2] == [(4, 3.0), (1, 2.0)]
    source, inputs = strongest_inputs(net, layers, "6", MEASURED)
    assert source == "4"
    assert inputs[1][0] == (2, pytest.approx(1.0))


def test_layers_that_read_the_picture_or_a_sum_have_none() -> None:
    net = network()
    layers = read_graph(net, torch.zeros(1, 1, 10, 10))
    assert strongest_inputs(net, layers, "1", MEASURED) == (None, [])

    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.act = nn.Conv2d(1, 4, 3), nn.Conv2d(1, 4, 3), nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.act(self.a(x) + self.b(x)).mean((2, 3))

    total = Sum()
    layers = read_graph(total, torch.zeros(1, 1, 10, 10))
    assert strongest_inputs(total, layers, "act", ["act"]) == (None, [])
