"""Strongest inputs against weights set by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from layerscope.analysis.structure.strongest_inputs import unit_inputs
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
    found = unit_inputs(net, layers, "4", MEASURED)
    assert found.source == "1"
    assert found.strongest[2][:2] == [(4, 3.0), (1, -2.0)]
    found = unit_inputs(net, layers, "6", MEASURED)
    assert found.source == "4"
    assert found.strongest[1][0] == (2, pytest.approx(1.0))


def test_what_excites_and_inhibits_counts_how_much_each_input_varies() -> None:
    net = network()
    with torch.no_grad():
        net[3].weight.zero_()
        net[3].weight[0, 1] = 0.5  # nine weights
        net[3].weight[0, 2] = 1.0
        net[3].weight[0, 3, 0, 0] = -2.0
        net[3].weight[0, 4] = torch.tensor([[1.0, 0, -1], [1, 0, -1], [1, 0, -1]])  # an edge
    layers = read_graph(net, torch.zeros(1, 1, 10, 10))
    found = unit_inputs(net, layers, "4", MEASURED)
    deviations = torch.tensor([1.0, 4.0, 1.0, 0.5, 3.0])
    assert found.driving(deviations, 1)[0] == [(1, 18.0), (2, 9.0)]
    assert found.driving(deviations, -1)[0] == [(3, -1.0)]
    assert found.driving(deviations, 1)[1] == []


def test_a_batch_norm_can_turn_excitation_round() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 1, 1, bias=False), nn.BatchNorm2d(1), nn.ReLU()
    ).eval()
    with torch.no_grad():
        net[2].weight.copy_(torch.tensor([3.0, -1.0]).view(1, 2, 1, 1))
        net[3].weight.fill_(-2.0)
        net[3].running_var.fill_(4.0 - net[3].eps)
    layers = read_graph(net, torch.zeros(1, 1, 6, 6))
    found = unit_inputs(net, layers, "4", ["1", "4"])
    assert found.driving(torch.ones(2), 1)[0] == [(1, pytest.approx(1.0))]
    assert found.driving(torch.ones(2), -1)[0] == [(0, pytest.approx(-3.0))]
    assert found.strongest[0] == [(0, -3.0), (1, 1.0)]


def test_layers_that_read_the_picture_or_a_sum_have_none() -> None:
    net = network()
    layers = read_graph(net, torch.zeros(1, 1, 10, 10))
    assert unit_inputs(net, layers, "1", MEASURED).strongest == []

    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.act = nn.Conv2d(1, 4, 3), nn.Conv2d(1, 4, 3), nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.act(self.a(x) + self.b(x)).mean((2, 3))

    total = Sum()
    layers = read_graph(total, torch.zeros(1, 1, 10, 10))
    assert unit_inputs(total, layers, "act", ["act"]).source is None
