"""The untrained control: nothing of the original is left, and nothing of it is touched."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from layerscope.analysis.controls.untrained_copies import calibrate_batch_norms, untrained_copy
from layerscope.graph.read import walk
from layerscope.models import build, make_spec, model_names
from layerscope.vision import torchvision


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def own(name: str) -> nn.Module:
    spec = make_spec(
        name, class_names="abc", channels=3, height=32, width=32, mean=[0] * 3, std=[1] * 3
    )
    return build(spec, generator(7))


def vit() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return torchvision().models.VisionTransformer(
            image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32
        )


def resnet() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return torchvision().models.resnet18(num_classes=3)


def trained(model: nn.Module) -> nn.Module:
    """As after training: every parameter and statistic is somewhere else."""
    rng = generator(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=rng) * 0.05)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 1, generator=rng)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2, generator=rng)
    return model


NETWORKS = {name: (lambda name=name: own(name)) for name in model_names()} | {
    "resnet18": resnet,
    "vit": vit,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_everything_is_drawn_anew_and_the_original_untouched(name: str) -> None:
    model = trained(NETWORKS[name]())
    model.train()
    next(model.children()).eval()
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    state = torch.random.get_rng_state()
    fresh = untrained_copy(model, generator())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert [module.training for module in fresh.modules()] == modes
    assert fresh.state_dict().keys() == before.keys()
    for key, value in fresh.state_dict().items():
        assert value.shape == before[key].shape
        assert value.data_ptr() != model.state_dict()[key].data_ptr()
        if key.endswith("running_mean"):
            assert torch.equal(value, torch.zeros_like(value))
        elif key.endswith("running_var"):
            assert torch.equal(value, torch.ones_like(value))
        elif value.is_floating_point():
            assert not torch.isclose(value, before[key]).float().mean() > 0.05, key
    again, other = untrained_copy(model, generator()), untrained_copy(model, generator(1))
    assert all(torch.equal(fresh.state_dict()[k], v) for k, v in again.state_dict().items())
    images = torch.randn(2, 3, 32, 32, generator=generator())
    logits = [net.eval()(images) for net in (fresh, again, other, model)]
    assert torch.equal(logits[0], logits[1])
    assert not torch.allclose(logits[0], logits[2]) and not torch.allclose(logits[0], logits[3])


def test_a_module_draws_from_its_own_distribution() -> None:
    model = nn.Sequential(nn.Conv2d(16, 64, 3), nn.BatchNorm2d(64), nn.Linear(400, 300))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(50).add_(3)
    fresh = untrained_copy(model, generator())
    for module, fan_in in ((fresh[0], 16 * 9), (fresh[2], 400)):
        bound = fan_in**-0.5  # torch draws weights and biases evenly from +-1 / sqrt(fan in)
        for values in (module.weight.detach(), module.bias.detach()):
            assert float(values.abs().max()) <= bound
        assert float(module.weight.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.02)
    assert torch.equal(fresh[1].weight, torch.ones(64))
    assert torch.equal(fresh[1].bias, torch.zeros(64))


def test_an_outer_module_has_the_last_word_over_its_parts() -> None:
    fresh = untrained_copy(trained(nn.Sequential(nn.MultiheadAttention(8, 2))), generator())[0]
    bound = (6 / (8 + 24)) ** 0.5  # Glorot's, for three matrices in one
    assert bound / 2 < float(fresh.in_proj_weight.detach().abs().max()) <= bound
    # A dense layer alone would draw this bias; attention begins without one.
    assert torch.equal(fresh.out_proj.bias, torch.zeros(8))


class Owner(nn.Module):
    """Owns parameters that no module initialises."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 4000, generator=generator(3)) * 0.2 + 1.5)
        self.scale = nn.Parameter(torch.full((8,), 1e-4))
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight  # tied
        self.normed = parametrizations.weight_norm(nn.Linear(6, 5))


def test_parameters_without_an_owner_keep_their_size_alone() -> None:
    model = Owner()
    fresh: Owner = untrained_copy(model, generator())  # type: ignore[assignment]
    token = fresh.token.detach()
    assert float(token.mean()) == pytest.approx(1.5, abs=0.02)
    assert float(token.std()) == pytest.approx(0.2, rel=0.05)
    together = torch.cat([token, model.token.detach()])
    assert abs(float(torch.corrcoef(together)[0, 1])) < 0.06
    assert torch.equal(fresh.scale, model.scale)  # all alike: nothing is in it
    assert fresh.second.weight is fresh.first.weight
    assert not torch.isclose(fresh.normed.weight, model.normed.weight).any()


def test_calibrated_norms_give_maps_of_mean_0_and_variance_1() -> None:
    fresh = untrained_copy(trained(own("compact")), generator())
    with torch.no_grad():
        next(fresh.parameters()).mul_(1000)  # maps far from what a fresh norm takes for granted
    images = torch.rand(64, 3, 32, 32, generator=generator()) * 3 + 2
    weights = [parameter.clone() for parameter in fresh.parameters()]
    fresh.train()
    calibrate_batch_norms(fresh, images)
    assert all(module.training for module in fresh.modules())
    norms = {name for name, m in fresh.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert len(norms) >= 6
    seen = walk(fresh, images)
    for name in norms:
        maps = seen.outputs[name]
        assert float(maps.mean((0, 2, 3)).abs().max()) < 0.01, name
        assert float((maps.var((0, 2, 3)) - 1).abs().max()) < 0.05, name
    assert all(torch.equal(a, b) for a, b in zip(weights, fresh.parameters(), strict=True))
    assert all(m.momentum == 0.1 for m in fresh.modules() if isinstance(m, nn.BatchNorm2d))


def test_calibration_is_the_mean_over_even_batches_and_forgets_what_was_there() -> None:
    net = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.9), nn.BatchNorm2d(2))
    net[0].running_mean.fill_(99)
    net[0].num_batches_tracked.fill_(50)
    images = torch.randn(9, 2, 3, 3, generator=generator()) * 4 + 1
    calibrate_batch_norms(net.eval(), images, batch_size=4)  # three of three: no rest of one
    parts = images.view(3, 3, 2, 3, 3)
    assert torch.allclose(net[0].running_mean, parts.mean((1, 3, 4)).mean(0), atol=1e-5)
    assert torch.allclose(net[0].running_var, parts.var((1, 3, 4)).mean(0), atol=1e-4)
    assert float((net[2].running_var - 1).abs().max()) < 0.1  # no dropout in between
    assert not any(module.training for module in net.modules())


def test_a_network_without_norms_is_left_alone() -> None:
    net = own("fashion-cnn")
    before = copy.deepcopy(net.state_dict())
    calibrate_batch_norms(net, torch.rand(4, 3, 32, 32))
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
