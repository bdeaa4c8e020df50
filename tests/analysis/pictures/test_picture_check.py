"""What is said of a unit is looked for in pictures: planted detectors, and planted mistakes."""

from __future__ import annotations

import math

import pytest
import torch

from layerscope.analysis.pictures.class_check import (
    class_selectivity,
    class_words,
    explained_by,
    picture_figures,
)
from layerscope.analysis.pictures.part_check import part_auroc, part_cover
from layerscope.analysis.pictures.picture_check import check_in_pictures, place_fits
from layerscope.analysis.pictures.place_patches import patches_at, place_boxes
from layerscope.analysis.pictures.stimulus_ranks import rank_patches, strongest_places
from layerscope.analysis.tuning.battery import make_battery
from layerscope.analysis.tuning.response_groups import group_stimuli
from layerscope.data.imageset import ImageSet
from layerscope.graph.receptive_field import ReceptiveField

SIDE = 9


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def natural(n: int, channels: int = 1) -> torch.Tensor:
    """Patches of random lines at random angles and contrasts, with noise: float (n, C, 9, 9)."""
    g = gen(3)
    place = torch.arange(SIDE) - (SIDE - 1) / 2
    y, x = torch.meshgrid(-place, place, indexing="ij")
    angle = math.pi * torch.rand(n, 1, 1, generator=g)
    shift = 4 * torch.rand(n, 1, 1, generator=g) - 2
    across = y * angle.cos() - x * angle.sin() - shift
    contrast = 0.4 * torch.rand(n, 1, 1, generator=g)
    lines = contrast * torch.exp(-across.square() / 2)
    noise = 0.05 * torch.randn(n, channels, SIDE, SIDE, generator=g)
    return (0.5 + lines[:, None] + noise).clamp(0, 1)


def matched(patches: torch.Tensor, angle_deg: float) -> torch.Tensor:
    """A line detector's response to patches: float (n,)."""
    place = torch.arange(SIDE) - (SIDE - 1) / 2
    y, x = torch.meshgrid(-place, place, indexing="ij")
    a = math.radians(angle_deg)
    across = y * math.cos(a) - x * math.sin(a)
    kernel = torch.exp(-across.square() / 2)
    return ((patches.mean(1) - 0.5) * (kernel - kernel.mean())).sum((1, 2)).clamp(min=0)


def group_of(battery, family: str, angle: float) -> int:
    groups = group_stimuli(battery.stimuli)
    return next(g for g, key in enumerate(groups.keys) if key[0] == family and key[4] == angle)


def test_a_line_detector_holds_at_its_angle_and_at_no_other() -> None:
    patches = natural(3000)
    battery = make_battery(height=SIDE, width=SIDE, channels=1, centre_px=(4.5, 4.5), window_px=9.0)
    ranked = rank_patches(patches, battery, (4.5, 4.5))
    top = strongest_places(matched(patches, 45.0)[:, None].expand(-1, 3))
    groups = torch.tensor([group_of(battery, "bar", angle) for angle in (45.0, 135.0, 90.0)])
    found = check_in_pictures(place_fits(top, ranked), "edge", groups)
    assert found.holds.tolist() == [True, False, False]
    assert float(found.auroc[0]) > 0.9
    assert found.best_rival(1)[0] == "the same at right angles"


def test_a_unit_of_brightness_is_no_line_detector() -> None:
    patches = natural(3000)
    battery = make_battery(height=SIDE, width=SIDE, channels=1, centre_px=(4.5, 4.5), window_px=9.0)
    ranked = rank_patches(patches, battery, (4.5, 4.5))
    top = strongest_places(patches.mean((1, 2, 3))[:, None])
    line = torch.tensor([group_of(battery, "bar", 45.0)])
    assert not check_in_pictures(place_fits(top, ranked), "edge", line).holds.any()
    uniform = torch.tensor(
        [next(g for g, key in enumerate(ranked.groups.keys) if key[0] == "uniform")]
    )
    assert check_in_pictures(place_fits(top, ranked), "brightness", uniform).holds.all()


def test_a_silent_unit_is_not_shown_to_hold() -> None:
    patches = natural(500)
    battery = make_battery(height=SIDE, width=SIDE, channels=1, centre_px=(4.5, 4.5), window_px=9.0)
    ranked = rank_patches(patches, battery, (4.5, 4.5))
    top = strongest_places(torch.zeros(500, 1))
    found = check_in_pictures(
        place_fits(top, ranked), "edge", torch.tensor([group_of(battery, "bar", 45.0)])
    )
    assert not found.holds.any()
    assert found.auroc.isnan().all()


def pictures(pixels: torch.Tensor, labels: torch.Tensor, classes: int = 2) -> ImageSet:
    return ImageSet("made", "test", pixels, labels, tuple("abcdefgh"[:classes]))


def test_boxes_are_those_of_the_receptive_field_and_patches_what_lies_in_them() -> None:
    field = ReceptiveField((5, 5), (2, 2), (-1, -1))
    spots = torch.rand(6, 4, generator=gen())
    boxes = place_boxes(field, (3, 7, 7), spots, height=14, width=14)
    for n in range(6):
        for p in range(4):
            at = int(spots[n, p] * 49)
            top, left, h, w = boxes[n, p].tolist()
            assert (top, left, h, w) == (-1 + 2 * (at // 7), -1 + 2 * (at % 7), 5, 5)
    pixels = torch.randint(0, 256, (6, 1, 14, 14), generator=gen(1)).to(torch.uint8)
    found = patches_at(pictures(pixels, torch.zeros(6).long()), torch.arange(6), boxes, 0.0)
    top, left = boxes[2, 1, :2].tolist()
    for y in range(5):
        for x in range(5):
            inside = 0 <= top + y < 14 and 0 <= left + x < 14
            value = float(pixels[2, 0, top + y, left + x]) / 255 if inside else 0.0
            assert float(found[2 * 4 + 1, 0, y, x]) == pytest.approx(value, abs=1e-6)
    whole = place_boxes(None, (3, 7, 7), spots, height=14, width=20)
    assert whole[0].tolist() == [[0, 3, 14, 14]] * 4
    for shape, P in (((5, 8), 4), ((1, 8), 1), ((8,), 1)):  # tokens, one token, dense units
        assert place_boxes(None, shape, spots, height=14, width=14).shape == (6, P, 4)


def test_class_selectivity_that_is_brightness_is_not_counted_and_true_one_is() -> None:
    g = gen()
    labels = torch.randint(0, 2, (600,), generator=g)
    level = 90 + 30 * labels + 20 * torch.randn(600, generator=g)
    noise = 8 * torch.randn(600, 1, 8, 8, generator=g)
    pixels = (level.view(-1, 1, 1, 1) + noise).clamp(0, 255).to(torch.uint8)
    figures = picture_figures(pictures(pixels, labels), torch.arange(600))
    bright = figures[:, 0] + 0.01 * torch.randn(600, generator=g)
    true = labels + 0.5 * torch.randn(600, generator=g)
    against = -labels + 0.5 * torch.randn(600, generator=g)
    responses = torch.stack([bright, true, against], 1).float()
    found = class_selectivity(responses, labels, 2, figures, gen(1))
    assert float(found.auroc[0].max()) > 0.8  # as measured, brightness tells the classes
    assert float(found.own_auroc[0]) < 0.6  # and by itself it does not
    assert float(found.plain_auroc[0]) > 0.8
    # What brightness tells of the class is taken from a true detector too; the rest is its own.
    assert float(found.own_auroc[1]) > 0.7
    assert int(found.classes[1]) != int(found.classes[2]) or bool(
        found.silent[1] != found.silent[2]
    )
    assert 0.5 < found.chance_auroc < 0.6


def test_chance_grows_with_the_number_of_classes() -> None:
    g = gen()
    responses = torch.randn(300, 40, generator=g)
    figures = torch.zeros(300, 3)
    chances = [
        class_selectivity(
            responses, torch.randint(0, K, (300,), generator=g), K, figures, gen(1)
        ).chance_auroc
        for K in (2, 30)
    ]
    assert chances[1] > chances[0] + 0.05


def test_what_figures_explain_and_the_rest_add_up() -> None:
    figures, responses = torch.rand(50, 3, generator=gen()), torch.rand(50, 4, generator=gen(1))
    plain, rest = explained_by(figures, responses)
    assert torch.allclose(plain + rest, responses.double())
    assert float((figures.double().T @ rest).abs().max()) < 1e-8  # nothing linear is left
    assert float((figures[:, 0].double().square() @ rest).abs().max()) < 1e-8  # nor a square


def test_part_cover_counts_pixels() -> None:
    masks = torch.rand(3, 2, 10, 12, generator=gen()) < 0.4
    store = torch.zeros(3, 1, 10, 12, dtype=torch.uint8)
    images = ImageSet(
        "made", "test", store, torch.zeros(3).long(), ("a", "b"), mask_store=masks,
        part_names=("ear", "eye"),
    )  # fmt: skip
    boxes = torch.tensor([[[-2, -1, 6, 5]], [[3, 4, 4, 4]], [[8, 9, 6, 6]]])
    found = part_cover(images, torch.arange(3), boxes)
    for n in range(3):
        top, left, h, w = boxes[n, 0].tolist()
        inside = masks[n, :, max(0, top) : max(0, top + h), max(0, left) : max(0, left + w)]
        assert found[n].tolist() == pytest.approx((inside.sum((1, 2)) / (h * w)).tolist())


def test_a_part_where_a_unit_is_driven_is_found() -> None:
    cover = torch.rand(800, 3, generator=gen()).double()
    top = strongest_places(torch.stack([cover[:, 1], torch.rand(800, generator=gen(2))], 1))
    found = part_auroc(top, cover)
    assert float(found[0, 1]) > 0.99
    assert abs(float(found[1, 1]) - 0.5) < 0.15


@pytest.mark.parametrize(
    ("label", "silent", "classes", "words"),
    [
        (0, False, ("cat", "dog"), "cat"),
        (1, False, ("cat", "dog"), "dog"),
        # Of two classes, what is silent for one tells the other.
        (0, True, ("cat", "dog"), "dog"),
        (1, True, ("cat", "dog"), "cat"),
        (1, True, ("cat", "dog", "hen"), "not dog"),
        (2, False, ("cat", "dog", "hen"), "hen"),
    ],
)
def test_a_unit_is_named_after_the_class_that_it_tells(
    label: int, silent: bool, classes: tuple[str, ...], words: str
) -> None:
    assert class_words(label, silent, classes) == words
