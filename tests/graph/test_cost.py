"""What layers cost, by hand."""

from __future__ import annotations

import torch
from torch import nn

from layerscope.graph.cost import costs
from layerscope.graph.read import read_graph


def test_costs_of_a_convolution_and_a_dense_layer_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(21_632, 10))
    layers = read_graph(model, torch.zeros(1, 1, 28, 28))
    found = costs(model, layers, channels=1, height=28, width=28)
    assert found["0"].parameters == 320
    assert found["0"].multiply_adds == 26 * 26 * 32 * 9
    assert found["0"].dense_parameters == (784 + 1) * 21_632
    assert found["3"].parameters == found["3"].dense_parameters == 21_633 * 10
    assert found["3"].multiply_adds == 21_632 * 10


def test_groups_cost_only_their_own_channels_and_norms_multiply_nothing() -> None:
    model = nn.Sequential(nn.Conv2d(4, 8, 3, groups=4, padding=1, bias=False), nn.BatchNorm2d(8))
    layers = read_graph(model, torch.zeros(1, 4, 5, 5))
    found = costs(model, layers, channels=4, height=5, width=5)
    assert (found["0"].parameters, found["0"].multiply_adds) == (8 * 9, 8 * 25 * 9)
    assert (found["1"].parameters, found["1"].multiply_adds) == (16, 0)
    assert found["1"].dense_parameters == 0


def test_a_module_called_twice_learns_once_and_works_twice() -> None:
    same = nn.Conv2d(4, 4, 3, padding=1)
    model = nn.Sequential(same, nn.ReLU(), same)
    layers = read_graph(model, torch.zeros(1, 4, 8, 8))
    first, _, second = costs(model, layers, channels=4, height=8, width=8).values()
    assert (first.parameters, second.parameters) == (4 * 4 * 9 + 4, 0)
    assert first.multiply_adds == second.multiply_adds == 4 * 64 * 4 * 9
