"""Forward passes that a tracer cannot follow, or that change what they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from helpers.people.parts import By, K, conv, head, over_places
from helpers.people.tutorials import sequential


def branches_on_values() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.c(x)
        h = m.d(h) if h.mean() > -100 else h
        return m.fc(over_places(h))

    return By(forward, c=conv(), d=conv(6, 6), fc=head())


def counts_its_calls() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        m.calls = getattr(m, "calls", 0) + 1
        m.last = m.c(x)
        return m.fc(over_places(m.last))

    return By(forward, c=conv(), fc=head())


class KeepsAMean(nn.Module):
    """Updates a buffer at each call, in evaluation too."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.fc = conv(), head()
        self.register_buffer("seen", torch.zeros(6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = over_places(self.c(x))
        self.seen.mul_(0.9).add_(h.detach().mean(0), alpha=0.1)
        return self.fc(h)


class Stochastic(nn.Module):
    """A batch norm by function, told to use the pictures at hand and to count them."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.n, self.fc = conv(), nn.BatchNorm2d(6), head()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.batch_norm(
            self.c(x), self.n.running_mean, self.n.running_var, self.n.weight, self.n.bias, True
        )
        return self.fc(over_places(h))


def without_gradients() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            h = m.c(x)
        return m.fc(over_places(F.relu(h)))

    return By(forward, c=conv(), fc=head())


def through_numpy() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = torch.from_numpy(np.tanh(m.c(x).detach().numpy()))
        return m.fc(over_places(h))

    return By(forward, c=conv(), fc=head())


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return 2 * gradient


def own_function() -> nn.Module:
    return By(lambda m, x: m.fc(over_places(Doubled.apply(m.c(x)))), c=conv(), fc=head())


def largest_with_index() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h, _ = m.c(x).flatten(2).max(dim=2)
        return m.fc(h)

    return By(forward, c=conv(), fc=head())


def pooling_with_indices() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h, _ = m.pool(m.c(x))
        return m.fc(over_places(h))

    return By(forward, c=conv(), pool=nn.MaxPool2d(2, return_indices=True), fc=head())


def unused_part() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.c(x)
        m.unused(h)
        return m.fc(over_places(h))

    return By(forward, c=conv(), unused=conv(6, 6), fc=head())


def used_twice() -> nn.Module:
    return By(
        lambda m, x: m.fc(over_places(m.act(m.d(m.act(m.d(m.act(m.c(x)))))))),
        c=conv(), d=conv(6, 6), act=nn.ReLU(), fc=head(),
    )  # fmt: skip


def in_a_list() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        kept = []
        for layer in m.layers:
            x = F.leaky_relu(layer(x), 0.1)
            kept.append(x.mean((2, 3)))
        return m.fc(torch.cat(kept, 1))

    return By(forward, layers=nn.ModuleList([conv(), conv(6, 6)]), fc=nn.Linear(12, K))


def by_a_dictionary() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        found = {name: layer(x) for name, layer in m.ways.items()}
        return m.fc(over_places(sum(found.values())))

    return By(forward, ways=nn.ModuleDict({"small": conv(), "large": conv(k=5)}), fc=head())


def asserts_its_size() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[-1] == 16, "pictures of 16 px"
        return m.fc(over_places(m.c(x)))

    return By(forward, c=conv(), fc=head())


def normalises_its_input() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        x = (x - torch.tensor([0.5, 0.5, 0.5]).view(1, 3, 1, 1)) / 0.25
        return m.fc(over_places(m.c(x)))

    return By(forward, c=conv(), fc=head())


def autocast() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            h = m.c(x)
        return m.fc(over_places(h.float()))

    return By(forward, c=conv(), fc=head())


class LightningLike(nn.Module):
    """A wrapper with a trainer that is not there, and a network inside."""

    def __init__(self) -> None:
        super().__init__()
        self.model = sequential()

    @property
    def trainer(self) -> Any:
        raise RuntimeError("not attached to a trainer")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


def scripted_part() -> nn.Module:
    part = torch.jit.script(nn.Sequential(conv(), nn.ReLU()))
    return By(lambda m, x: m.fc(over_places(m.part(x))), part=part, fc=head())


def one_logit_each() -> nn.Module:
    return By(lambda m, x: m.fc(over_places(m.c(x))).squeeze(1), c=conv(), fc=nn.Linear(6, 1))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    made.__name__: made
    for made in (
        branches_on_values, counts_its_calls, KeepsAMean, Stochastic, without_gradients,
        through_numpy, own_function, largest_with_index, pooling_with_indices, unused_part,
        used_twice, in_a_list, by_a_dictionary, asserts_its_size, normalises_its_input, autocast,
        LightningLike, scripted_part, one_logit_each,
    )
}  # fmt: skip
