"""Textures of a set's own pictures: what they keep, and that a unit for weave is found by them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from layerscope.analysis.concepts.descriptions import FLOORS
from layerscope.analysis.pictures.picture_check import check_in_pictures, place_fits
from layerscope.analysis.pictures.stimulus_ranks import rank_patches, strongest_places
from layerscope.analysis.tuning.battery import Battery, make_battery
from layerscope.analysis.tuning.natural_textures import like, natural_textures, spectra
from layerscope.analysis.tuning.responses import above_ground
from layerscope.analysis.tuning.tunings import tune

SIDE = 23


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def waves(
    n: int, angle_deg: float | None, low: float, high: float, *, spread_deg: float = 20, side=SIDE
) -> torch.Tensor:
    """Noise whose lines run near an angle, or in all directions: float (n, side, side), about 0."""
    noise = torch.randn(n, 2 * side, 2 * side, generator=gen(7))
    down, right = torch.fft.fftfreq(2 * side)[:, None], torch.fft.rfftfreq(2 * side)[None]
    cycles = (down.square() + right.square()).sqrt()
    kept = (cycles >= low) & (cycles <= high)
    if angle_deg is not None:
        direction = torch.rad2deg(torch.atan2(-down, right)) + 90
        away = (direction - angle_deg + 90) % 180 - 90
        kept &= away.abs() <= spread_deg
    found = torch.fft.irfft2(torch.fft.rfft2(noise) * kept, s=(2 * side, 2 * side))
    return (found / found.std())[:, :side, :side]


def blobs(n: int, side: int = SIDE) -> torch.Tensor:
    """One soft spot each, somewhere: float (n, side, side), about 0."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    places = torch.rand(n, 2, 1, 1, generator=gen(8)) * side
    away = (y - places[:, 0]).square() + (x - places[:, 1]).square()
    return torch.exp(-away / 40) - 0.3


def test_a_texture_keeps_histogram_and_spectrum_and_no_shape() -> None:
    model = torch.rand(20, 20, generator=gen()).square()
    found = torch.stack([like(model, gen(seed)) for seed in range(4)])
    ordered = (model - model.mean()).flatten().sort().values
    for one in found:
        cut = (ordered / (2 * ordered.std())).clamp(-1, 1)
        assert torch.allclose(one.flatten().sort().values, cut, atol=1e-5)
        own, other = (torch.fft.rfft2(p).abs().flatten()[1:] for p in (model, one))
        assert float(torch.corrcoef(torch.stack([own, other]))[0, 1]) > 0.9
    alike = torch.corrcoef(torch.stack([(model - model.mean()).flatten(), *found.flatten(1)]))
    assert float((alike - torch.eye(5)).abs().max()) < 0.35


def test_textures_are_named_by_their_coarseness_and_angle() -> None:
    for angle in (0.0, 45.0, 90.0, 135.0):
        patches = 0.5 + 0.15 * waves(60, angle, 0.2, 0.35)[:, None]
        words = {texture.words for texture in natural_textures(patches, gen())}
        assert words
        for word in words:
            assert word.startswith("medium" if "medium" in word else "fine"), word
            found = float(word.split(" at ")[1][:-1])
            assert abs((found - angle + 90) % 180 - 90) <= 15, word
    even = natural_textures(0.5 + 0.15 * waves(60, None, 0.05, 0.4)[:, None], gen())
    assert {texture.words for texture in even} == {"fine natural texture"}


def test_unlike_textures_are_told_apart_and_plain_pictures_have_none() -> None:
    both = torch.cat([waves(50, 0.0, 0.1, 0.2), waves(50, 90.0, 0.1, 0.2)])[:, None]
    words = " ".join(t.words for t in natural_textures(0.5 + 0.15 * both, gen()))
    assert " at 0°" in words
    assert " at 90°" in words
    assert natural_textures(torch.full((60, 3, SIDE, SIDE), 0.4), gen()) == []
    small = 0.5 + 0.15 * waves(60, None, 0.1, 0.3, side=7)[:, None]
    assert natural_textures(small, gen()) == []


def test_spectra_are_shares_without_the_mean() -> None:
    found = spectra(torch.rand(3, 12, 12, generator=gen()) + 5)
    assert found.sum((1, 2)).tolist() == pytest.approx([1, 1, 1])
    assert found[:, 0, 0].tolist() == [0, 0, 0]


def gabor(angle_deg: float, cycles_px: float, phase: float, side: int = 11) -> torch.Tensor:
    place = torch.arange(side) - (side - 1) / 2
    y, x = torch.meshgrid(-place, place, indexing="ij")
    a = math.radians(angle_deg)
    across = y * math.cos(a) - x * math.sin(a)
    bell = torch.exp(-(x.square() + y.square()) / (2 * (side / 4) ** 2))
    kernel = bell * torch.cos(2 * math.pi * cycles_px * across + math.radians(phase))
    return kernel - bell * kernel.sum() / bell.sum()


FINE, COARSE = (15.0, 0.26), (105.0, 0.11)


class Weave(nn.Module):
    """Fine threads one way together with coarse ones the other way, anywhere in the field."""

    def __init__(self) -> None:
        super().__init__()
        kernels = [
            gabor(angle, cycles, phase) for angle, cycles in (FINE, COARSE) for phase in (0.0, 90.0)
        ]
        self.filters = nn.Conv2d(1, len(kernels), 11, bias=False)
        with torch.no_grad():
            self.filters.weight.copy_(torch.stack(kernels)[:, None])

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        energy = self.filters(patches.mean(1, keepdim=True)).square()
        fine, coarse = energy[:, :2].sum(1), energy[:, 2:].sum(1)
        return torch.minimum(fine, coarse).sqrt().mean((1, 2))[:, None]


def patches_of_a_set() -> torch.Tensor:
    """Woven cloth, spots, and noise: float (600, 1, 23, 23)."""
    fine, coarse = (
        waves(200, angle, 0.8 * cycles, 1.2 * cycles) for angle, cycles in (FINE, COARSE)
    )
    noise = waves(200, None, 0.05, 0.3) * (0.05 + 0.2 * torch.rand(200, 1, 1, generator=gen(6)))
    cloth = 0.1 * (fine + coarse.roll(1, 0))
    return 0.5 + torch.cat([cloth, 0.3 * blobs(200), noise])[:, None].clamp(-0.5, 0.5)


def battery_with(patches: torch.Tensor | None) -> Battery:
    textures = [] if patches is None else natural_textures(patches[::3], gen())
    return make_battery(
        height=SIDE, width=SIDE, channels=1, centre_px=(SIDE / 2, SIDE / 2),
        window_px=float(SIDE), textures=textures,
    )  # fmt: skip


def test_a_unit_for_weave_is_found_by_the_sets_own_textures_and_holds_in_pictures() -> None:
    unit, patches = Weave(), patches_of_a_set()
    values, words, best = [], [], []
    for own in (None, patches):
        battery = battery_with(own)
        with torch.no_grad():
            responses = unit(battery.pixels.float() / 255)
        found = tune(responses, battery, natural_max=responses.amax(0))
        values.append(float(found.indices.values["texture"][0]))
        words.append(found.indices.words["texture"][0])
        best.append(float(above_ground(responses, battery).max()))
    assert words[0] == "checkerboard"  # the nearest of what is drawn
    assert "natural texture" in words[1]
    assert values[1] > max(values[0], FLOORS["texture"])
    assert best[1] > 1.5 * best[0]
    with torch.no_grad():
        top = strongest_places(unit(patches))
    reduced = nn.functional.adaptive_avg_pool2d(patches, 16)
    ranked = rank_patches(reduced, battery, (SIDE / 2, SIDE / 2))
    check = check_in_pictures(place_fits(top, ranked), "texture", found.indices.groups["texture"])
    assert bool(check.holds[0])
    # Where it is light, there is no cloth.
    spots = strongest_places(patches.mean((1, 2, 3))[:, None])
    other = check_in_pictures(place_fits(spots, ranked), "texture", found.indices.groups["texture"])
    assert not bool(other.holds[0])


def test_lines_stay_lines_beside_the_sets_own_textures() -> None:
    battery = battery_with(patches_of_a_set())
    kernels = torch.stack([gabor(15.0 * i, 0.2, phase) for i in range(12) for phase in (0, 90)])
    whole = torch.zeros(len(kernels), 1, SIDE, SIDE)
    whole[:, 0, 6:17, 6:17] = kernels
    pixels = battery.pixels.float() / 255 - 0.5
    responses = (pixels.flatten(1) @ whole.flatten(1).T).clamp(min=0)
    found = tune(responses, battery, natural_max=responses.amax(0))
    assert bool((found.indices.values["texture"] < FLOORS["texture"]).all())
    assert bool((found.indices.values["edge"] >= FLOORS["edge"]).all())
    without = tune(
        responses[[s.family != "natural texture" for s in battery.stimuli]],
        battery_with(None),
        natural_max=responses.amax(0),
    )
    for kind in ("edge", "spot", "corner", "brightness"):  # no rival of theirs
        assert torch.allclose(found.indices.values[kind], without.indices.values[kind])
