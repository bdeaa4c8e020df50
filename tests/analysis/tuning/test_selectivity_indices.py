"""Oracles: units made to be known detectors get exactly those names and angles."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from torch import nn

from layerscope.analysis.concepts.descriptions import FLOORS
from layerscope.analysis.tuning.battery import Battery, make_battery
from layerscope.analysis.tuning.responses import centre_responses, window_of
from layerscope.analysis.tuning.stimuli import COARSE, FINE
from layerscope.analysis.tuning.tunings import Tunings, tune
from layerscope.graph.read import read_program
from layerscope.graph.receptive_field import ReceptiveField, receptive_fields

PX = 32
STEPS = FINE


@pytest.fixture(params=[FINE, COARSE], ids=["fine", "coarse"])
def in_both_steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the stimuli of a small network, then those of a very large one."""
    monkeypatch.setattr(sys.modules[__name__], "STEPS", request.param)


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
        height=PX, width=PX, channels=channels, centre_px=(down, right), window_px=side, seed=0,
        steps=STEPS,
    )  # fmt: skip


def reached(tunings: Tunings, u: int = 0) -> dict[str, str]:
    """The kinds that a unit reaches, strongest first, and what it is called by each."""
    found = {
        kind: float(values[u])
        for kind, values in tunings.indices.values.items()
        if float(values[u]) >= FLOORS[kind]
    }
    order = sorted(found, key=lambda kind: -found[kind])
    return {kind: tunings.indices.words[kind][u] for kind in order}


def kinds(tunings: Tunings, u: int = 0) -> list[str]:
    return list(reached(tunings, u))


def angle_in(words: str) -> float:
    return float(words.split(" at ")[1][:-1])


def is_off(angle: float, other: float) -> float:
    return abs((angle - other + 90) % 180 - 90)


@pytest.mark.usefixtures("in_both_steps")
def test_all_48_gabors_are_lines_at_their_own_angles_odd_ones_too() -> None:
    angles = [15.0 * i for i in range(12)]
    for phase in (0.0, 90.0, 180.0, 270.0):
        tunings = tuned(torch.stack([gabor(a, phase=phase) for a in angles])[:, None])
        for u, angle in enumerate(angles):
            assert kinds(tunings, u) == ["edge"]
            assert is_off(angle_in(reached(tunings, u)["edge"]), angle) <= 2.5
            nearest = 2 if STEPS == FINE else 1  # of those that are shown, to 1.6 a window
            frequency = float(tunings.indices.lines.frequency_cycles_px[u])
            assert frequency == pytest.approx(nearest / 11)


THREE_BY_THREE = {
    "sobel": ([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], 90),
    "prewitt": ([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]], 90),
    "lying sobel": ([[1, 2, 1], [0, 0, 0], [-1, -2, -1]], 0),
    "diagonal sobel": ([[0, 1, 2], [-1, 0, 1], [-2, -1, 0]], 135),
    "other diagonal sobel": ([[2, 1, 0], [1, 0, -1], [0, -1, -2]], 45),
    "diagonal line": ([[2, -1, -1], [-1, 2, -1], [-1, -1, 2]], 135),
}


@pytest.mark.usefixtures("in_both_steps")
@pytest.mark.parametrize("name", THREE_BY_THREE)
def test_three_by_three_edge_filters_reach_their_floor_at_the_right_angle(name: str) -> None:
    weights, angle = THREE_BY_THREE[name]
    tunings = tuned(torch.tensor(weights, dtype=torch.float)[None, None])
    assert kinds(tunings) == ["edge"]
    assert is_off(angle_in(reached(tunings)["edge"]), angle) <= 5


@pytest.mark.usefixtures("in_both_steps")
def test_complex_cells_are_lines_of_no_phase() -> None:
    phases = torch.stack([gabor(30.0, phase=p) for p in (0.0, 90.0, 180.0, 270.0)])[:, None]
    found = tunings_of(summed(phases), "2", 1)
    assert kinds(found) == ["edge"]
    assert is_off(angle_in(reached(found)["edge"]), 30) <= 2.5
    assert float(found.prefers.phase_selectivity[0]) < (0.1 if STEPS == FINE else 0.12)


def summed(kernels: torch.Tensor) -> nn.Module:
    """A unit that adds up what rectified filters respond."""
    first = nn.Conv2d(1, len(kernels), kernels.shape[2], bias=False)
    second = nn.Conv2d(len(kernels), 1, 1, bias=False)
    with torch.no_grad():
        first.weight.copy_(kernels)
        second.weight.fill_(1.0)
    return nn.Sequential(first, nn.ReLU(), second)


class Energy(nn.Module):
    """Squared Gabors of all angles, pooled over an area: texture whatever its direction."""

    def __init__(self) -> None:
        super().__init__()
        kernels = torch.stack([gabor(15.0 * i, 7, phase=p) for i in range(12) for p in (0, 90)])
        self.filters = nn.Conv2d(1, len(kernels), 7, bias=False)
        with torch.no_grad():
            self.filters.weight.copy_(kernels[:, None])
        self.pool = nn.AvgPool2d(15, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(self.filters(x).square().sum(1, keepdim=True))


@pytest.mark.usefixtures("in_both_steps")
def test_pooled_energy_of_all_directions_is_a_texture() -> None:
    assert kinds(tunings_of(Energy(), "pool", 1)) == ["texture"]


def placed(kernel: torch.Tensor, right: int, up: int, side: int = 21) -> torch.Tensor:
    whole, half, middle = torch.zeros(side, side), len(kernel) // 2, side // 2
    y, x = middle - up, middle + right
    whole[y - half : y + half + 1, x - half : x + half + 1] = kernel
    return whole


@pytest.mark.usefixtures("in_both_steps")
def test_curves_built_of_gabors_are_curves() -> None:
    curve = sum(
        (
            placed(gabor(angle, 7, phase=0.0, cycles=1.2), right, up)
            for angle, right, up in ((90.0, -4, 0), (45.0, -2, 4), (135.0, -2, -4))
        ),
        torch.zeros(21, 21),
    )
    for bias in (0.0, -1.0):  # with a threshold, too
        found = tuned(curve[None, None], torch.tensor([bias]))
        assert reached(found).get("corner") == "curve"


@pytest.mark.usefixtures("in_both_steps")
def test_crosses_and_spots_are_told_from_checkerboards() -> None:
    x, y = grid(21)
    cross = ((x.abs() < 1.5) | (y.abs() < 1.5)).float()
    square = x.square() + y.square()
    middle = torch.exp(-square / 18) / 18 - torch.exp(-square / 50) / 50
    kernels = torch.stack([cross - cross.mean(), middle - middle.mean(), middle.mean() - middle])
    found = tuned(kernels[:, None])
    assert reached(found, 0) == {"corner": "crossing"}
    assert reached(found, 1) == {"spot": "light spot"}
    assert reached(found, 2) == {"spot": "dark spot"}
    laplacian = torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]])
    assert reached(tuned(laplacian[None, None])) == {"spot": "light spot"}


RED_GREEN = torch.tensor([1.0, -1.0, 0.0])[:, None, None]


def opponents() -> dict[str, torch.Tensor]:
    x, y = grid(9)
    square = x.square() + y.square()
    centre = torch.exp(-square / 4) / 4 - torch.exp(-square / 14) / 14
    return {
        "single": RED_GREEN * torch.exp(-square / 8),
        "double, centre and surround": RED_GREEN * (centre - centre.mean()),
        "double, even": RED_GREEN * gabor(45.0, 9, phase=0.0),
        "double, odd": RED_GREEN * gabor(45.0, 9, phase=90.0),
    }


@pytest.mark.usefixtures("in_both_steps")
@pytest.mark.parametrize("name", opponents())
def test_opponent_cells_are_coloured_and_nothing_else(name: str) -> None:
    found = tuned(opponents()[name][None])
    assert kinds(found) == ["colour"]
    words = reached(found)["colour"]
    assert words.startswith(("red", "cyan")), words
    assert float(found.indices.values["colour"][0]) > 0.9


@pytest.mark.usefixtures("in_both_steps")
def test_a_grey_gabor_of_a_coloured_network_has_no_colour() -> None:
    found = tuned((torch.ones(3, 1, 1) * gabor(45.0, 9))[None])
    assert kinds(found) == ["edge"]
    assert "colour" not in tuned(torch.ones(1, 1, 5, 5)).indices.values  # grey pictures have none


@pytest.mark.usefixtures("in_both_steps")
def test_a_unit_that_wants_light_is_bright_and_one_that_wants_nothing_is_not_described() -> None:
    found = tuned(torch.stack([torch.ones(1, 7, 7), -torch.ones(1, 7, 7), torch.zeros(1, 7, 7)]))
    assert reached(found, 0) == {"brightness": "light area"}
    assert reached(found, 1) == {"brightness": "dark area"}
    assert reached(found, 2) == {}
    assert found.best[2] == ""


def test_no_index_depends_on_how_strongly_pictures_drive_the_unit() -> None:
    conv = nn.Conv2d(1, 1, 11, bias=False)
    with torch.no_grad():
        conv.weight.copy_(gabor(45.0)[None, None])
    program = read_program(nn.Sequential(conv, nn.ReLU()), torch.zeros(1, 1, PX, PX))
    field = receptive_fields(program.layers, height=PX, width=PX)["1"]
    battery = battery_for(field, (1, 22, 22), 1)
    found = centre_responses(program, ["1"], battery.pixels, lambda p: p.float() / 255 - 0.5)
    whole, half = (
        tune(found["1"], battery, natural_max=times * found["1"].amax(0)) for times in (1, 2)
    )
    assert torch.equal(half.indices.values["edge"], whole.indices.values["edge"])
    assert float(half.reach_frac[0]) == pytest.approx(float(whole.reach_frac[0]) / 2)


def test_intervals_hold_the_strength_and_are_wider_where_the_offset_matters() -> None:
    kernels = torch.stack([gabor(45.0), torch.zeros(11, 11)])[:, None]
    conv = nn.Conv2d(1, 2, 11, bias=False)
    with torch.no_grad():
        conv.weight.copy_(kernels)
    program = read_program(nn.Sequential(conv, nn.ReLU()), torch.zeros(1, 1, PX, PX))
    field = receptive_fields(program.layers, height=PX, width=PX)["1"]
    battery = battery_for(field, (2, 22, 22), 1)
    found = centre_responses(program, ["1"], battery.pixels, lambda p: p.float() / 255 - 0.5)["1"]
    generator = torch.Generator().manual_seed(0)
    tunings = tune(found, battery, natural_max=found.amax(0), generator=generator)
    low, high = tunings.intervals["edge"]
    assert float(low[0]) <= float(tunings.indices.values["edge"][0]) <= float(high[0]) + 1e-6
    assert float(high[0]) > float(low[0])
    assert (float(low[1]), float(high[1])) == (0.0, 0.0)


@pytest.mark.parametrize(("phase", "seen"), [(0.0, 0.0), (180.0, 180.0), (90.0, 90.0)])
def test_the_phase_of_a_gabor_is_found(phase: float, seen: float) -> None:
    found = tuned(gabor(30.0, phase=phase)[None, None]).prefers
    assert float(found.phase_deg[0]) == pytest.approx(seen, abs=2)
    assert float(found.phase_selectivity[0]) > 0.9


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
    assert math.isnan(float(tuned(torch.zeros(1, 1, 7, 7)).prefers.size_px[0]))


def test_an_angle_on_paper_is_an_angle_on_the_picture() -> None:
    """Rising to the right is 45 degrees: light above, dark below the rising diagonal."""
    x, y = grid(11)
    tunings = tuned(torch.where(y > x, 1.0, -1.0)[None, None])
    assert reached(tunings)["edge"] == "edge at 45°"


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
        second.bias.fill_(-12.0)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


@pytest.mark.usefixtures("in_both_steps")
def test_a_corner_detector_is_found_with_its_opening_before_any_line() -> None:
    found = reached(tunings_of(corner_network(), "3", 1))
    assert next(iter(found.items())) == ("corner", "corner of 90°")
