"""The self-check of a trace: honest networks pass, those that a trace cannot show are named."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layerscope.looking.replay import check_replay
from layerscope.models import build, make_spec, model_names
from layerscope.models.graph import read_program


def images(channels: int = 1, side: int = 8) -> torch.Tensor:
    return torch.randn(3, channels, side, side, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", model_names())
def test_our_networks_are_replayed_from_every_layer(name: str) -> None:
    spec = make_spec(
        name, class_names="abc", channels=3, height=32, width=32, mean=[0] * 3, std=[1] * 3
    )
    model = build(spec, torch.Generator().manual_seed(0)).train()
    program = read_program(model, images(3, 32))
    drawn = torch.get_rng_state()
    found = check_replay(program, images(3, 32))
    assert found.ok
    assert found.escaped == ()
    assert list(found.differences) == [layer.name for layer in program.layers]
    assert max(found.differences.values()) < 1e-5
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(module.training for module in model.modules())


class Switched(nn.Module):
    """Reads a flag of its own, as tracing did once and for all."""

    def __init__(self) -> None:
        super().__init__()
        self.flag = False
        self.first = nn.Conv2d(1, 2, 3)
        self.second = nn.Conv2d(2, 2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        if self.flag:
            x = F.relu(x)
        return self.second(x).mean((2, 3))


def test_a_network_that_changed_since_it_was_read_is_named_with_the_place() -> None:
    torch.manual_seed(0)
    model = Switched()
    program = read_program(model, images())
    assert check_replay(program, images()).ok
    model.flag = True
    found = check_replay(program, images())
    assert not found.ok
    assert found.program_difference > 0
    assert "differ by" in found.escaped[0]
    assert found.escaped[0].endswith("first at 'second'")


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.head = nn.Linear(72, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.dropout(self.conv(x), 0.5, training=True)
        return self.head(x.flatten(1))


def test_a_network_that_draws_random_numbers_is_named() -> None:
    torch.manual_seed(0)
    found = check_replay(read_program(Noisy(), images()), images())
    assert not found.ok
    assert "random numbers" in found.escaped[0]
    assert found.escaped[0].endswith("first at 'head'")


class Fixed(nn.Module):
    """Tracing asks for a number once; the network asks each time."""

    def __init__(self, box: list[float]) -> None:
        super().__init__()
        self.box = box
        self.head = nn.Linear(64, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.flatten(1)) * self.box[0]


def test_a_value_that_tracing_fixed_is_found_behind_the_last_module() -> None:
    torch.manual_seed(0)
    box = [1.0]
    program = read_program(Fixed(box), images())
    assert check_replay(program, images()).ok
    box[0] = 2.0
    found = check_replay(program, images())
    assert not found.ok
    assert "operations that are no modules" in found.escaped[0]


def test_a_network_whose_numbers_overflow_alike_is_still_its_own_trace() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    nn.init.constant_(net[1].weight, 1e38)
    net[1].weight.data[1] = float("nan")
    assert check_replay(read_program(net, images()), images()).differences["1"] == 0
