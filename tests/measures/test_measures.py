"""The plain measures: what they give where the answer is known, and a network left as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layerscope import measures
from layerscope.errors import DataError, LayerNotFoundError, ModelError
from layerscope.models.preprocessing import Preprocessing

N, K = 48, 3


class Small(nn.Module):
    """A network with a batch norm, and a ReLU that is no module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 5)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(F.relu(self.norm(self.conv(x))).mean((2, 3)))


@pytest.fixture
def model() -> Small:
    torch.manual_seed(0)
    network = Small()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(32, 3, 12, 12))
    return network.eval()


IMAGES = torch.rand(N, 3, 12, 12, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(N) % K
MASKS = IMAGES[:, :2] > 0.8

CALLS: dict[str, Callable[[nn.Module], Any]] = {
    "ablation": lambda m: measures.ablation(m, "relu", IMAGES, LABELS, controls=2),
    "cka": lambda m: measures.cka(m, ["conv", "relu"], IMAGES),
    "class_selectivity": lambda m: measures.class_selectivity(m, "relu", IMAGES, LABELS),
    "costs": lambda m: measures.costs(m, IMAGES),
    "dissection": lambda m: measures.dissection(m, "relu", IMAGES, MASKS),
    "effective_receptive_field": lambda m: measures.effective_receptive_field(m, "conv", IMAGES),
    "feature_visualisation": lambda m: measures.feature_visualisation(m, "relu", IMAGES, steps=2),
    "features": lambda m: measures.features(m, ["conv", "head"], IMAGES),
    "linear_probe": lambda m: measures.linear_probe(m, "relu", IMAGES, LABELS),
    "receptive_fields": lambda m: measures.receptive_fields(m, IMAGES),
    "tuning": lambda m: measures.tuning(m, "relu", IMAGES),
    "untrained_copy": lambda m: measures.untrained_copy(m, IMAGES),
}
ON_TENSORS = {"linear_cka", "training_share"}


def test_every_public_measure_is_tried_here() -> None:
    assert sorted({*CALLS, *ON_TENSORS}) == measures.__all__ == sorted(measures.__all__)
    assert all(hasattr(measures, name) for name in measures.__all__)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_the_network_is_left_as_it_was(model: Small, name: str, training: bool) -> None:
    model.train(training)
    model.conv.weight.grad = torch.ones_like(model.conv.weight)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    drawn = torch.get_rng_state()
    CALLS[name](model)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(module.training is training for module in model.modules())
    assert all(p.requires_grad for p in model.parameters())
    assert torch.equal(model.conv.weight.grad, torch.ones_like(model.conv.weight))
    assert model.head.weight.grad is None
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def without(model: Small, unit: int, value: torch.Tensor | float) -> float:
    """The accuracy with one channel behind the ReLU replaced, by torch's own means."""
    with torch.no_grad():
        maps = F.relu(model.norm(model.conv(IMAGES)))
        maps[:, unit] = value
        return float((model.head(maps.mean((2, 3))).argmax(1) == LABELS).double().mean())


@pytest.mark.parametrize("baseline", ["mean", "zero"])
def test_ablation_is_what_a_changed_forward_pass_gives(model: Small, baseline: str) -> None:
    found = measures.ablation(model, "relu", IMAGES, LABELS, baseline=baseline, controls=0)
    with torch.no_grad():
        mean = F.relu(model.norm(model.conv(IMAGES))).mean(0)
        accuracy = float((model(IMAGES).argmax(1) == LABELS).double().mean())
    assert found.accuracy == pytest.approx(accuracy)
    for unit in range(6):
        value = mean[unit] if baseline == "mean" else 0.0
        expected = without(model, unit, value) - accuracy
        assert float(found.change[unit]) == pytest.approx(expected, abs=1e-9)


def test_a_channel_that_copies_a_part_is_dissected_as_it() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False))
    net[0].weight.data.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
    images = torch.zeros(6, 1, 10, 10)
    images[:, :, 3:5, 3:5] = 1
    masks = torch.cat([images > 0, images.flip(2) > 0], 1)
    iou = measures.dissection(net, "0", images, masks, quantile=0.9).iou
    both = ((images > 0) & (images.flip(2) > 0)).sum()
    either = ((images > 0) | (images.flip(2) > 0)).sum()
    assert iou[0].tolist() == pytest.approx([1.0, float(both / either)])
    assert iou[1, 0] == 0


def test_tuning_finds_the_angle_of_each_filter() -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 7, bias=False), nn.ReLU())
    y, x = torch.meshgrid(torch.arange(-3.0, 4), torch.arange(-3.0, 4), indexing="ij")
    for unit, deg in enumerate((0, 45, 90)):
        across = torch.deg2rad(torch.tensor(deg + 90.0))
        wave = torch.sin(0.9 * (x * across.cos() - y * across.sin()))
        net[0].weight.data[unit, 0] = wave * torch.exp(-(x**2 + y**2) / 8)
    images = torch.rand(40, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    found = measures.tuning(net, "1", images)
    for unit, deg in enumerate((0, 45, 90)):
        angle = float(found.indices.lines.angle_deg[unit])
        assert abs((angle - deg + 90) % 180 - 90) < 8, (unit, angle)


def test_stimuli_are_drawn_for_the_images_that_the_network_takes() -> None:
    def own(scale: float) -> nn.Sequential:
        net = nn.Sequential(nn.Conv2d(1, 1, 5, bias=False), nn.ReLU())
        edge = torch.tensor([1.0, 1, 0, -1, -1]).expand(1, 1, 5, 5)
        net[0].weight.data.copy_(edge / scale)
        return net

    images = torch.rand(30, 1, 14, 14, generator=torch.Generator().manual_seed(3))
    plain = measures.tuning(own(1.0), "1", images)
    bytes_wanted = Preprocessing(1, 14, 14, (0.0,), (1 / 255,))
    scaled = measures.tuning(own(255.0), "1", 255 * images, preprocessing=bytes_wanted)
    assert plain.curve.max() > 0.5
    assert torch.allclose(plain.curve, scaled.curve, atol=1e-4)
    misread = measures.tuning(own(255.0), "1", 255 * images)
    assert not torch.allclose(plain.curve, misread.curve, atol=1e-2)


def test_visualised_units_are_driven_further_than_by_any_image(model: Small) -> None:
    found = measures.feature_visualisation(model, "relu", IMAGES, units=[1, 4], steps=64)
    peaks = measures.features(model, ["relu"], IMAGES)["relu"].peaks
    assert (found.values > peaks[:, [1, 4]].amax(0)).all()


def test_an_untrained_copy_does_not_know_the_classes() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(27, 8), nn.ReLU(), nn.Linear(8, K))
    net[1].weight.data.zero_()[:, 0] = torch.linspace(1, 2, 8)
    images = 0.01 * torch.rand(90, 3, 3, 3, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(90) % K
    images[:, 0, 0, 0] += labels
    copy = measures.untrained_copy(net, images, seed=4)
    told = measures.class_selectivity(net, "2", images, labels)[:, K - 1]
    assert (told == 1).all()
    assert not torch.equal(copy[1].weight, net[1].weight)
    again = measures.untrained_copy(net, images, seed=4)
    assert torch.equal(copy[1].weight, again[1].weight)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: measures.tuning(m, "cov", IMAGES), LayerNotFoundError, "did you mean 'conv'"),
        (
            lambda m: measures.dissection(m, "reluu", IMAGES, MASKS),
            LayerNotFoundError,
            "did you mean 'relu'",
        ),
        (lambda m: measures.dissection(m, "head", IMAGES, MASKS), ModelError, "no maps"),
        (
            lambda m: measures.dissection(m, "relu", IMAGES, MASKS[:5]),
            DataError,
            r"masks are \(5, 2, 12, 12\) for images \(48, 3, 12, 12\)",
        ),
        (
            lambda m: measures.linear_probe(m, "relu", IMAGES, LABELS[:7]),
            DataError,
            "48 images but 7 labels|48 pictures but 7 labels",
        ),
        (
            lambda m: measures.ablation(m, "relu", IMAGES, LABELS, baseline="median"),
            ModelError,
            "mean, resample, zero",
        ),
        (
            lambda m: measures.tuning(
                m, "relu", IMAGES, preprocessing=Preprocessing(3, 9, 9, (0.0,) * 3, (1.0,) * 3)
            ),
            ModelError,
            r"\(3, 9, 9\).*\(3, 12, 12\)",
        ),
        (
            lambda m: measures.class_selectivity(m, "relu", IMAGES[0], LABELS[:1]),
            DataError,
            r"images are \(3, 12, 12\); give float",
        ),
    ],
)
def test_refusals_say_what_to_do(model: Small, call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(model)
