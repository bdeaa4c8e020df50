"""Weights that act on the picture become pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from layerscope.analysis.structure.input_filters import (
    acting_on_pixels,
    filter_pictures,
    spectrum_pictures,
)


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


def test_a_spectrum_has_its_points_where_the_stripes_frequency_lies() -> None:
    """Standing stripes of 4 pixels: a quarter of a cycle a pixel, 4 of 16 from the middle."""
    stripes = torch.cos(torch.arange(16) * 2 * torch.pi / 4).expand(16, 16)
    flat = torch.ones(16, 16)
    spectra = spectrum_pictures(torch.stack([stripes, stripes.T, flat, 0 * flat])[:, None])
    assert spectra.shape == (4, 1, 16, 16)
    assert spectra[0, 0].nonzero().tolist() == [[8, 4], [8, 12]]
    assert spectra[1, 0].nonzero().tolist() == [[4, 8], [12, 8]]
    assert spectra[2, 0].nonzero().tolist() == [[8, 8]]
    assert int(spectra[3].max()) == 0


def test_spectra_add_channels_as_energies_and_are_those_of_numpy() -> None:
    weight = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    padded = np.zeros((2, 3, 16, 16))
    padded[:, :, :5, :5] = weight.numpy()
    energy = (np.abs(np.fft.fftshift(np.fft.fft2(padded), axes=(2, 3))) ** 2).sum(1)
    size = np.sqrt(energy)
    expected = np.round(255 * size / size.max((1, 2), keepdims=True))
    assert np.abs(spectrum_pictures(weight)[:, 0].numpy().astype(float) - expected).max() <= 1
    assert spectrum_pictures(torch.ones(1, 1, 40, 33)).shape == (1, 1, 16, 16)
