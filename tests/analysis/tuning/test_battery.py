"""The stimuli: what they carry, where they are shown, and how a layer's responses are read."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from layerscope.analysis.tuning.battery import ground_of, make_battery
from layerscope.analysis.tuning.hues import LUMA, hues
from layerscope.analysis.tuning.responses import centre_responses, window_of
from layerscope.analysis.tuning.stimuli import COARSE, COLOURED, GREY_TWINS
from layerscope.errors import LayerNotFoundError
from layerscope.graph.read import read_program
from layerscope.graph.receptive_field import ReceptiveField

PX = 32


@pytest.mark.parametrize("ground", [0.5, 0.0, 1.0])
@pytest.mark.parametrize(("window", "channels"), [(9.0, 1), (9.0, 3), (28.0, 3)])
def test_stimuli_that_are_compared_carry_one_energy(
    ground: float, window: float, channels: int
) -> None:
    battery = make_battery(
        height=32, width=32, channels=channels, centre_px=(16.0, 16.0), window_px=window,
        ground=ground,
    )  # fmt: skip
    shown = (battery.pixels.float() / 255 - ground).flatten(1).norm(dim=1)
    assert torch.allclose(shown, battery.energy, atol=0.05 * float(battery.energy.max()))
    families = {s.family for s in battery.stimuli[1:]}
    for family in families - {*COLOURED, *GREY_TWINS}:
        rows = [i for i, s in enumerate(battery.stimuli) if s.family == family]
        assert float(battery.energy[rows].max()) == pytest.approx(
            float(battery.energy.max()), rel=0.4
        )
    if channels == 3:  # a hue and its grey twin carry the same
        for shape in ("field", "spot", "edge", "grating"):
            hue, grey = (
                {
                    (s.size_px, s.frequency_cycles_px, s.angle_deg): float(battery.energy[i])
                    for i, s in enumerate(battery.stimuli)
                    if s.family == f"{group} {shape}"
                }
                for group in ("hue", "grey")
            )
            assert hue == pytest.approx(grey, rel=1e-5)


def test_on_black_stimuli_are_light_only() -> None:
    battery = make_battery(
        height=28, width=28, channels=1, centre_px=(14.0, 14.0), window_px=9.0, ground=0.0
    )
    assert int(battery.pixels[0].max()) == 0
    assert {s.polarity for s in battery.stimuli if s.family in ("bar", "spot", "uniform")} == {1}


def test_the_ground_is_the_sets_own() -> None:
    black = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    black[:, :, :, :3] = torch.arange(40, 136).view(4, 1, 8, 3).to(torch.uint8)
    assert ground_of(black) == 0.0
    assert ground_of(255 - black) == 1.0
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (20, 3, 16, 16), generator=generator).to(torch.uint8)
    assert ground_of(noise) == 0.5


def test_coarse_steps_are_a_sixth_of_the_stimuli_and_lack_no_family() -> None:
    settings = {"height": 64, "width": 64, "channels": 3, "centre_px": (32.0, 32.0)}
    fine = make_battery(**settings, window_px=64.0)
    coarse = make_battery(**settings, window_px=64.0, steps=COARSE)
    assert 5 < len(fine.stimuli) / len(coarse.stimuli) < 7
    assert {s.family for s in fine.stimuli} - {s.family for s in coarse.stimuli} == {
        "hue grating", "grey grating",
    }  # fmt: skip


@pytest.mark.parametrize("window", [1.0, 3.0, 5.0, 10.0, 28.0, 63.0, 224.0])
def test_every_window_has_stimuli_inside_it_and_the_same_ones_each_time(window: float) -> None:
    settings = {"height": 64, "width": 64, "channels": 3, "centre_px": (20.0, 30.0)}
    battery = make_battery(**settings, window_px=window, seed=4)
    assert torch.equal(battery.pixels, make_battery(**settings, window_px=window, seed=4).pixels)
    assert len(battery.pixels) == len(battery.stimuli) > 10
    ground = battery.pixels[0]
    assert ground.unique().tolist() == [128]
    changed = (battery.pixels != 128).any(0).any(0)
    rows, columns = changed.nonzero(as_tuple=True)
    assert rows.min() >= 20 - window / 2 - 1
    assert rows.max() <= 20 + window / 2 + 1
    assert columns.min() >= 30 - window / 2 - 1
    # Every stimulus but the blank shows something.
    assert bool((battery.pixels[1:] != 128).flatten(1).any(1).all())


def test_hues_are_as_bright_as_the_ground() -> None:
    for hue in hues(8):
        assert sum(h * w for h, w in zip(hue, LUMA, strict=True)) == pytest.approx(0, abs=1e-9)
        assert math.hypot(*hue) == pytest.approx(1)


def test_layers_measured_together_respond_as_they_do_alone() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.Conv2d(4, 3, 7), nn.ReLU())
    program = read_program(network, torch.zeros(1, 1, PX, PX))
    pixels = torch.randint(
        0, 256, (9, 1, PX, PX), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )

    def normalise(pixels: torch.Tensor) -> torch.Tensor:
        return pixels.float() / 255

    both = centre_responses(program, ["1", "3"], pixels, normalise, batch_size=4)
    for layer in ("1", "3"):
        alone = centre_responses(program, [layer], pixels, normalise)[layer]
        assert torch.allclose(both[layer], alone, atol=1e-6)
    with pytest.raises(LayerNotFoundError):
        centre_responses(program, ["2#9"], pixels, normalise)


def test_a_field_as_large_as_the_picture_is_shown_stimuli_in_its_middle() -> None:
    small = ReceptiveField((5, 5), (4, 4), (-3, -3))
    assert window_of(small, (8, 7, 7), height=28, width=28) == (11.5, 11.5, 5.0)
    large = ReceptiveField((40, 40), (4, 4), (-30, -30))
    assert window_of(large, (8, 7, 7), height=28, width=32) == (14.0, 16.0, 28.0)
    assert window_of(None, (8,), height=28, width=28) == (14.0, 14.0, 28.0)
