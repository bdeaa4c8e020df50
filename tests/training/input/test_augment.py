"""Augmentation moves and mirrors pictures, and does nothing else to them."""

from __future__ import annotations

import torch

from layerscope.training.input.augment import augment, cut_out, flip, relight, shift, turn


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_flip_gives_each_image_or_its_mirror_and_both_occur() -> None:
    images = torch.randn(64, 3, 6, 5, generator=generator())
    flipped = flip(images, generator(1))
    mirrored = [torch.equal(out, image.flip(2)) for out, image in zip(flipped, images, strict=True)]
    kept = [torch.equal(out, image) for out, image in zip(flipped, images, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 16 < sum(mirrored) < 48


def test_shift_moves_by_whole_pixels_and_repeats_the_border() -> None:
    B, reach = 200, 2
    images = torch.randn(B, 2, 7, 8, generator=generator())
    moved = shift(images, reach, generator(1))
    seen = set()
    for image, out in zip(images, moved, strict=True):
        matches = []
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                rows = (torch.arange(7) + dy).clamp(0, 6)
                columns = (torch.arange(8) + dx).clamp(0, 7)
                if torch.equal(out, image[:, rows][:, :, columns]):
                    matches.append((dy, dx))
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) == 25  # every move within reach comes up


def test_augment_is_reproducible_and_none_changes_nothing() -> None:
    images = torch.randn(8, 1, 20, 20, generator=generator())
    assert torch.equal(augment(images, "none", generator()), images)
    for kind in ("shift", "flip", "flip-shift", "strong", "flip-strong"):
        one, same = (augment(images, kind, generator(3)) for _ in range(2))
        assert torch.equal(one, same)
        assert not torch.equal(one, images)


def smooth(B: int, side: int) -> torch.Tensor:
    """Images that a straight line through neighbouring pixels describes well."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing="ij")
    return torch.stack([torch.exp(-((x - 0.3) ** 2 + (y + 0.1) ** 2) / 0.1)] * B)[:, None]


def test_turn_turns_by_the_angles_it_drew() -> None:
    images = smooth(40, 41)
    turned = turn(images, generator(2), most_degrees=90, scale_frac=0, shift_frac=0)
    angles = (torch.rand(4, 40, generator=generator(2)) * 2 - 1)[0] * 90
    position = torch.linspace(-1, 1, 41)
    for image, angle in zip(turned[:, 0], angles, strict=True):
        weight = image / image.sum()
        x, y = (weight.sum(0) * position).sum(), (weight.sum(1) * position).sum()
        radians = torch.deg2rad(angle)
        expected_x = 0.3 * radians.cos() - 0.1 * radians.sin()
        expected_y = -0.1 * radians.cos() - 0.3 * radians.sin()
        assert torch.allclose(torch.stack([x, y]), torch.stack([expected_x, expected_y]), atol=0.02)


def test_turn_scales_and_shifts_within_its_range() -> None:
    images = smooth(200, 41)
    moved = turn(images, generator(3), most_degrees=0, scale_frac=0, shift_frac=0.1)
    position = torch.linspace(-1, 1, 41)
    centres = (moved[:, 0].sum(1) * position).sum(1) / moved[:, 0].sum((1, 2))
    assert (centres - 0.3).abs().max() < 0.22  # 0.1 of a side of 2, and a little for the border
    assert centres.max() - centres.min() > 0.3
    scaled = turn(images, generator(3), most_degrees=0, scale_frac=0.2, shift_frac=0)
    areas = scaled.sum((1, 2, 3)) / images[0].sum()
    assert 1 / 1.2**2 - 0.02 < areas.min() < 0.75
    assert 1.35 < areas.max() < 1 / 0.8**2 + 0.02


def test_nothing_to_turn_by_changes_nothing() -> None:
    images = torch.randn(4, 3, 9, 12, generator=generator())
    same = turn(images, generator(1), most_degrees=0, scale_frac=0, shift_frac=0)
    assert torch.allclose(same, images, atol=1e-5)


def test_relight_is_one_straight_line_for_each_image() -> None:
    images = torch.randn(50, 3, 6, 6, generator=generator())
    lit = relight(images, generator(1), most_frac=0.25)
    for image, out in zip(images, lit, strict=True):
        slope = (out.flatten() - out.mean()).norm() / (image.flatten() - image.mean()).norm()
        shift_ = out.mean() - slope * image.mean()
        assert torch.allclose(out, slope * image + shift_, atol=1e-5)
        assert 0.75 <= slope <= 1.25
        assert abs(shift_) <= 0.25 + 1e-6


def test_cut_out_sets_one_square_to_zero_and_no_more() -> None:
    images = torch.ones(300, 2, 20, 20)
    cut = cut_out(images, generator(1), side_frac=0.3)
    gone = (cut == 0).all(1)
    assert torch.equal(cut, (~gone).float()[:, None].expand_as(cut))
    assert gone.sum((1, 2)).max() <= 49  # 6 px, or 7 where the centre lies on a pixel's middle
    sides = [(mask.any(0).sum().item(), mask.any(1).sum().item()) for mask in gone]
    assert all(mask.sum() == w * h for mask, (w, h) in zip(gone, sides, strict=True))
    whole = [side for side in sides if side[0] >= 6 and side[1] >= 6]
    assert len(whole) > 100
    assert gone.any(0).all()  # every place comes up
