"""Whatever a network gives, logits come of it: held against the probabilities that it gave."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layerscope.errors import ModelError
from layerscope.graph.read import read_program
from layerscope.models.logits import ending_of, to_logits

IMAGES = torch.randn(5, 1, 6, 6, generator=torch.Generator().manual_seed(1))


class Net(nn.Module):
    """A small network that ends as it is told."""

    def __init__(self, end: Any, n: int = 4, last: nn.Module | None = None) -> None:
        super().__init__()
        self.gate = nn.Sigmoid()
        self.last = last if last is not None else nn.Identity()
        self.conv = nn.Conv2d(1, 3, 3)
        self.fc = nn.Linear(48, n)
        self.scale = nn.Parameter(torch.tensor(3.0))
        self.end = end

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        h = self.conv(x)
        return self.scale * self.fc((h * self.gate(h)).flatten(1))

    def forward(self, x: torch.Tensor) -> Any:
        return self.end(self.last(self.logits(x)))


def made(end: Any = lambda z: z, n: int = 4, last: nn.Module | None = None) -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Net(end, n, last).eval()


class Output(OrderedDict):
    @property
    def logits(self) -> torch.Tensor:
        return self["scores"]


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (lambda z: {"features": z[:, :2], "logits": z}, "gives a dict: its 'logits'"),
        (lambda z: {"scores": z}, "gives a dict: its 'scores'"),
        (lambda z: Output(scores=z), "gives a Output: its logits"),
        (lambda z: (z, z.mean()), "gives a tuple of 2: its first tensor"),
        (lambda z: [None, z], "gives a list of 2: its 2th tensor"),
        (lambda z: z[:, :, None, None], ""),
    ],
)
def test_logits_are_taken_out(end: Any, said: str) -> None:
    net = made(end)
    found = to_logits(net, IMAGES)
    with torch.no_grad():
        assert torch.equal(found.model(IMAGES), net.logits(IMAGES))
    assert said in " ".join(found.notes)
    assert len(found.notes) == bool(said)


def test_a_network_that_gives_logits_is_handed_back() -> None:
    net = made()
    found = to_logits(net, IMAGES)
    assert found.model is net
    assert found.notes == ()


@pytest.mark.parametrize(
    ("rows", "runs"),
    [([[-1.0, 3.0]], 1), ([[0.2, 3.0]], 4), ([[-1.0, 0.2]], 4), ([[-2.0, -3.0]], 4)],
)
def test_other_strengths_are_tried_only_where_they_may_tell(
    rows: tuple[float, ...], runs: int
) -> None:
    calls = []

    class Fixed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls.append(len(x))
            return torch.tensor(rows).repeat(len(x), 1)

    assert ending_of(Fixed(), IMAGES, "net") == "logits"
    assert len(calls) == runs


@pytest.mark.parametrize(
    ("net", "own"),
    [
        (made(last=nn.Softmax(1)), lambda z: z.softmax(1)),
        (made(lambda z: F.softmax(z, 1)), lambda z: z.softmax(1)),
        (made(lambda z: z.exp() / z.exp().sum(1, keepdim=True)), lambda z: z.softmax(1)),
        (made(last=nn.LogSoftmax(1)), lambda z: z.softmax(1).log()),
        (made(lambda z: {"probs": torch.softmax(z, 1)}), lambda z: z.softmax(1)),
        (nn.Sequential(made(), nn.Softmax(dim=1)).eval(), lambda z: z.softmax(1)),
    ],
)
def test_a_softmax_is_undone(net: nn.Module, own: Any) -> None:
    inside = net if isinstance(net, Net) else net[0]
    found = to_logits(net, IMAGES)
    with torch.no_grad():
        logits = found.model(IMAGES)
        expected = inside.logits(IMAGES).softmax(1)
    assert "softmax" in found.notes[-1]
    assert torch.allclose(logits.softmax(1), expected, atol=1e-6)
    assert float(logits.min()) < 0  # no probabilities


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("as_module", [True, False])
def test_a_sigmoid_is_undone(n: int, as_module: bool) -> None:
    net = made(n=n, last=nn.Sigmoid()) if as_module else made(torch.sigmoid, n=n)
    found = to_logits(net, IMAGES)
    with torch.no_grad():
        assert torch.allclose(found.model(IMAGES), net.logits(IMAGES), atol=1e-4)
    assert "sigmoid" in found.notes[-1]
    assert ("module 'last'" in found.notes[-1]) == as_module


@pytest.mark.parametrize("end", [lambda z: F.softmax(z, 1), lambda z: {"scores": F.softmax(z, 1)}])
def test_what_is_reduced_is_reduced_once(end: Any) -> None:
    found = to_logits(made(end), IMAGES)
    again = to_logits(found.model, IMAGES)  # its logits are the logarithm of a softmax
    assert again.model is found.model
    assert again.notes == again.warnings == ()


def test_one_number_a_picture_is_one_logit() -> None:
    net = made(lambda z: torch.sigmoid(z).squeeze(1), n=1)
    found = to_logits(net, IMAGES)
    with torch.no_grad():
        assert torch.allclose(found.model(IMAGES), net.logits(IMAGES), atol=1e-4)
    assert found.model(IMAGES).shape == (5, 1)


def test_logits_that_happen_to_lie_between_0_and_1_stay() -> None:
    net = made(lambda z: 0.5 + z / 1e3, n=2)
    assert to_logits(net, IMAGES / 100).model is net
    bounded = made(lambda z: 0.5 + 0.4 * torch.tanh(z), n=3)
    found = to_logits(bounded, IMAGES)
    assert found.model is bounded
    assert found.notes == ()
    assert "no softmax or sigmoid was seen" in found.warnings[0]


def test_layers_keep_their_names_and_the_network_comes_back_as_it_was() -> None:
    net = made(lambda z: (z.softmax(1),))
    before = copy.deepcopy(net.state_dict())
    found = to_logits(net.train(), IMAGES)
    assert net.training
    net.eval()
    assert [n for n, _ in found.model.named_modules()] == [n for n, _ in net.named_modules()]
    assert [n for n, _ in found.model.named_parameters()] == [n for n, _ in net.named_parameters()]
    program = read_program(found.model, IMAGES)
    assert {"conv", "fc"} <= {layer.name for layer in program.layers}
    with torch.no_grad():
        expected = net.logits(IMAGES).log_softmax(1)
        assert torch.allclose(program.run(IMAGES, lambda name, value: None), expected, atol=1e-5)
        twin = copy.deepcopy(found.model)
        twin.scale.fill_(0.0)  # of the root itself: the copy's forward pass reads its own
        assert torch.allclose(twin(IMAGES).exp(), torch.full((5, 4), 0.25))
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    module = made(last=nn.Softmax(1))
    to_logits(module, IMAGES)
    assert isinstance(module.last, nn.Softmax)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (lambda z: z[:, :, None].expand(-1, -1, 7), "4 x 7"),
        (lambda z: z[:3], "gives 3 x 4 for 5 pictures"),
        (lambda z: "cat", "gives a str without a tensor"),
        (lambda z: z.argmax(1), "does not give one row of logits"),
        (lambda z: [][0], "IndexError|list index"),
        (lambda z: exec("raise ValueError()"), r"\(ValueError\)"),
    ],
)
def test_what_gives_no_logits_is_one_sentence(end: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        to_logits(made(end), IMAGES)


def test_a_network_that_asks_for_more_than_pictures_is_told_what_it_must_do_with() -> None:
    class Masked(nn.Module):
        def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return (x * mask).mean((2, 3))

    with pytest.raises(ModelError, match=r"argument: 'mask'.*must do with a batch of pictures"):
        to_logits(Masked(), IMAGES)
    with pytest.raises(ModelError) as other:
        to_logits(made(lambda z: z + "a"), IMAGES)
    assert "must do with" not in str(other.value)
