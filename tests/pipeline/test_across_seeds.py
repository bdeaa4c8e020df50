"""Units of one network are found again in others, and an untrained network's are not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from layerscope.data.imageset import ImageSet
from layerscope.errors import AtlasError, DataError
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.across_seeds import expected_by_chance, recurrence
from layerscope.pipeline.subject import Subject

SPEC = ModelSpec("own:net", ("a", "b"), Preprocessing(1, 12, 12, (0.5,), (0.25,)))
# Far from what weights are drawn as: stripes and edges of a width of their own.
ORDER = torch.tensor([3, 0, 5, 1, 4, 2])


def pictures() -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (60, 1, 12, 12), generator=generator).to(torch.uint8)
    return ImageSet("noise", "test", pixels, torch.arange(60) % 2, ("a", "b"))


def network(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 2)
    )


def subject(model: nn.Module, name: str, spec: ModelSpec = SPEC) -> Subject:
    return Subject(model, spec, pictures(), Path(name))


def test_a_network_with_its_units_in_another_order_has_them_all() -> None:
    one, other = network(0), network(0)
    weights = other.state_dict()
    weights["0.weight"].copy_(2 * weights["0.weight"].clone()[ORDER])
    weights["0.bias"].copy_(2 * weights["0.bias"].clone()[ORDER])
    told: list[tuple[int, int]] = []
    first, second = recurrence(
        [subject(one, "one"), subject(other, "other")], progress=lambda *now: told.append(now)
    )
    found, share = second["1"]
    assert found.units[:, 0].tolist() == ORDER.tolist()
    assert torch.allclose(found.matches, torch.ones(6, 1).double(), atol=1e-6)
    assert found.recurs.all() and share.value == 1
    assert first["1"][0].units[ORDER, 0].tolist() == list(range(6))
    assert share.untrained is not None and share.untrained.mean < 0.5
    assert told[-1] == (22, 22)
    assert list(first) == ["1", "4"]


def test_an_untrained_network_holds_few_units_of_another() -> None:
    shares = [
        recurrence([subject(network(2 * i), "one"), subject(network(2 * i + 1), "other")])[0]["1"]
        for i in range(4)
    ]
    recurring = sum(int(found.recurs.sum()) for found, _ in shares)
    assert recurring <= 4  # of 24, each 1 time in 21
    assert expected_by_chance(1) == pytest.approx(1 / 21)


def test_networks_that_cannot_be_compared_are_refused() -> None:
    one = subject(network(0), "one")
    with pytest.raises(DataError, match="one network was given; give two or more"):
        recurrence([one])
    larger = ModelSpec("own:net", ("a", "b"), Preprocessing(1, 16, 16, (0.5,), (0.25,)))
    with pytest.raises(DataError, match=r"one takes pictures of \(1, 12, 12\)"):
        recurrence([one, subject(network(1), "other", larger)])
    unlike = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))
    with pytest.raises(AtlasError, match="no layer has the same name"):
        recurrence([one, subject(unlike, "other")])
