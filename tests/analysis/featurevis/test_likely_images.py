"""With a set's pictures, an optimised image is the likeliest that drives its unit as they do."""

from __future__ import annotations

import pytest
import torch
from planted_networks import program_of, small_network, spec_of
from torch import nn

from layerscope.analysis.featurevis.fourier_image import colour_decorrelation, wave_sizes
from layerscope.analysis.featurevis.natural_prior import natural_prior
from layerscope.analysis.featurevis.optimise import WANTED, optimise_images

PX = 16


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coloured_noise(n: int, channels: int = 1, *, fall: float = 1.5) -> torch.Tensor:
    """Pictures whose waves fall with their frequency: uint8 (n, C, 16, 16), about mid-grey."""
    waves = torch.fft.rfft2(torch.randn(n, channels, PX, PX, generator=gen(2)))
    values = torch.fft.irfft2(waves * wave_sizes(PX, PX, fall=fall), s=(PX, PX))
    values = values - values.mean((2, 3), keepdim=True)
    return (128 + 30 * values / values.std()).clamp(0, 255).round().to(torch.uint8)


def test_the_prior_holds_the_sets_own_waves() -> None:
    pixels = coloured_noise(400)
    prior = natural_prior(pixels, (0, 0, PX, PX), None, gen())
    drawn = prior.images(torch.randn(400, 1, PX, PX // 2 + 1, 2, generator=gen()), PX)
    own, other = ((255 * p).std() for p in (pixels.float() / 255, drawn))
    # Real and imaginary parts of deviation 1 each: twice the power.
    assert float(other / own) == pytest.approx(2**0.5, rel=0.15)

    def radial(pictures: torch.Tensor) -> torch.Tensor:
        power = torch.fft.rfft2(pictures - pictures.mean()).abs().square().mean((0, 1))
        return torch.stack([power[0, k] for k in range(1, 8)]).log()

    slope = radial(drawn) - radial(pixels.float() / 255)
    assert float(slope.std()) < 0.35  # of a fall over 3 orders of e
    assert float(prior.ground) == pytest.approx(0.5, abs=0.02)


def test_colours_keep_together_and_black_grounds_stay_black() -> None:
    grey = coloured_noise(200).expand(-1, 3, -1, -1)
    colours = colour_decorrelation(grey)
    prior = natural_prior(grey, (0, 0, PX, PX), colours, gen())
    drawn = prior.images(torch.randn(30, 3, PX, PX // 2 + 1, 2, generator=gen()), PX)
    beside = (drawn - drawn.mean(1, keepdim=True)).abs().mean() / drawn.std()
    assert float(beside) < 0.05
    black = torch.zeros(100, 1, PX, PX, dtype=torch.uint8)
    black[:, :, 5:11, 5:11] = 200
    assert float(natural_prior(black, (0, 0, PX, PX), None, gen()).ground) == 0.0


def test_for_a_linear_unit_it_is_the_filter_seen_through_the_sets_spectrum() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(PX * PX, 4, bias=False))
    with torch.no_grad():
        model[1].weight.copy_(torch.randn(4, PX * PX, generator=gen(5)) / PX)
    spec = spec_of(1, PX, classes=4)
    program = program_of(model, spec)
    pixels = coloured_noise(300)
    values = program.output_of("1", spec.normalise(pixels)).detach()
    natural = torch.stack([pixels[values[:, u].topk(5).indices] for u in range(4)])
    made = optimise_images(
        program, "1", None, spec, pictures=pixels, natural=natural, jitter=None, steps=256
    )
    wanted = WANTED * torch.stack([values[:, u].topk(5).values.mean() for u in range(4)])
    assert torch.allclose(made.values, wanted, rtol=0.1)  # and no further
    prior = natural_prior(pixels, (0, 0, PX, PX), None, gen())
    for u in range(4):
        kernel = torch.fft.rfft2(model[1].weight[u].detach().view(PX, PX))
        likeliest = torch.fft.irfft2(prior.amplitudes[0].square() * kernel, s=(PX, PX))
        own = made.pixels[u, 0].float()
        pair = torch.stack([likeliest.flatten(), own.flatten()])
        assert float(torch.corrcoef(pair)[0, 1]) > 0.9


def test_it_has_less_fine_noise_than_an_image_driven_as_far_as_it_goes() -> None:
    spec = spec_of(1, PX)
    program = program_of(small_network(), spec)
    pixels = coloured_noise(200)
    output = program.output_of("4", spec.normalise(pixels)).detach().amax((2, 3))
    units = [u for u in range(8) if float(output[:, u].max()) > 0]
    natural = torch.stack([pixels[output[:, u].topk(5).indices] for u in units])
    likely = optimise_images(program, "4", units, spec, pictures=pixels, natural=natural)
    plain = optimise_images(program, "4", units, spec)

    def fine(images: torch.Tensor) -> torch.Tensor:
        """Differences of neighbours."""
        values = images.float() / 255
        return values.diff(dim=2).abs().mean((1, 2, 3)) + values.diff(dim=3).abs().mean((1, 2, 3))

    assert bool((fine(likely.best) < 0.6 * fine(plain.best)).all())
    driven = torch.stack([output[:, u].topk(5).values.mean() for u in units])
    assert float((likely.values / driven).median()) > 0.8
    assert bool((likely.values <= plain.values + 1e-4).all())


def test_variants_are_ordered_by_how_far_they_drive_the_unit() -> None:
    spec = spec_of(1, PX)
    program = program_of(small_network(), spec)
    made = optimise_images(program, "3", [0, 3], spec, variants=3, steps=16)
    top, left, h, w = made.crop_px
    tiles = made.every_tile.unflatten(0, (2, 3))
    for i in range(2):
        order = made.variant_values[i].argsort(descending=True)
        for j in range(3):
            whole = made.pixels[3 * i + int(order[j])]
            assert torch.equal(tiles[i, j], whole[:, top : top + h, left : left + w])
