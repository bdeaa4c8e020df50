"""Each change takes away one property and keeps the others: held against closed forms."""

from __future__ import annotations

import pytest
import torch

from layerscope.analysis.dependence.patch_changes import (
    blurred,
    changes_for,
    greyed,
    hue_turned,
    mirrored,
    negative,
    phase_scrambled,
    shift_px,
    shuffled,
    turned,
)


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def patches(n: int = 20, channels: int = 3, height: int = 12, width: int = 12) -> torch.Tensor:
    return torch.rand(n, channels, height, width, generator=gen())


def test_grey_is_as_bright_as_it_looked_and_has_no_colour() -> None:
    found = greyed(patches(), gen())
    assert torch.equal(found[:, 0], found[:, 1])
    assert torch.equal(found[:, 0], found[:, 2])
    red = torch.zeros(1, 3, 4, 4)
    red[:, 0] = 1
    assert greyed(red, gen()).flatten().tolist() == pytest.approx([0.2126] * 48)


def test_hues_turn_one_way_or_the_other_and_greys_stay() -> None:
    grey = patches(channels=1).expand(-1, 3, -1, -1)
    assert torch.equal(hue_turned(grey, gen()), grey)
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(40, 3, 2, 2)
    found = {tuple(p[:, 0, 0].tolist()) for p in hue_turned(red, gen())}
    assert found == {(0.0, 1.0, 0.0), (0.0, 0.0, 1.0)}


def test_blur_keeps_areas_and_loses_fine_stripes() -> None:
    plain = torch.full((1, 3, 12, 12), 0.3)
    assert torch.allclose(blurred(plain, gen()), plain)
    columns = torch.arange(16) % 2
    fine = columns.float().expand(1, 1, 16, 16)
    assert float(blurred(fine, gen())[..., 4:12].std()) < 0.1 * float(fine.std())
    coarse = (torch.arange(32) // 16).float().expand(1, 1, 32, 32)
    assert float((blurred(coarse, gen()) - coarse).abs().mean()) < 0.1


@pytest.mark.parametrize("n", [2, 4])
def test_shuffling_moves_every_block_whole_and_keeps_all_pixels(n: int) -> None:
    # Each block is filled with its own number, so that it can be followed.
    blocks = torch.arange(n * n).view(n, n).repeat_interleave(3, 0).repeat_interleave(3, 1)
    whole = blocks.float().expand(30, 1, -1, -1) / (n * n)
    found = shuffled(whole, n, gen())
    assert torch.equal(found.flatten(1).sort(1).values, whole.flatten(1).sort(1).values)
    middles = (slice(None), 0, slice(1, None, 3), slice(1, None, 3))
    assert not bool((found[middles] == whole[middles]).any())  # nobody stays
    for picture in found:  # and blocks stay whole
        tiles = picture[0].unflatten(0, (n, 3)).unflatten(2, (n, 3))
        assert torch.equal(tiles.amax((1, 3)), tiles.amin((1, 3)))
    assert len({tuple(p.flatten().tolist()) for p in found}) > 3  # drawn for each patch


def test_what_does_not_divide_evenly_stays() -> None:
    whole = patches(5, 1, 11, 10)
    found = shuffled(whole, 4, gen())
    assert torch.equal(found[:, :, 8:], whole[:, :, 8:])
    assert torch.equal(found[:, :, :, 8:], whole[:, :, :, 8:])
    assert not torch.equal(found, whole)


@pytest.mark.parametrize("size", [(12, 12), (9, 7)])
def test_scrambled_phases_keep_every_amplitude_and_the_mean(size: tuple[int, int]) -> None:
    whole = 0.5 + 0.1 * (patches(10, 3, *size) - 0.5)  # nothing is clipped
    found = phase_scrambled(whole, gen())
    own, other = (torch.fft.rfft2(p).abs() for p in (whole, found))
    assert torch.allclose(own, other, atol=1e-4)
    assert not torch.allclose(whole, found, atol=0.01)
    # One phase for all channels: grey stays grey.
    grey = whole[:, :1].expand(-1, 3, -1, -1)
    scrambled = phase_scrambled(grey, gen())
    assert torch.allclose(scrambled[:, 0], scrambled[:, 2], atol=1e-6)


def test_a_negative_stays_in_the_patchs_own_range_and_is_undone_by_itself() -> None:
    whole = 0.2 + 0.3 * patches()
    found = negative(whole, gen())
    assert torch.allclose(found.amin((1, 2, 3)), whole.amin((1, 2, 3)))
    assert torch.allclose(negative(found, gen()), whole, atol=1e-6)
    order = torch.corrcoef(torch.stack([whole[0].flatten(), found[0].flatten()]))
    assert float(order[0, 1]) == pytest.approx(-1, abs=1e-5)


def test_mirrors_and_turns() -> None:
    whole = patches(30, 1, 4, 6)
    assert torch.equal(mirrored(whole, gen())[..., 0], whole[..., -1])
    found = turned(whole, gen())
    assert torch.equal(found[..., [0, 5]], whole[..., [0, 5]])  # beside the square
    square, own = found[:, :, :, 1:5], whole[:, :, :, 1:5]
    left = [torch.equal(s, o.rot90(1, (1, 2))) for s, o in zip(square, own, strict=True)]
    right = [torch.equal(s, o.rot90(-1, (1, 2))) for s, o in zip(square, own, strict=True)]
    assert all(one != other for one, other in zip(left, right, strict=True))
    assert any(left)
    assert any(right)


def test_small_patches_and_grey_ones_allow_fewer_changes() -> None:
    assert set(changes_for(1, 1, 1)) == {"negative"}
    assert set(changes_for(1, 3, 3)) == {"blur", "phase", "negative", "mirror", "turn"}
    assert "halves" in changes_for(1, 4, 4)
    assert "quarters" not in changes_for(1, 7, 20)
    assert {"grey", "hue", "quarters"} <= set(changes_for(3, 8, 8))
    for name, change in changes_for(3, 9, 12).items():
        found = change(patches(4, 3, 9, 12), gen())
        assert found.shape == (4, 3, 9, 12), name
        assert bool(((found >= -1e-6) & (found <= 1 + 1e-6)).all()), name
    assert [shift_px(side, 64) for side in (1, 3, 16, 40)] == [1, 1, 2, 5]
