"""The tutorials' PyTorch networks are the texts' and the same as layerscope's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from layerscope.models.nets.classic import CLASSICS

TUTORIALS = Path(__file__).parents[2] / "benchmarks" / "tutorials"


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_the_rendered_networks_have_the_tutorials_parameters(
    network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(TUTORIALS))
    from mnist_pytorch import NETWORKS

    model = NETWORKS[network]()
    shapes = [tuple(p.shape) for p in model.parameters()]
    (classic,) = (c for c in CLASSICS if c.name == f"digit-{network}")
    assert sum(p.numel() for p in model.parameters()) == classic.parameters
    hidden = {"mlp": [(128, 784), (64, 128)], "cnn": [(32, 1, 3, 3), (64, 32, 3, 3), (128, 3136)]}
    assert [s for s in shapes if len(s) > 1][:-1] == hidden[network]
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
