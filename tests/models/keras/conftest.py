"""Keras on torch, where it is installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

os.environ.setdefault("KERAS_BACKEND", "torch")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keras's own conversions to numpy warn beside numpy 2."""
    mark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
    for item in items:
        if "models/keras" in str(item.path):
            item.add_marker(mark)


@pytest.fixture(scope="session")
def keras() -> Any:
    """Keras, its numbers drawn from a seed."""
    found = pytest.importorskip("keras")
    found.utils.set_random_seed(3)
    return found


@pytest.fixture(scope="session")
def trained() -> Callable[[Any], Any]:
    """Gives a network weights and statistics that hide nothing: none is 0 or 1."""

    def draw(model: Any) -> Any:
        random = np.random.default_rng(0)
        for variable in model.weights:
            if "seed" in variable.path or "count" in variable.path:
                continue
            values = random.uniform(0.2, 1.0, variable.shape)
            if "variance" not in variable.path:
                values *= random.choice([-1, 1], variable.shape)
            variable.assign(values)
        return model

    return draw


@pytest.fixture(scope="session")
def said() -> Callable[[Any, torch.Tensor], torch.Tensor]:
    """What Keras itself says of images (B, C, H, W)."""

    def run(model: Any, images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return model(images.permute(0, 2, 3, 1), training=False).detach().float()

    return run
