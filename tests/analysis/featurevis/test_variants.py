"""Variants of an optimised image differ in the network's own features."""

from __future__ import annotations

import pytest
import torch
from planted_networks import drawn, program_of, small_network, spec_of
from torch import nn

from layerscope.analysis.featurevis.ascent import gram_similarity
from layerscope.analysis.featurevis.optimise import optimise_images


def test_variants_are_driven_apart() -> None:
    spec = spec_of(1, 16)
    program = program_of(small_network(), spec)
    made = optimise_images(program, "3", [0, 3], spec, variants=3)
    assert made.pixels.shape == (6, 1, 16, 16)
    assert made.variant_values.shape == (2, 3)
    assert torch.equal(made.values, made.variant_values.amax(1))
    best = int(made.variant_values[1].argmax())
    assert torch.equal(made.best[1], made.pixels[3 + best])
    alone = [optimise_images(program, "3", [0, 3], spec, seed=seed).pixels for seed in range(1, 4)]

    def alike(pixels: torch.Tensor, unit: int) -> float:
        """Mean cosine of what the other units make of three pictures."""
        values = program.output_of("3", spec.normalise(pixels))[:, :, 2, 2]
        others = torch.cat([values[:, :unit], values[:, unit + 1 :]], 1)
        cosines = nn.functional.normalize(others, dim=1)
        return float(((cosines @ cosines.T).sum() - 3) / 6)

    for i, unit in enumerate(made.units):
        seeds = torch.stack([pixels[i] for pixels in alone])
        driven = 1 - alike(made.pixels[3 * i : 3 * i + 3], unit)
        assert driven > 2 * (1 - alike(seeds, unit))


def test_variants_of_one_logit_differ_as_pictures() -> None:
    spec = spec_of(1, 12, single_logit=True)
    model = drawn(
        lambda: nn.Sequential(
            nn.Conv2d(1, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 1)
        )
    )
    program = program_of(model, spec)
    made = optimise_images(program, "4", [1], spec, variants=2)
    alone = [optimise_images(program, "4", [1], spec, seed=seed).pixels for seed in (1, 2)]

    def alike(pixels: torch.Tensor) -> float:
        images = spec.normalise(pixels).flatten(1)
        return float(nn.functional.cosine_similarity(images[:1], images[1:]))

    assert alike(made.pixels) < alike(torch.cat(alone)) - 0.2


def test_likeness_is_the_cosine_of_grams() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(6, 4, 3, 3, generator=generator)
    flat = maps.flatten(2)
    grams = (flat @ flat.transpose(1, 2)).flatten(1)
    for unit in range(2):
        own = grams[3 * unit : 3 * unit + 3]
        pairs = [(0, 1), (0, 2), (1, 2)]
        cosines = [nn.functional.cosine_similarity(own[i], own[j], dim=0) for i, j in pairs]
        assert gram_similarity(maps, 3)[unit] == pytest.approx(float(sum(cosines)) / 3, abs=1e-5)
    same = maps[:1].expand(2, 4, 3, 3)
    assert float(gram_similarity(same, 2)) == pytest.approx(1, abs=1e-5)
