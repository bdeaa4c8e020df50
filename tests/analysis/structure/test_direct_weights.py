"""Direct weights on the classes against the weights themselves."""

from __future__ import annotations

import torch
from torch import nn

from layerscope.analysis.structure.direct_weights import class_weights
from layerscope.graph.read import read_program


def test_pooled_maps_and_flattened_ones_have_the_weights_of_the_last_layer() -> None:
    torch.manual_seed(0)
    images = torch.rand(3, 1, 8, 8)
    pooled = nn.Sequential(
        nn.Conv2d(1, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)
    )
    found = class_weights(read_program(pooled, images[:1]), "1", images)
    assert found is not None
    assert torch.allclose(found, pooled.state_dict()["4.weight"].T, atol=1e-5)
    flat = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
    found = class_weights(read_program(flat, images[:1]), "1", images)
    assert found is not None
    # All 36 places of a map rise together.
    expected = flat.state_dict()["3.weight"].view(3, 2, 36).sum(2).T
    assert torch.allclose(found, expected, atol=1e-4)


def test_what_is_not_linear_has_none() -> None:
    images = torch.rand(3, 1, 8, 8)
    deep = nn.Sequential(
        nn.Conv2d(1, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(180, 6), nn.ReLU(), nn.Linear(6, 2)
    )
    program = read_program(deep, images[:1])
    assert class_weights(program, "1", images) is None
    assert class_weights(program, "5", images) is None  # the logits themselves
    last = class_weights(program, "4", images)
    assert last is not None
    assert torch.allclose(last, deep.state_dict()["5.weight"].T, atol=1e-5)

    class Squared(nn.Module):
        """No layer says that it is not linear; the logits do."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.act, self.head = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.act(self.conv(x)).mean((2, 3)) ** 2)

    assert class_weights(read_program(Squared(), images[:1]), "act", images) is None
