"""A network resumed from any of its layers against the network itself."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from test_read import Functional, Reshapes
from torch import nn

from layerscope.errors import LayerNotFoundError
from layerscope.graph.read import read_program
from layerscope.graph.resume import Cut, WholeCut, cut
from layerscope.models import build, make_spec, model_names
from layerscope.vision import torchvision


def random_images(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def assert_resumes_everywhere(model: nn.Module, images: torch.Tensor, kind: type = Cut) -> None:
    """Each layer: its own output gives the logits twice, a changed one what a hook would give."""
    program = read_program(model, images)
    own = model.eval()(images)
    scale = float(own.detach().abs().max())
    for layer in program.layers:
        behind = cut(program, layer.name)
        assert type(behind) is kind
        cached = behind.cache(images)
        changed = cached.output * 0.5 + 0.25
        for _ in range(2):
            again = behind.resume(cached, cached.output)
            assert torch.allclose(again, own, atol=1e-6 * scale), layer.name
            other = behind.resume(cached, changed)
            hooked = program.run(
                images, lambda name, _, c=changed, at=layer.name: c.clone() if name == at else None
            )
            if kind is Cut:
                assert torch.allclose(other, hooked, atol=1e-6 * scale), layer.name
        twice = behind.resume(cached.repeated(2), torch.cat([cached.output, changed]))
        assert torch.allclose(twice, torch.cat([again, other]), atol=1e-5 * scale), layer.name


@pytest.mark.parametrize("name", model_names())
def test_our_networks_resume_at_each_layer(name: str) -> None:
    spec = make_spec(
        name, class_names="abc", channels=3, height=32, width=32, mean=[0] * 3, std=[1] * 3
    )
    model = build(spec, torch.Generator().manual_seed(0))
    assert_resumes_everywhere(model, random_images(2, 3, 32, 32))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("resnet18", {}),
        ("mobilenet_v2", {"width_mult": 0.25}),
        pytest.param("shufflenet_v2_x0_5", {}, marks=pytest.mark.slow),
        ("squeezenet1_1", {}),
    ],
)
def test_published_networks_resume_at_each_layer(name: str, settings: dict[str, float]) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = torchvision().models.get_model(name, weights=None, num_classes=4, **settings)
    assert_resumes_everywhere(model, random_images(2, 3, 64, 64))


def test_a_vision_transformer_resumes_at_each_layer_for_more_pictures_than_it_was_read_with() -> (
    None
):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = torchvision().models.VisionTransformer(
            image_size=16,
            patch_size=8,
            num_layers=2,
            num_heads=2,
            hidden_dim=8,
            mlp_dim=16,
            num_classes=3,
        )
        nn.init.normal_(model.heads.head.weight)
    assert_resumes_everywhere(model, random_images(3, 3, 16, 16))


def test_functions_reused_modules_and_reshapes_resume() -> None:
    torch.manual_seed(0)
    assert_resumes_everywhere(Functional(), random_images(2, 1, 8, 8))
    assert_resumes_everywhere(Reshapes(), random_images(2, 4, 6, 6))


class Branched(nn.Module):
    """Two branches that join; each layer of one needs the other as it was."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv2d(1, 2, 3)
        self.right = nn.Conv2d(1, 2, 3)
        self.never_twice = nn.Conv2d(2, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left = F.relu(self.left(x), inplace=True)
        right = self.never_twice(self.right(x))
        left += right
        return left.mean((2, 3))


def test_only_what_depends_on_the_layer_is_run_again() -> None:
    torch.manual_seed(0)
    model = Branched()
    images = random_images(2, 1, 6, 6)
    assert_resumes_everywhere(model, images)
    program = read_program(model, images)
    behind = cut(program, "left")
    assert isinstance(behind, Cut)
    assert [node.name for node in behind.frontier] == ["never_twice"]
    cached = behind.cache(images)
    model.never_twice.weight = None  # type: ignore[assignment]  # would fail if it were reached
    behind.resume(cached, cached.output)


class Discards(nn.Module):
    """Works in place and reads the overwritten tensor under its old name."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        self.act(x)
        return x.mean((2, 3))


def test_a_value_overwritten_under_another_name_is_followed_too() -> None:
    torch.manual_seed(0)
    model, images = Discards(), random_images(2, 1, 6, 6)
    assert_resumes_everywhere(model, images, WholeCut)
    behind = cut(read_program(model, images), "act")
    cached = behind.cache(images)
    assert behind.resume(cached, torch.full_like(cached.output, 0.5)).unique().tolist() == [0.5]
    behind = cut(read_program(model, images), "conv")
    assert behind.resume(cached, torch.full_like(cached.output, -1.0)).unique().tolist() == [0.0]


def test_gradients_flow_back_to_the_resumed_layer() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(48, 2))
    images = random_images(2, 1, 6, 6)
    behind = cut(read_program(net, images), "0")
    cached = behind.cache(images)
    output = cached.output.clone().requires_grad_()
    behind.resume(cached, output, grad=True)[:, 1].sum().backward()
    kept = cached.output.clone().requires_grad_()
    net[3](torch.relu(kept).flatten(1))[:, 1].sum().backward()
    assert output.grad is not None
    assert kept.grad is not None
    assert torch.allclose(output.grad, kept.grad)
    assert not behind.resume(cached, cached.output).requires_grad


def test_resuming_leaves_the_network_in_its_mode_and_refuses_unknown_layers() -> None:
    model = Functional().train()
    program = read_program(model, torch.zeros(1, 1, 8, 8))
    behind = cut(program, "act#2")
    cached = behind.cache(random_images(2, 1, 8, 8))
    behind.resume(cached, cached.output)
    assert all(module.training for module in model.modules())
    with pytest.raises(LayerNotFoundError, match=r"no layer 'act#3'; did you mean 'act#2'"):
        cut(program, "act#3")
