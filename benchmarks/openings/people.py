"""The tests' small networks, each as an attribute that `look openings.people:NAME` can call."""

from __future__ import annotations

from typing import Any

import torch

from helpers.people.architectures import ARCHITECTURES
from helpers.people.networks import NETWORKS as WRITTEN

NETWORKS = WRITTEN | ARCHITECTURES


def __getattr__(name: str) -> Any:
    """What makes a network, its weights drawn from a seed."""
    if name not in NETWORKS:
        raise AttributeError(name)

    def make() -> torch.nn.Module:
        torch.manual_seed(0)
        return NETWORKS[name]().eval()

    return make
