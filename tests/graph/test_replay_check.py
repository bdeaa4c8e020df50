"""The self-check of a trace: honest networks pass, those that a trace cannot show are named."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layerscope.graph.read import read_program
from layerscope.graph.replay_check import check_replay
from layerscope.graph.resume import cut
from layerscope.graph.tracing.recorded_program import RecordedProgram
from layerscope.models import build, make_spec, model_names


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


class Deciding(nn.Module):
    """Cannot be traced; reads a number of its own that may have changed."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.conv(x), inplace=True)
        x = x * 2 if x.mean() > 0 else x  # always so behind a ReLU
        x += 1
        return self.head(x.mean((2, 3)))


def test_a_network_that_decides_is_replayed_from_every_layer_and_named() -> None:
    torch.manual_seed(0)
    model = Deciding().train()
    program = read_program(model, images())
    assert isinstance(program, RecordedProgram)
    drawn = torch.get_rng_state()
    found = check_replay(program, images())
    assert list(found.differences) == ["conv", "relu", "mul", "add", "mean#2", "head"]
    assert max(found.differences.values()) == 0
    assert found.program_difference == 0
    assert found.escaped == program.escaped  # the same way, alone and together
    assert not found.ok
    assert "'bool' of 'relu'" in found.escaped[0]
    assert torch.equal(torch.get_rng_state(), drawn)
    assert model.training
    # The layers are replaced where they are, not beside it: a change shows in the logits.
    behind = cut(program, "relu")
    cached = behind.cache(images())
    changed = behind.resume(cached, cached.output + 1)
    with torch.no_grad():
        own = model.head((2 * (F.relu(model.conv(images())) + 1) + 1).mean((2, 3)))
    assert torch.allclose(changed, own, atol=1e-6)


def test_so_many_layers_as_are_asked_for_are_replayed_from() -> None:
    net = nn.Sequential(*[nn.Conv2d(1, 1, 1) for _ in range(10)], nn.Flatten(), nn.Linear(64, 2))
    program = read_program(net, images())
    assert list(check_replay(program, images(), most_layers=3).differences) == ["3", "7", "11"]
    assert len(check_replay(program, images(), most_layers=12).differences) == 12


def test_a_network_that_mixes_its_pictures_by_what_it_decides_is_named() -> None:
    torch.manual_seed(0)

    class Shifting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(64, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head((x - float(x.mean())).flatten(1))

    program = read_program(Shifting(), images())
    apart = torch.arange(3.0).view(3, 1, 1, 1)
    assert any(
        "depend on those it is run with" in s
        for s in check_replay(program, images() + apart).escaped
    )
    one = check_replay(program, images()[:1])
    assert not any("depend on" in s for s in one.escaped)
