"""The classic networks and compact, against counts worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from layerscope.errors import ModelError
from layerscope.models import build, make_spec, model_names
from layerscope.models.nets.classic import CLASSICS, Classic


def spec_of(name: str, *, channels: int = 1, side: int = 28, K: int = 10):
    return make_spec(
        name,
        class_names=[f"class {k}" for k in range(K)],
        channels=channels,
        height=side,
        width=side,
        mean=[0.5] * channels,
        std=[0.25] * channels,
    )


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


# Each term is (inputs x kernel area + 1 bias) x outputs, written out layer by layer.
BY_HAND = {
    "digit-mlp": (784 + 1) * 128 + (128 + 1) * 64 + (64 + 1) * 10,
    "digit-cnn": (9 + 1) * 32 + (32 * 9 + 1) * 64 + (64 * 7 * 7 + 1) * 128 + (128 + 1) * 10,
    "fashion-cnn": (9 + 1) * 32 + (32 * 9 + 1) * 64 + (64 * 5 * 5 + 1) * 64 + (64 + 1) * 10,
    "catdog-cnn": (27 + 1) * 32
    + (32 * 9 + 1) * 64
    + (64 * 9 + 1) * 64
    + (64 * 4 * 4 + 1) * 64
    + (64 + 1) * 1,
    "dog-classifier": (27 + 1) * 8 + (8 * 9 + 1) * 16 + (16 * 56 * 56 + 1) * 3,
}


@pytest.mark.parametrize("classic", CLASSICS, ids=lambda c: c.name)
def test_classic_networks_have_the_tutorials_parameter_counts(classic: Classic) -> None:
    C, H, _, K = classic.native
    model = build(spec_of(classic.name, channels=C, side=H, K=K), torch.Generator())
    assert count(model) == classic.parameters == BY_HAND[classic.name]


@pytest.mark.parametrize("name", model_names())
@pytest.mark.parametrize(("channels", "side", "K"), [(1, 28, 10), (3, 40, 2), (3, 33, 5)])
def test_every_network_takes_any_size_and_class_count(name, channels, side, K) -> None:
    spec = spec_of(name, channels=channels, side=side, K=K)
    model = build(spec, torch.Generator().manual_seed(0)).eval()
    logits = model(torch.randn(3, channels, side, side))
    assert logits.shape == (3, 1 if name == "catdog-cnn" and K == 2 else K)
    assert torch.isfinite(logits).all()


def test_build_draws_the_same_weights_from_the_same_seed_and_leaves_torchs_own_generator() -> None:
    before = torch.get_rng_state()
    one, same, other = (
        build(spec_of("fashion-cnn"), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for a, b, c in zip(one.parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.ndim == 1 or not torch.equal(a, c)


def test_fresh_weights_keep_the_size_of_activations() -> None:
    spec = spec_of("digit-cnn").with_shape(pooling="none", widths=(64, 64, 64))
    model = build(spec, torch.Generator().manual_seed(0))
    x = torch.randn(64, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    for layer in model.features:  # type: ignore[union-attr]
        x = layer(x)
    # He et al.: a mean square of 1 stays 1 through every convolution and ReLU (less at the
    # zero-padded border).
    assert 0.5 < x[..., 3:-3, 3:-3].square().mean() < 2


def test_residual_blocks_add_their_input() -> None:
    spec = spec_of("compact", channels=3, side=32)
    block = build(spec, torch.Generator().manual_seed(0)).stages[0][-1]  # type: ignore[index]
    x = torch.rand(2, 64, 4, 4)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.zero_()
    assert torch.equal(block.eval()(x), x)  # nothing but the skip is left, and x is not negative


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel": 4}, "kernel is 4; it must be odd"),
        ({"pooling": "mean"}, "pooling is 'mean'"),
        ({"activation": "rely"}, "activation is 'rely'"),
        ({"dropout_frac": 1.0}, "dropout_frac is 1.0"),
        ({"widths": (32, 0)}, "at least 1"),
        ({"padding": -1}, "padding is -1"),
        ({"wides": (1,)}, "did you mean 'widths'"),
    ],
)
def test_shapes_out_of_range_are_refused(changes, message) -> None:
    with pytest.raises(ModelError, match=message):
        spec_of("fashion-cnn").with_shape(**changes)


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"pooling": "avg"}, nn.AvgPool2d),
        ({"activation": "tanh"}, nn.Tanh),
        ({"batch_norm": True}, nn.BatchNorm2d),
        ({"dropout_frac": 0.5}, nn.Dropout),
        ({"widths": (8, 8, 8), "padding": 1}, nn.Conv2d),
    ],
)
def test_shape_changes_reach_the_network(changes, kinds) -> None:
    plain = build(spec_of("fashion-cnn"), torch.Generator())
    changed = build(spec_of("fashion-cnn").with_shape(**changes), torch.Generator())
    had, has = (sum(isinstance(m, kinds) for m in net.modules()) for net in (plain, changed))
    assert has > had


def test_pooling_none_keeps_the_maps_large() -> None:
    model = build(spec_of("fashion-cnn").with_shape(pooling="none"), torch.Generator())
    assert model.classifier[1].in_features == 64 * 24 * 24  # type: ignore[union-attr]


def test_pictures_too_small_are_refused_and_the_next_size_is_not() -> None:
    with pytest.raises(ModelError, match="nothing left after convolution 2"):
        build(spec_of("fashion-cnn", side=9), torch.Generator())
    build(spec_of("fashion-cnn", side=10), torch.Generator())


def test_unknown_network_names_the_nearest() -> None:
    with pytest.raises(ModelError, match="no network 'fashion-cn'; did you mean 'fashion-cnn'"):
        spec_of("fashion-cn")


def test_one_class_is_refused() -> None:
    with pytest.raises(ModelError, match="at least 2"):
        spec_of("digit-cnn", K=1)


def test_layers_and_width_are_shorthands_for_widths() -> None:
    spec = spec_of("fashion-cnn")
    assert spec.with_shape(layers=4, padding=1).shape.widths == (32, 64, 64, 64)
    assert spec.with_shape(layers=1).shape.widths == (32,)
    assert spec.with_shape(width=8).shape.widths == (8, 16)
    assert spec.with_shape(layers=3, width=16).shape.widths == (16, 32, 32)
    assert spec_of("digit-mlp").with_shape(layers=3, width=64).shape.hidden == (64, 32, 32)
    for wrong in ({"layers": 0}, {"width": 0}):
        with pytest.raises(ModelError, match="must be at least 1"):
            spec.with_shape(**wrong)
    with pytest.raises(ModelError, match="did you mean 'layers'"):
        spec.with_shape(layer=2)


def test_a_classic_network_adds_its_input_where_size_and_width_stay() -> None:
    spec = spec_of("digit-cnn").with_shape(layers=3, residual=True, pooling="none")
    model = build(spec, torch.Generator().manual_seed(0))
    images = torch.randn(2, 1, 28, 28)
    features = model.get_submodule("features")
    before = nn.Sequential(*list(features)[:4])(images)  # two convolutions, 32 and 64 wide
    skip = features[4]
    conv = skip.layer[0]
    assert isinstance(conv, nn.Conv2d)
    assert (conv.in_channels, conv.out_channels) == (64, 64)
    by_hand = before + nn.functional.conv2d(before, conv.weight, conv.bias, padding=1)
    assert torch.allclose(skip(before), by_hand, atol=1e-6)
    plain = build(spec.with_shape(residual=False), torch.Generator())
    assert count(plain) == count(model)


def test_a_skip_that_fits_nowhere_is_refused() -> None:
    with pytest.raises(ModelError, match="residual needs a convolution that keeps size"):
        build(spec_of("fashion-cnn").with_shape(residual=True), torch.Generator())
