"""The range of values that a network was trained on is found where labels tell it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from layerscope.data.imageset import ImageSet
from layerscope.models.preprocessing import SCALES, Preprocessing, scale_statistics
from layerscope.models.pretrained.scale_trial import told, try_scales

GREYS = torch.tensor([20.0, 75.0, 150.0, 240.0])
OWN = ((0.1,) * 3, (0.05,) * 3)
FRAME = Preprocessing(3, 8, 8, *OWN)


class Nearest(nn.Module):
    """Knows what each grey is in the range of values that it was trained on."""

    def __init__(self, scale: str) -> None:
        super().__init__()
        mean, std, bgr = scale_statistics(scale, 3, OWN)
        takes = Preprocessing(3, 1, 1, mean, std, bgr)
        pixels = GREYS.view(-1, 1, 1, 1).expand(-1, 3, 1, 1)
        self.known = nn.Parameter(takes.normalise(pixels).flatten(1))  # (4, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return -20 * torch.cdist(images.mean((2, 3)), self.known)


def greys(n: int = 80) -> ImageSet:
    labels = torch.arange(n) % 4
    noise = torch.randint(-6, 7, (n, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    pixels = (GREYS[labels].view(-1, 1, 1, 1) + noise).to(torch.uint8)
    return ImageSet("greys", "train", pixels, labels, ("a", "b", "c", "d"))


@pytest.mark.parametrize("scale", SCALES)
def test_the_range_that_a_network_was_trained_on_is_found(scale: str) -> None:
    trials = try_scales(Nearest(scale), greys(), FRAME, range(4))
    assert trials[0].scale == scale
    assert trials[0].preprocessing.scale == scale
    assert len(trials) == len(SCALES)
    assert trials[0].agreement is not None
    assert trials[0].agreement.accuracy == 1.0
    assert f"values of {scale}: nothing says" in told(trials)
    assert f"{scale} 100%" in told(trials)


@pytest.mark.parametrize("columns", [[1, 2, 3, 0], [None] * 4])
def test_it_is_found_too_where_the_order_of_the_classes_is_not_known(
    columns: list[int | None],
) -> None:
    trials = try_scales(Nearest("0..255"), greys(), FRAME, columns)
    assert trials[0].scale == "0..255"


def test_nothing_is_named_right_by_a_network_that_knows_none_of_the_classes() -> None:
    said = told(try_scales(Nearest("0..255"), greys(), FRAME, [None] * 4))
    assert "names right" not in said
    assert "nor which of its outputs stand for these pictures' classes" in said
    assert "predictions and labels agree for 0..255 100%" in said
    assert "shuffled" not in said
    # Outputs in an order of its own fit no better than by luck where pictures are all alike to it.
    by_lot = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
    with torch.no_grad():
        by_lot[1].weight.zero_()
    said = told(try_scales(by_lot, greys(), FRAME, [None] * 4))
    assert "none is better than shuffled labels" in said


def test_where_no_label_tells_the_pictures_own_values_stay() -> None:
    torch.manual_seed(0)
    by_lot = nn.Sequential(nn.Flatten(), nn.Linear(192, 4, bias=False))
    with torch.no_grad():
        by_lot[1].weight.zero_()
    trials = try_scales(by_lot, greys(), FRAME, range(4))
    assert trials[0].scale == "dataset"
    assert "none is better than shuffled labels" in told(trials)
