"""Weights that are no module's, or are made anew in each pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, prune

from helpers.people.parts import K, conv
from helpers.people.tutorials import sequential


class OwnWeights(nn.Module):
    """Convolution and dense layer by function, over parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(6, 3, 3, 3))
        self.b = nn.Parameter(torch.randn(6))
        self.v = nn.Parameter(torch.randn(K, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.relu(F.conv2d(x, self.w, self.b, stride=2, padding=1))
        return F.linear(h.mean((2, 3)), self.v)


class Standardised(nn.Conv2d):
    """Weights of mean 0 and deviation 1, as in nfnets."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        w = self.weight
        w = (w - w.mean((1, 2, 3), keepdim=True)) / (w.std((1, 2, 3), keepdim=True) + 1e-5)
        return F.conv2d(x, w, self.bias, self.stride, self.padding, self.dilation, self.groups)


def standardised() -> nn.Module:
    return nn.Sequential(Standardised(3, 6, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(384, K))


def weight_norm() -> nn.Module:
    return nn.Sequential(
        parametrizations.weight_norm(conv()), nn.ReLU(), nn.Flatten(), nn.Linear(1536, K)
    )


def spectral_norm() -> nn.Module:
    return nn.Sequential(
        parametrizations.spectral_norm(conv()), nn.ReLU(), nn.Flatten(), nn.Linear(1536, K)
    )


def old_spectral_norm() -> nn.Module:
    return nn.Sequential(
        nn.utils.spectral_norm(conv()), nn.ReLU(), nn.Flatten(), nn.Linear(1536, K)
    )


def pruned() -> nn.Module:
    net = sequential()
    prune.l1_unstructured(net[0], "weight", amount=0.5)  # type: ignore[index]
    return net


def quantised() -> nn.Module:
    net = nn.Sequential(conv(), nn.ReLU(), nn.Flatten(), nn.Linear(1536, K)).eval()
    return torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    made.__name__: made
    for made in (
        OwnWeights, standardised, weight_norm, spectral_norm, old_spectral_norm, pruned, quantised,
    )
}  # fmt: skip
