"""Pictures painted with waves, and the moves that they are looked at through."""

from __future__ import annotations

import pytest
import torch

from layerscope.analysis.featurevis.fourier_image import (
    colour_decorrelation,
    draw_waves,
    image_from_waves,
    to_pixels,
    wave_sizes,
)
from layerscope.analysis.featurevis.random_transforms import (
    Jitter,
    Transform,
    draw_transform,
    transformed,
)


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coloured(n: int = 40) -> torch.Tensor:
    """Pictures whose channels go together: mostly light and dark, a little red and blue."""
    light = torch.randn(n, 1, 8, 8, generator=gen(1)) * 40 + 128
    tint = torch.randn(n, 1, 8, 8, generator=gen(2)) * 15
    own = torch.randn(n, 3, 8, 8, generator=gen(3)) * 5
    return (torch.cat([light + tint, light, light - tint], 1) + own).clamp(0, 255).byte()


def test_the_colour_matrix_whitens_the_sets_pixels() -> None:
    pixels = coloured()
    matrix = colour_decorrelation(pixels)
    values = pixels.transpose(0, 1).flatten(1).double() / 255
    white = torch.linalg.solve(matrix.double(), values - values.mean(1, keepdim=True))
    assert torch.allclose(torch.cov(white, correction=0), torch.eye(3).double(), atol=1e-4)
    assert torch.equal(matrix, matrix.T)


def test_a_grey_sets_matrix_is_its_spread() -> None:
    pixels = coloured()[:, :1]
    spread = (pixels.double() / 255).std(correction=0)
    assert colour_decorrelation(pixels).shape == (1, 1)
    assert float(colour_decorrelation(pixels)) == pytest.approx(float(spread), rel=1e-5)


@pytest.mark.parametrize("size", [(28, 28), (9, 33), (64, 48)])
def test_waves_of_spread_one_give_values_of_spread_one(size: tuple[int, int]) -> None:
    H, W = size
    waves = draw_waves(300, 1, H, W, generator=gen(), spread=1.0)
    values = image_from_waves(waves, wave_sizes(H, W), width=W).logit()
    assert values.shape == (300, 1, H, W)
    assert float(values.square().mean().sqrt()) == pytest.approx(1, abs=0.15)


def test_the_spectrum_falls_with_the_frequency() -> None:
    sizes = wave_sizes(32, 32, fall=1.0)
    # twice the frequency, half the size; the constant as the slowest wave
    assert float(sizes[0, 2] / sizes[0, 4]) == pytest.approx(2)
    assert float(sizes[3, 0] / sizes[6, 0]) == pytest.approx(2)
    assert sizes[0, 0] == sizes[0, 1]


def test_colours_mix_the_channels() -> None:
    waves = draw_waves(2, 3, 8, 8, generator=gen(), spread=1.0)
    grey = image_from_waves(waves, wave_sizes(8, 8), width=8, colours=torch.ones(3, 3))
    assert torch.allclose(grey[:, 0], grey[:, 1])
    assert torch.allclose(grey[:, 0], grey[:, 2])
    free = image_from_waves(waves, wave_sizes(8, 8), width=8)
    strong, weak = (
        image_from_waves(waves, wave_sizes(8, 8), width=8, colours=s * torch.eye(3)) for s in (9, 1)
    )
    assert torch.allclose(strong, weak)  # only the mixture counts
    assert torch.allclose(free, weak)


def test_pixels_are_whole_bytes() -> None:
    pixels = to_pixels(torch.tensor([0.001, 0.5, 0.999]).view(1, 1, 1, 3))
    assert pixels.dtype == torch.uint8
    assert pixels.flatten().tolist() == [0, 128, 255]


def squares(size: int = 9) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=gen(5))


def test_no_move_only_cuts() -> None:
    images = squares()
    box = (2, 1, 5, 4)
    cut = images[:, :, 2:7, 1:5]
    assert torch.equal(transformed(images, box), cut)
    assert torch.allclose(transformed(images, box, Transform(0, 1, (0, 0))), cut, atol=1e-5)
    assert torch.allclose(
        transformed(images, box, draw_transform(Jitter(0.0, (1.0, 1.0), 0.0), box, gen())),
        cut,
        atol=1e-5,
    )


def test_a_quarter_turn_is_anticlockwise() -> None:
    images = squares()
    turned = transformed(images, (0, 0, 9, 9), Transform(90, 1, (0, 0)))
    assert torch.allclose(turned, torch.rot90(images, 1, (2, 3)), atol=1e-5)


def test_a_shift_moves_down_and_right() -> None:
    images = squares()
    moved = transformed(images, (0, 0, 9, 9), Transform(0, 1, (2, 1)))
    assert torch.allclose(moved[:, :, 2:, 1:], images[:, :, :-2, :-1], atol=1e-5)


def test_a_scale_over_one_magnifies_about_the_middle() -> None:
    images = squares()
    larger = transformed(images, (0, 0, 9, 9), Transform(0, 2, (0, 0)))
    assert torch.allclose(larger[:, :, ::2, ::2], images[:, :, 2:7, 2:7], atol=1e-5)


def test_moves_stay_in_their_limits_and_follow_their_generator() -> None:
    box = (0, 0, 32, 16)
    jitter = Jitter()
    moves = [draw_transform(jitter, box, generator) for generator in [gen()] for _ in range(400)]
    shifts = torch.tensor([move.shift_px for move in moves])
    assert shifts.abs().amax(0).tolist() == pytest.approx([2, 1], rel=0.02)
    assert 0.9 <= min(m.scale for m in moves) < 0.91 < 1.09 < max(m.scale for m in moves) <= 1.1
    assert 4.9 < max(abs(m.angle_deg) for m in moves) <= 5
    assert draw_transform(jitter, box, gen()) == moves[0] != moves[1]
