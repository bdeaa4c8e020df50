"""Optimised images reach the maxima of closed forms, in one batch as one by one."""

from __future__ import annotations

import pytest
import torch
from planted_networks import drawn, program_of, small_network, spec_of
from torch import nn

from layerscope.analysis.featurevis.objective import find_objective
from layerscope.analysis.featurevis.optimise import optimise_images
from layerscope.errors import LayerNotFoundError, ModelError


@pytest.mark.parametrize("channels", [1, 3])
def test_a_linear_units_image_is_its_filters_sign(channels: int) -> None:
    spec = spec_of(channels, 9)  # pixels reach from -1 to 1
    model = drawn(lambda: nn.Sequential(nn.Conv2d(channels, 5, 9, bias=False)))
    made = optimise_images(program_of(model, spec), "0", None, spec, jitter=None)
    weight = next(model.parameters()).detach()
    bound = weight.abs().sum((1, 2, 3))
    assert (made.values >= 0.8 * bound).all()
    assert (made.values <= bound * 1.0001).all()
    for picture, own in zip(made.pixels.float(), weight, strict=True):
        both = torch.stack([picture.flatten(), own.flatten()])
        assert torch.corrcoef(both)[0, 1] > 0.75  # of signs with normal weights it is 0.80


def test_moved_images_reach_nearly_as_far() -> None:
    spec = spec_of(1, 20)
    # a grating, as first layers have
    weight = torch.cos(torch.arange(7) * 1.2)[None, None, None].expand(1, 1, 7, 7).clone()
    model = nn.Sequential(nn.Conv2d(1, 1, 7, bias=False))
    model[0].weight.data = weight  # type: ignore[union-attr]
    made = optimise_images(program_of(model, spec), "0", None, spec)
    assert float(made.values) > 0.8 * float(weight.abs().sum())


def test_a_batch_gives_what_one_by_one_gives() -> None:
    spec = spec_of(1, 16)
    program = program_of(small_network(), spec)
    for settings in ({"jitter": None}, {}):
        together = optimise_images(program, "3", [1, 4, 6], spec, steps=24, **settings)
        for i, unit in enumerate(together.units):
            alone = optimise_images(program, "3", [unit], spec, steps=24, **settings)
            apart = (together.pixels[i].float() - alone.pixels[0].float()).abs()
            assert apart.mean() < 1
            assert torch.allclose(together.values[i], alone.values[0], rtol=0.01)


def test_little_memory_means_several_batches_with_the_same_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = spec_of(1, 16)
    program = program_of(small_network(), spec)
    together = optimise_images(program, "3", None, spec, steps=16, variants=2)
    monkeypatch.setattr("layerscope.batch_budget.GRADIENT_BYTES", 1)
    told: list[tuple[int, int]] = []
    apart = optimise_images(
        program, "3", None, spec, steps=16, variants=2, progress=lambda *done: told.append(done)
    )
    assert told == [(i, 8 * 16) for i in range(1, 8 * 16 + 1)]
    assert (together.pixels.float() - apart.pixels.float()).abs().mean() < 1
    assert torch.allclose(together.variant_values, apart.variant_values, rtol=0.01)


@pytest.mark.parametrize("layer", ["0", "3", "4", "6"])
def test_no_other_picture_excites_a_unit_as_much(layer: str) -> None:
    spec = spec_of(1, 16)
    program = program_of(small_network(), spec)
    made = optimise_images(program, layer, None, spec)
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(2000, 1, 16, 16, generator=generator)
    coarse = torch.rand(2000, 1, 4, 4, generator=generator)
    blocks = nn.functional.interpolate(coarse, size=16, mode="bicubic").clamp(0, 1)
    output = program.output_of(layer, spec.normalise(255 * torch.cat([noise, blocks])))
    best = output[:, :, output.shape[2] // 2, output.shape[3] // 2] if output.ndim > 2 else output
    assert (made.values > best.amax(0)).all()


def test_values_are_those_of_the_stored_pixels() -> None:
    spec = spec_of(3, 16)
    program = program_of(small_network(3), spec)
    made = optimise_images(program, "4", [0, 5], spec, steps=16)
    output = program.output_of("4", spec.normalise(made.pixels))
    assert made.place == (2, 2)
    assert torch.allclose(made.values, torch.stack([output[0, 0, 2, 2], output[1, 5, 2, 2]]))
    texture = optimise_images(program, "4", [0, 5], spec, steps=16, whole=True)
    means = program.output_of("4", spec.normalise(texture.pixels)).mean((2, 3))
    assert texture.place is None
    assert texture.crop_px == (0, 0, 16, 16)
    assert torch.allclose(texture.values, means.diagonal(offset=0)[:1].new_tensor(
        [means[0, 0], means[1, 5]]
    ))  # fmt: skip


def test_a_mean_over_the_map_is_larger_where_it_was_asked_for() -> None:
    spec = spec_of(1, 16)
    program = program_of(small_network(), spec)
    texture = optimise_images(program, "3", None, spec, whole=True)
    point = optimise_images(program, "3", None, spec)
    means = program.output_of("3", spec.normalise(point.pixels)).mean((2, 3)).diagonal()
    assert (texture.values > means).all()


def test_only_what_the_unit_sees_is_shown() -> None:
    spec = spec_of(1, 16)
    program = program_of(small_network(), spec)
    made = optimise_images(program, "3", [0], spec, steps=4)
    assert made.crop_px == (4, 4, 8, 8)
    assert torch.equal(made.tiles, made.pixels[:, :, 4:12, 4:12])
    # what lies outside does not matter
    other = made.pixels.clone()
    other[:, :, :4] = 255 - other[:, :, :4]
    output = program.output_of("3", spec.normalise(other))
    assert torch.allclose(output[0, 0, 2, 2], made.values[0], atol=1e-5)


def test_seeds_decide_and_nothing_else() -> None:
    spec = spec_of(1, 16)
    program = program_of(small_network(), spec)
    first, again, other = (
        optimise_images(program, "3", [0, 1], spec, steps=8, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(first.pixels, again.pixels)
    assert torch.equal(first.values, again.values)
    assert not torch.equal(first.pixels, other.pixels)


def test_a_network_in_colour_follows_the_sets_colours() -> None:
    spec = spec_of(3, 16)
    program = program_of(small_network(3), spec)
    grey = optimise_images(program, "3", [0], spec, steps=16, colours=torch.ones(3, 3)).pixels[0]
    free = optimise_images(program, "3", [0], spec, steps=16).pixels[0]
    assert torch.equal(grey[0], grey[1])
    assert torch.equal(grey[0], grey[2])
    assert not torch.equal(free[0], free[1])


def test_silent_units_come_alive() -> None:
    spec = spec_of(1, 12)
    model = drawn(
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 3, 3))
    )
    model[0].bias.data.fill_(-0.8)  # type: ignore[union-attr]
    program = program_of(model, spec)
    grey = spec.normalise(torch.full((1, 1, 12, 12), 128))
    for layer in ("1", "2"):
        assert (program.output_of(layer, grey) == 0).all()
        assert (optimise_images(program, layer, None, spec, steps=64).values > 0).all()


def test_a_start_without_any_slope_is_left() -> None:
    spec = spec_of(1, 8)
    model = nn.Sequential(nn.Conv2d(1, 1, 3, bias=True), nn.ReLU(), nn.Conv2d(1, 1, 3, bias=False))
    for weight in (model[0].weight, model[2].weight):
        weight.data.fill_(1.0)  # type: ignore[union-attr]
    model[0].bias.data.fill_(-3.0)  # type: ignore[union-attr]
    program = program_of(model, spec)
    start = optimise_images(program, "0", None, spec, steps=0)  # the noise that all begin with
    output = program.output_of("2", spec.normalise(start.pixels).requires_grad_(), grad=True)
    assert (output == 0).all()
    assert float(optimise_images(program, "2", None, spec, steps=128).values) > 10  # at most 54


def test_the_network_comes_back_as_it_was() -> None:
    spec = spec_of(1, 12)
    model = drawn(lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU()))
    model.train()
    model[1].eval()
    weight, bias = model[0].weight, model[0].bias
    bias.requires_grad_(False)  # type: ignore[union-attr]
    weight.grad = torch.ones_like(weight)  # type: ignore[arg-type]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimise_images(program_of(model, spec), "2", None, spec, steps=4)
    assert model.training and model[0].training and not model[1].training
    assert weight.requires_grad and not bias.requires_grad
    assert (weight.grad == 1).all()  # type: ignore[union-attr]
    assert bias.grad is None
    assert all(p.grad is None for p in model[1].parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    with pytest.raises(RuntimeError, match="stop"):
        optimise_images(program_of(model, spec), "2", None, spec, progress=stop)
    assert weight.requires_grad and not bias.requires_grad


def stop(done: int, total: int) -> None:
    raise RuntimeError("stop")


def test_one_logit_is_driven_both_ways() -> None:
    spec = spec_of(1, 8, single_logit=True)
    model = drawn(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 1, bias=False)))
    program = program_of(model, spec)
    made = optimise_images(program, "1", None, spec, jitter=None)
    logits = program.output_of("1", spec.normalise(made.pixels))[:, 0]
    bound = float(model[1].weight.detach().abs().sum())  # type: ignore[union-attr]
    assert made.units == (0, 1)
    assert logits[0] < -0.8 * bound and logits[1] > 0.8 * bound
    assert torch.allclose(made.values, logits * torch.tensor([-1.0, 1.0]))
    assert made.place is None
    second = optimise_images(program, "1", [1], spec, jitter=None)
    assert torch.equal(second.pixels[0], made.pixels[1])


def test_a_network_that_looks_everywhere_is_shown_everything() -> None:
    class Gated(nn.Module):
        """Scales its maps by their own mean over the picture, as squeeze-and-excitation does."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.conv(x)
            return x * x.mean((2, 3), keepdim=True)

    spec = spec_of(1, 16)
    program = program_of(drawn(Gated), spec)
    images = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    assert find_objective(program, "conv", images).window == (7, 7, 3, 3)
    assert find_objective(program, program.layers[-1].name, images).window == (0, 0, 16, 16)
    assert (optimise_images(program, program.layers[-1].name, None, spec, steps=8).values > 0).all()


def test_what_cannot_be_made_is_refused() -> None:
    spec = spec_of(1, 16)
    program = program_of(small_network(), spec)
    with pytest.raises(LayerNotFoundError, match="no layer '7'"):
        optimise_images(program, "7", None, spec)
    with pytest.raises(ModelError, match="units 0 to 7; 8 is not one"):
        optimise_images(program, "3", [0, 8], spec)
    with pytest.raises(ModelError, match="name at least one"):
        optimise_images(program, "3", [], spec)
    assert optimise_images(program, "3", [7], spec, steps=1).units == (7,)


def test_tokens_are_refused() -> None:
    class Tokens(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(2).relu().mean(2)

    spec = spec_of(2, 8)
    program = program_of(Tokens(), spec)
    relu = next(layer.name for layer in program.layers if layer.function == "relu")
    with pytest.raises(ModelError, match=r"puts out \(64, 2\)"):
        optimise_images(program, relu, None, spec)
