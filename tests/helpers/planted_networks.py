"""Small networks and what they take, for the tests of feature visualisation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from layerscope.graph.program import Program
from layerscope.graph.read import read_program
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec, NetShape


def spec_of(
    channels: int, size: int, *, classes: int = 2, single_logit: bool = False, std: float = 0.5
) -> ModelSpec:
    return ModelSpec(
        "own",
        tuple("abcdefgh"[:classes]),
        Preprocessing(channels, size, size, (0.5,) * channels, (std,) * channels),
        NetShape(single_logit=single_logit),
    )


def program_of(model: nn.Module, spec: ModelSpec) -> Program:
    return read_program(model, torch.zeros(1, spec.channels, spec.height, spec.width))


def drawn(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """A network whose weights follow from a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def small_network(channels: int = 1) -> nn.Module:
    return drawn(
        lambda: nn.Sequential(
            nn.Conv2d(channels, 6, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * 5 * 5, 2),
        )
    )
