"""Oracles: units made to be known detectors get exactly those names and angles."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from layerscope.analysis.tuning.battery import Battery, make_battery
from layerscope.analysis.tuning.responses import centre_responses, window_of
from layerscope.analysis.tuning.selectivity_indices import Tunings, selectivities, tune
from layerscope.analysis.tuning.stimuli import LUMA, hues
from layerscope.errors import LayerNotFoundError
from layerscope.graph.read import read_program
from layerscope.graph.receptive_field import ReceptiveField, receptive_fields

PX = 32


def grid(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(right, up) of each pixel from the middle."""
    place = torch.arange(side) - (side - 1) / 2
    up, right = torch.meshgrid(-place, place, indexing="ij")
    return right, up


def gabor(angle_deg: float, side: int = 11, *, phase: float = 90.0, cycles: float = 1.6):
    """A line detector at an angle: even at a phase of 0, an edge at 90."""
    x, y = grid(side)
    a = math.radians(angle_deg)
    across = y * math.cos(a) - x * math.sin(a)
    bell = torch.exp(-(x.square() + y.square()) / (2 * (side / 5) ** 2))
    wave = torch.cos(2 * math.pi * cycles / side * across + math.radians(phase))
    kernel = bell * wave
    return kernel - bell * kernel.sum() / bell.sum()


def tuned(kernels: torch.Tensor, bias: torch.Tensor | None = None) -> Tunings:
    """The tunings of a convolution with such filters (U, C, k, k), seen through a ReLU."""
    U, C, k, _ = kernels.shape
    conv = nn.Conv2d(C, U, k)
    with torch.no_grad():
        conv.weight.copy_(kernels)
        conv.bias.copy_(torch.zeros(U) if bias is None else bias)
    return tunings_of(nn.Sequential(conv, nn.ReLU()), "1", C)


def tunings_of(network: nn.Module, layer: str, channels: int) -> Tunings:
    def normalise(pixels: torch.Tensor) -> torch.Tensor:
        return pixels.float() / 255 - 0.5

    program = read_program(network, torch.zeros(1, channels, PX, PX))
    field = receptive_fields(program.layers, height=PX, width=PX)[layer]
    shape = next(found.shape for found in program.layers if found.name == layer)
    battery = battery_for(field, shape, channels)
    responses = centre_responses(program, [layer], battery.pixels, normalise)[layer]
    return tune(responses, battery, natural_max=responses.amax(0))


def battery_for(field: ReceptiveField | None, shape: tuple[int, ...], channels: int) -> Battery:
    down, right, side = window_of(field, shape, height=PX, width=PX)
    return make_battery(
        height=PX, width=PX, channels=channels, centre_px=(down, right), window_px=side, seed=0
    )


def strongest(tunings: Tunings, u: int) -> str:
    found = selectivities(tunings)
    return max(found, key=lambda kind: float(found[kind][u]))


ANGLES = (0.0, 30.0, 45.0, 90.0, 120.0, 165.0)


@pytest.mark.parametrize("phase", [0.0, 90.0])
def test_gabors_are_lines_at_their_own_angles(phase: float) -> None:
    kernels = torch.stack([gabor(angle, phase=phase) for angle in ANGLES])[:, None]
    tunings = tuned(kernels)
    for u, angle in enumerate(ANGLES):
        off = (float(tunings.angle_deg[u]) - angle + 90) % 180 - 90
        assert abs(off) < 4
        assert strongest(tunings, u) == "edge"
        assert float(tunings.values["edge"][u]) > 0.4
        assert tunings.words["edge"][u].split(" at ")[0] in ("edge", "stripes", "line")
        rounded = float(tunings.words["edge"][u].split(" at ")[1][:-1])
        assert abs((rounded - angle + 90) % 180 - 90) <= 5
        assert float(tunings.frequency_cycles_px[u]) == pytest.approx(2 / 11)


@pytest.mark.parametrize(("phase", "seen"), [(0.0, 0.0), (180.0, 180.0), (90.0, 90.0)])
def test_the_phase_of_a_gabor_is_found_and_a_unit_for_all_phases_has_none(
    phase: float, seen: float
) -> None:
    """A sum over opposite phases answers wherever the stripes lie, as complex cells do."""
    found = tuned(gabor(30.0, phase=phase)[None, None]).prefers
    assert float(found.phase_deg[0]) == pytest.approx(seen, abs=2)
    assert float(found.phase_selectivity[0]) > 0.9
    phases = torch.stack([gabor(30.0, phase=p) for p in (0.0, 90.0, 180.0, 270.0)])[:, None]
    first, second = nn.Conv2d(1, 4, 11, bias=False), nn.Conv2d(4, 1, 1, bias=False)
    with torch.no_grad():
        first.weight.copy_(phases)
        second.weight.fill_(1.0)
    network = nn.Sequential(first, nn.ReLU(), second)
    complex_cell = tunings_of(network, "2", 1)
    assert float(complex_cell.prefers.phase_selectivity[0]) < 0.1
    assert strongest(complex_cell, 0) == "edge"


def test_sizes_curves_and_openings_are_told() -> None:
    x, y = grid(21)
    square = x.square() + y.square()
    # Rings against a ground, so that a disc that fills just the middle is best.
    discs = [
        torch.where(square < r * r, 1.0, -0.4 * (square < (r + 2) ** 2).float())
        for r in (0.14 * 21, 0.22 * 21)
    ]
    sizes = tuned(torch.stack(discs)[:, None]).prefers.size_px
    assert sizes.tolist() == pytest.approx([2 * 0.14 * 21, 2 * 0.22 * 21], rel=1e-3)
    corner = tunings_of(corner_network(), "3", 1)
    assert float(corner.prefers.corner_deg[0]) == 90
    radius = 21 / 5
    away = ((x - radius).square() + y.square()).sqrt() - radius
    bent = ((away.abs() < 1.3) & (x < radius)).float()
    straight = ((x.abs() < 1.3) & (y.abs() < 8)).float()
    kernels = torch.stack([bent - bent.mean(), straight - straight.mean()])[:, None]
    curvature = tuned(kernels).prefers.curvature
    assert float(curvature[0]) > 0.3
    assert float(curvature[1]) == 0
    assert tuned(torch.zeros(1, 1, 7, 7)).prefers.size_px.isnan().all()


def test_an_angle_on_paper_is_an_angle_on_the_picture() -> None:
    """Rising to the right is 45 degrees: light above, dark below the rising diagonal."""
    x, y = grid(11)
    tunings = tuned(torch.where(y > x, 1.0, -1.0)[None, None])
    assert tunings.words["edge"][0] == "edge at 45°"


def test_blobs_are_forms_and_no_lines() -> None:
    x, y = grid(11)
    square = x.square() + y.square()
    blob = torch.exp(-square / 5) - 0.35 * torch.exp(-square / 14)
    blob = blob - blob.mean()
    tunings = tuned(torch.stack([blob, -blob])[:, None])
    assert tunings.words["corner"] == ("light blob", "dark blob")
    assert [strongest(tunings, u) for u in range(2)] == ["corner"] * 2
    assert float(tunings.values["edge"].max()) < 0.1


def corner_network() -> nn.Module:
    """Fires where light lies above an edge on the right and right of an edge above, not for one."""
    first, second = nn.Conv2d(1, 2, 5), nn.Conv2d(2, 1, 7)
    x, y = grid(5)
    with torch.no_grad():
        first.weight.copy_(torch.stack([y.sign(), x.sign()])[:, None])
        first.bias.zero_()
        second.weight.zero_()
        second.weight[0, 0, 3, 5:] = 1.0  # the lying edge, on the right
        second.weight[0, 1, :2, 3] = 1.0  # the standing one, above
        second.bias.fill_(-18.0)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


def test_a_corner_detector_is_found_with_its_opening_and_no_line() -> None:
    tunings = tunings_of(corner_network(), "3", 1)
    assert strongest(tunings, 0) == "corner"
    assert tunings.words["corner"][0] == "corner of 90°"
    assert float(tunings.values["corner"][0]) > 0.4


def test_colours_are_told_from_brightness() -> None:
    """Uniform and opponent units in equal brightness, beside one that only wants light."""
    red_green = torch.tensor([1.0, -1.0, 0.0])
    blue_yellow = torch.tensor([-0.5, -0.5, 1.0])
    light = torch.ones(3)
    spread = torch.ones(3, 5, 5)
    kernels = torch.stack([c[:, None, None] * spread for c in (red_green, blue_yellow, light)])
    tunings = tuned(kernels)
    assert strongest(tunings, 0) == "colour"
    assert tunings.words["colour"][0] in ("red", "magenta", "orange")
    assert strongest(tunings, 1) == "colour"
    assert tunings.words["colour"][1] in ("blue", "violet")
    assert float(tunings.values["colour"][2]) < 0.1
    assert "colour" not in tuned(torch.ones(1, 1, 5, 5)).values  # grey pictures have none


def test_a_checkerboard_is_a_texture() -> None:
    x, y = grid(8)
    board = 1.0 - 2.0 * ((torch.floor(x / 2) + torch.floor(y / 2)) % 2)
    tunings = tuned(board[None, None])
    assert strongest(tunings, 0) == "texture"
    assert tunings.words["texture"][0] == "checkerboard"


def test_a_unit_that_wants_light_or_nothing_has_no_selectivity() -> None:
    tunings = tuned(torch.stack([torch.ones(1, 7, 7), torch.zeros(1, 7, 7)]))
    for values in selectivities(tunings).values():
        assert float(values[0]) < 0.35
        assert float(values[1]) == 0
    assert tunings.best[1] == ""


def test_what_natural_pictures_drive_further_counts_for_less() -> None:
    kernel = gabor(45.0)[None, None]
    conv = nn.Conv2d(1, 1, 11, bias=False)
    with torch.no_grad():
        conv.weight.copy_(kernel)
    program = read_program(nn.Sequential(conv, nn.ReLU()), torch.zeros(1, 1, PX, PX))
    field = receptive_fields(program.layers, height=PX, width=PX)["1"]
    battery = battery_for(field, (1, 22, 22), 1)
    found = centre_responses(program, ["1"], battery.pixels, lambda p: p.float() / 255 - 0.5)
    responses = found["1"]
    whole = tune(responses, battery, natural_max=responses.amax(0))
    half = tune(responses, battery, natural_max=2 * responses.amax(0))
    assert float(half.values["edge"][0]) == pytest.approx(
        float(whole.values["edge"][0]) / 2, rel=0.05
    )
    assert float(half.reach_frac[0]) == pytest.approx(0.5)


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
