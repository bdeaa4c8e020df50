"""Weights that act on the picture become pictures."""

from __future__ import annotations

import pytest
import torch

from layerscope.looking.filters import acting_on_pixels, filter_pictures


def test_filters_are_scaled_by_their_own_strongest_weight() -> None:
    weight = torch.tensor([[[[0.0, 2.0], [-1.0, -2.0]]], [[[0.0, 0.0], [0.0, 0.1]]]])
    pictures, scales = filter_pictures(weight)
    assert scales == pytest.approx([2.0, 0.1])
    assert pictures[0, 0].tolist() == [[128, 255], [64, 1]]
    assert pictures[1, 0].tolist() == [[128, 128], [128, 255]]


def test_weights_that_do_not_act_on_the_picture_are_no_filters() -> None:
    shape = {"channels": 1, "height": 4, "width": 5}
    assert acting_on_pixels(torch.zeros(7, 20), **shape).shape == (7, 1, 4, 5)  # type: ignore[union-attr]
    assert acting_on_pixels(torch.zeros(7, 21), **shape) is None
    assert acting_on_pixels(torch.zeros(7, 2, 3, 3), **shape) is None
