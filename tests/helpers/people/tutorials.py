"""The tutorials' own ways of joining convolutions and dense layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from helpers.people.parts import By, K, conv, head, over_places


def tutorial() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        x = m.pool(F.relu(m.conv1(x)))
        x = m.pool(F.relu(m.conv2(x)))
        x = x.view(-1, 8 * 4 * 4)
        return m.fc2(F.relu(m.fc1(x)))

    return By(
        forward, conv1=conv(3, 6), conv2=conv(6, 8), pool=nn.MaxPool2d(2, 2),
        fc1=nn.Linear(128, 10), fc2=nn.Linear(10, K),
    )  # fmt: skip


def view_size() -> nn.Module:
    return By(lambda m, x: m.fc((h := m.c(x)).view(h.size(0), -1)), c=conv(), fc=nn.Linear(1536, K))


def view_len() -> nn.Module:
    return By(lambda m, x: m.fc(m.c(x).view(x.shape[0], -1)), c=conv(), fc=nn.Linear(1536, K))


def reshape_minus_one() -> nn.Module:
    return By(lambda m, x: m.fc(m.c(x).reshape(x.size()[0], -1)), c=conv(), fc=nn.Linear(1536, K))


def sequential() -> nn.Module:
    return nn.Sequential(
        conv(), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(384, K)
    )


def pooled_to_one() -> nn.Module:
    return nn.Sequential(conv(), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head())


def squeeze_both() -> nn.Module:
    return By(
        lambda m, x: m.fc(F.adaptive_avg_pool2d(m.c(x), 1).squeeze(-1).squeeze(-1)),
        c=conv(),
        fc=head(),
    )


def mean_mean() -> nn.Module:
    return By(lambda m, x: m.fc(F.relu(m.c(x)).mean(-1).mean(-1)), c=conv(), fc=head())


def log_softmax() -> nn.Module:
    return By(lambda m, x: F.log_softmax(m.fc(over_places(m.c(x))), dim=1), c=conv(), fc=head())


def average_by_own_size() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.c(x)
        return m.fc(F.avg_pool2d(h, h.shape[2:]).flatten(1))

    return By(forward, c=conv(), fc=head())


class Labelled(nn.Module):
    """As transformers are written: a loss if labels are given."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.fc = conv(), head()

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> Any:
        logits = self.fc(over_places(torch.relu(self.c(x))))
        if labels is not None:
            return F.cross_entropy(logits, labels), logits
        return logits


class Auxiliary(nn.Module):
    """A second head in training only, as googlenet and inception have."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.fc, self.aux = conv(), head(), head()

    def forward(self, x: torch.Tensor) -> Any:
        h = over_places(self.c(x))
        return (self.fc(h), self.aux(h)) if self.training else self.fc(h)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    made.__name__: made
    for made in (
        tutorial, view_size, view_len, reshape_minus_one, sequential, pooled_to_one, squeeze_both,
        mean_mean, log_softmax, average_by_own_size, Labelled, Auxiliary,
    )
}  # fmt: skip
