"""Augmentation moves and mirrors pictures, and does nothing else to them."""

from __future__ import annotations

import torch

from layerscope.training.augment import augment, flip, shift


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
    for kind in ("shift", "flip", "flip-shift"):
        one, same = (augment(images, kind, generator(3)) for _ in range(2))
        assert torch.equal(one, same)
        assert not torch.equal(one, images)
