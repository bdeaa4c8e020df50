"""Planted units lose their response to the change that takes away what they need, no other."""

from __future__ import annotations

import pytest
import torch
from planted_networks import program_of, spec_of
from torch import nn

from layerscope.analysis.activations.pooled_features import gather_features
from layerscope.analysis.dependence.dependence_profile import (
    CHANGES,
    DependenceProfiles,
    at_place,
    dependence_profiles,
    shifted,
    summed_up,
)
from layerscope.analysis.dependence.strong_places import boxes_at, strong_places
from layerscope.data.imageset import ImageSet
from layerscope.graph.read import read_program
from layerscope.graph.receptive_field import ReceptiveField, receptive_fields

PX = 32
COLOUR, TEXTURE, ARRANGEMENT, ANYWHERE, ONE_PLACE = range(5)


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Planted(nn.Module):
    """Five units that see the whole picture and need one thing each."""

    def __init__(self) -> None:
        super().__init__()
        side = torch.arange(PX)
        y, x = torch.meshgrid(side, side, indexing="ij")
        quarter = ((y < PX // 2) & (x < PX // 2)) | ((y >= PX // 2) & (x >= PX // 2))
        self.register_buffer("template", 2.0 * quarter.float() - 1)
        fine = torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]])
        self.register_buffer("fine", fine[None, None])
        spot = torch.full((5, 5), -1 / 16)
        spot[1:4, 1:4] = 1 / 9
        self.register_buffer("spot", spot[None, None])
        self.each = nn.Linear(5, 5, bias=False)
        with torch.no_grad():
            self.each.weight.copy_(torch.eye(5))
        self.act = nn.ReLU()
        self.last = nn.Linear(5, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        grey = images.mean(1, keepdim=True)
        redness = (images[:, 0] - images[:, 1:].mean(1)).mean((1, 2))
        energy = nn.functional.conv2d(grey, self.fine).square().mean((1, 2, 3))
        arranged = (grey[:, 0] * self.template).mean((1, 2))
        spots = nn.functional.conv2d(grey, self.spot)
        anywhere = spots.amax((1, 2, 3))
        one_place = spots[:, 0, 14, 14]
        units = torch.stack([redness, energy, arranged, anywhere, one_place], 1)
        return self.last(self.act(self.each(units)))


def pictures(n: int = 200) -> ImageSet:
    """Pictures that differ in hue, in grain, in the order of light and dark quarters, and in where
    a spot lies: each without regard to the others."""
    g = gen(1)
    pixels = torch.full((n, 3, PX, PX), 0.5)
    pixels += 0.15 * (torch.rand(n, 3, 1, 1, generator=g) - 0.5)
    grain = torch.rand(n, 1, 1, 1, generator=g)
    columns = torch.where(torch.arange(PX) % 2 == 0, 1.0, -1.0)
    pixels += 0.12 * grain * (columns[:, None] * columns)
    planted = Planted()
    pixels += 0.1 * (2 * torch.rand(n, 1, 1, 1, generator=g) - 1) * planted.template
    for i in range(n):
        top, left = torch.randint(6, PX - 9, (2,), generator=g).tolist()
        if i % 8 == 0:
            top = left = 15
        pixels[i, :, top : top + 3, left : left + 3] += 0.3 * float(torch.rand(1, generator=g))
    stored = (255 * pixels.clamp(0, 1)).round().to(torch.uint8)
    return ImageSet("made", "test", stored, torch.arange(n) % 2, ("a", "b"))


def profiles_of(model: nn.Module, layer: str, imageset: ImageSet, n: int = 9) -> DependenceProfiles:
    spec = spec_of(3, PX)
    program = program_of(model, spec)
    rows = torch.arange(len(imageset))
    features = gather_features(program, [layer], imageset, rows, spec.normalise, seed=0)[layer]
    field = receptive_fields(program.layers, height=PX, width=PX)[layer]
    at_places = features.at_places.flatten(0, 1)
    units = range(features.peaks.shape[1])
    strong = strong_places(
        program, layer, units, imageset, rows, features.peaks, at_places.std(0), spec, field, n=n
    )
    return dependence_profiles(
        program, layer, strong, at_places.mean(0), imageset, spec, gen(), n=n
    )


@pytest.fixture(scope="module")
def found() -> DependenceProfiles:
    return profiles_of(Planted(), "act", pictures())


def left(found: DependenceProfiles, change: str, unit: int) -> float:
    return float(found.remaining[change][unit])


def test_every_change_is_measured_with_an_interval_around_it(found: DependenceProfiles) -> None:
    assert tuple(name for name in CHANGES if name in found.remaining) == CHANGES
    for name, (low, high) in found.intervals.items():
        assert bool((low <= found.remaining[name] + 1e-6).all()), name
        assert bool((high >= found.remaining[name] - 1e-6).all()), name


def test_a_colour_unit_needs_colour_alone(found: DependenceProfiles) -> None:
    needs = found.needs()
    assert float(needs["needs_colour"][COLOUR]) > 0.9
    assert left(found, "hue", COLOUR) < 0.1
    assert float(needs["needs_fine_texture"][COLOUR]) < 0.1
    assert float(needs["needs_arrangement"][COLOUR]) < 0.1
    assert float(needs["bears_shifts"][COLOUR]) > 0.9
    assert left(found, "mirror", COLOUR) == pytest.approx(1, abs=0.05)


def test_a_texture_unit_needs_fine_texture_and_no_arrangement(found: DependenceProfiles) -> None:
    needs = found.needs()
    assert float(needs["needs_fine_texture"][TEXTURE]) > 0.8
    assert float(needs["needs_colour"][TEXTURE]) < 0.2
    assert float(needs["needs_arrangement"][TEXTURE]) < 0.2
    assert left(found, "phase", TEXTURE) > 0.8
    assert left(found, "negative", TEXTURE) > 0.8


def test_an_arrangement_unit_needs_its_order_and_its_sign(found: DependenceProfiles) -> None:
    needs = found.needs()
    assert float(needs["needs_arrangement"][ARRANGEMENT]) > 0.6
    assert float(needs["needs_fine_texture"][ARRANGEMENT]) < 0.3
    assert float(needs["needs_colour"][ARRANGEMENT]) < 0.2
    assert left(found, "negative", ARRANGEMENT) < 0.2
    assert left(found, "phase", ARRANGEMENT) < 0.5


def test_a_unit_that_takes_the_largest_of_all_places_bears_shifts(
    found: DependenceProfiles,
) -> None:
    needs = found.needs()
    assert float(needs["bears_shifts"][ANYWHERE]) > 0.9
    assert float(needs["bears_shifts"][ONE_PLACE]) < 0.3
    assert left(found, "mirror", ANYWHERE) > 0.9


def test_units_with_places_are_read_at_their_own_in_their_own_field() -> None:
    """A convolution's red-green edge: what lies outside its field changes nothing."""
    conv = nn.Conv2d(3, 2, 5, bias=False)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, :, :2], conv.weight[0, 0, :, 3:] = 1.0, -1.0  # in red alone
        conv.weight[1] = 1 / 75  # brightness
    model = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(2 * 28 * 28, 2))
    pixels = torch.randint(0, 256, (60, 3, PX, PX), generator=gen(2)).to(torch.uint8)
    images = ImageSet("made", "test", pixels, torch.arange(60) % 2, ("a", "b"))
    found = profiles_of(model, "1", images)
    assert left(found, "mirror", 0) < 0.1  # the edge the other way round
    assert left(found, "mirror", 1) == pytest.approx(1, abs=0.02)
    assert left(found, "halves", 1) == pytest.approx(1, abs=0.02)
    assert "quarters" not in found.remaining  # 5 px are too few
    assert float(found.lost(("halves",))[1]) < 0.02


def test_strong_places_are_the_strongest_of_each_picture() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU())
    spec = spec_of(3, 12)
    program = read_program(model, torch.zeros(1, 3, 12, 12))
    pixels = torch.randint(0, 256, (25, 3, 12, 12), generator=gen()).to(torch.uint8)
    images = ImageSet("made", "test", pixels, torch.zeros(25).long(), ("a", "b"))
    rows = torch.arange(2, 25)
    output = program.output_of("1", spec.normalise(pixels)).detach()
    field = receptive_fields(program.layers, height=12, width=12)["1"]
    strong = strong_places(
        program, "1", [1, 4], images, rows, output[rows].amax((2, 3)), torch.ones(6), spec, field,
        n=5, batch_size=7,
    )  # fmt: skip
    for i, unit in enumerate((1, 4)):
        maps = output[:, unit]
        order = sorted(rows.tolist(), key=lambda row: -float(maps[row].max()))[:5]
        assert strong.rows[i].tolist() == order
        for j, row in enumerate(order):
            at = int(maps[row].flatten().argmax())
            assert int(strong.places[i, j]) == at
            assert float(strong.values[i, j]) == pytest.approx(float(maps[row].max()), abs=1e-5)
            assert field
            box = field.box(at // 6, at % 6, height=12, width=12)
            assert tuple(strong.boxes[i, j].tolist()) == box
            own = output[row, :, at // 6, at % 6].clone()
            own[unit] = 0
            assert torch.allclose(strong.others[i, j], own, atol=1e-5)


def test_shifted_patches_are_what_lay_beside_them() -> None:
    picture = torch.arange(100.0).view(1, 1, 10, 10).expand(40, 1, 10, 10)
    top, left_px = torch.full((40,), 2), torch.full((40,), 0)
    found = shifted(picture, top, left_px, 8, 8, gen())
    own = picture[0, 0]
    ways = {
        "down": own[[3, 4, 5, 6, 7, 8, 9, 9]][:, :8],
        "up": own[1:9, :8],
        "right": own[2:10, 1:9],
        "left": own[2:10][:, [0, 0, 1, 2, 3, 4, 5, 6]],
    }
    seen = {name for p in found for name, way in ways.items() if torch.equal(p[0], way)}
    assert seen == set(ways)
    assert all(any(torch.equal(p[0], way) for way in ways.values()) for p in found)


def test_remaining_is_a_ratio_of_sums_and_unknown_where_nothing_was_there() -> None:
    whole = torch.tensor([[2.0, 4.0], [1.0, 1.0], [-1.0, 0.5]])
    half = torch.tensor([[1.0, 2.0], [-1.0, -1.0], [0.0, 0.0]])
    some = torch.tensor([[1.0, torch.nan], [torch.nan, torch.nan], [0.0, 0.0]])
    found = summed_up((0, 1, 2), 2, whole, {"grey": half, "hue": some}, gen())
    assert found.remaining["grey"][:2].tolist() == [0.5, -1.0]
    assert bool(found.remaining["grey"][2].isnan())
    assert found.remaining["hue"][0] == 0.5
    assert bool(found.remaining["hue"][1].isnan())
    low, high = found.intervals["grey"]
    assert (float(low[0]), float(high[0])) == (0.5, 0.5)
    assert found.lost(("grey",))[1] == 1.0  # no more than all of it


def test_boxes_lie_inside_the_picture() -> None:
    field = ReceptiveField((5, 5), (4, 4), (-6, -2))
    found = boxes_at(torch.tensor([0, 1, 5]), 4, field, height=12, width=12)
    assert found.tolist() == [[0, 0, 1, 3], [0, 2, 1, 5], [0, 2, 3, 5]]
    assert (
        boxes_at(torch.zeros(2).long(), 1, None, height=7, width=9).tolist() == [[0, 0, 7, 9]] * 2
    )


def test_every_picture_is_read_at_its_own_place() -> None:
    maps = torch.arange(24.0).view(2, 3, 2, 2)
    units, places = torch.tensor([2, 0]), torch.tensor([1, 3])
    assert at_place(maps, units, places).tolist() == [9.0, 15.0]
    tokens = maps.flatten(2).mT
    assert at_place(tokens, units, places).tolist() == [9.0, 15.0]
