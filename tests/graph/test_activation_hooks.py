"""The trace captures what layers put out, and leaves nothing behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from layerscope.errors import LayerNotFoundError, LayerscopeError
from layerscope.graph.activation_hooks import trace


def network(inplace: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(inplace=inplace), nn.Flatten(), nn.Linear(3 * 36, 2)
    )


IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("inplace", [False, True])
def test_activations_are_those_before_anything_overwrote_them(inplace: bool) -> None:
    model = network(inplace)
    with trace(model) as seen:
        output = model(IMAGES)
    conv = nn.functional.conv2d(IMAGES, model[0].weight, model[0].bias)  # type: ignore[arg-type]
    assert torch.allclose(seen["0"], conv)
    assert torch.allclose(seen["1"], conv.clamp(min=0))
    # Replayed from the captured activation on, the network gives its own output.
    assert torch.allclose(model[3](seen["2"]), output)
    assert list(seen) == ["0", "1", "2", "3"]


class Overwrites(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).relu_()


def test_an_overwritten_activation_is_refused_and_a_copied_one_is_right() -> None:
    model = Overwrites()
    with trace(model, ["conv"]) as seen:
        model(IMAGES)
    with pytest.raises(LayerscopeError, match="'conv' was overwritten"):
        seen["conv"]
    with trace(model, ["conv"], copy=True) as seen:
        model(IMAGES)
    assert torch.allclose(seen["conv"], model.conv(IMAGES))
    assert (seen["conv"] < 0).any()


def test_an_overwritten_activation_is_right_in_inference_mode_too() -> None:
    model = Overwrites()
    with trace(model, ["conv"]) as seen, torch.inference_mode():
        model(IMAGES)
    assert (seen["conv"] < 0).any()


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.same(self.same(x))


def test_a_module_called_again_is_kept_under_its_own_name_in_each_pass() -> None:
    model = Twice()
    with trace(model) as seen:
        for _ in range(2):
            model(IMAGES)
            assert list(seen) == ["same", "same#2"]
    assert torch.allclose(model.same(seen["same"]), seen["same#2"])
    with trace(model, ["same#2"]) as seen:
        model(IMAGES)
    assert torch.allclose(model.same(model.same(IMAGES)), seen["same#2"])
    with pytest.raises(LayerNotFoundError, match=r"no layer 'sam#2'"), trace(model, ["sam#2"]):
        pass


@pytest.mark.parametrize("fails", [False, True])
def test_the_network_is_left_as_it_was(fails: bool) -> None:
    model = network().train()
    model[1].eval()
    calls: list[int] = []
    own = model[0].register_forward_hook(lambda *_: calls.append(1))
    before = [dict(module._forward_hooks) for module in model.modules()]
    try:
        with trace(model):
            assert not any(module.training for module in model.modules())
            model(IMAGES[:, :, :4] if fails else IMAGES)
    except RuntimeError:
        assert fails
    else:
        assert not fails
    assert [dict(module._forward_hooks) for module in model.modules()] == before
    assert all(not module._forward_pre_hooks for module in model.modules())
    assert [module.training for module in model] == [True, False, True, True]
    assert calls == [1]  # the caller's own hook still fired
    own.remove()


class Counting(nn.Module):
    """Counts its calls, keeps what it saw, and remembers its inputs' mean in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.register_buffer("mean", torch.zeros(()))
        self.calls, self.seen = 0, []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.seen.append(x)
        self.mean = self.mean + x.mean()
        return self.conv(x)


def test_what_the_forward_pass_keeps_is_put_back() -> None:
    model = Counting()
    seen, mean = model.seen, model.mean
    with trace(model) as found:
        model(torch.ones(1, 1, 8, 8))
        model(torch.ones(1, 1, 8, 8))
        assert model.calls == 2  # within the block it is the network's own business
        assert float(model.mean) == 2
    assert list(found) == ["conv"]
    assert model.calls == 0
    assert model.seen is seen
    assert seen == []
    assert model.mean is mean
    assert float(mean) == 0


def test_an_unknown_layer_names_the_nearest_and_leaves_no_hook() -> None:
    model = nn.Sequential()
    model.add_module("features", network())
    with (
        pytest.raises(LayerNotFoundError, match=r"no layer 'feature.0'; did you mean"),
        trace(model, ["features.0", "feature.0"]),
    ):
        pass
    assert all(not module._forward_hooks for module in model.modules())


def test_gradients_flow_only_when_asked() -> None:
    model = network()
    with trace(model, ["0"], grad=True) as seen:
        (gradient,) = torch.autograd.grad(model(IMAGES).sum(), seen["0"])
    # By the chain rule: the last layer's weights, summed over both outputs, where ReLU is open.
    weights = model[3].weight.sum(0).view(1, 3, 6, 6)
    assert torch.allclose(gradient, weights * (seen["0"] > 0), atol=1e-6)
    with trace(model, ["0"]) as seen:
        model(IMAGES)
    assert not seen["0"].requires_grad
