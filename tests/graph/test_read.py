"""The graph of a network against what is written in its forward pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layerscope.analysis.controls.untrained_copies import untrained_copy
from layerscope.errors import LayerNotFoundError, ModelError
from layerscope.graph.read import read_copy, read_graph, read_program, walk
from layerscope.models import build, make_spec, model_names


class Functional(nn.Module):
    """Reuses a module, works in place, adds, and calls functions that are no modules."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.same = nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(4 * 4 * 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        x = self.act(self.same(x) + x)
        x = self.act(self.same(x))
        return self.head(x.view(x.size(0), -1))


def test_functions_reused_modules_and_adds_are_layers_with_the_right_inputs() -> None:
    layers = read_graph(Functional(), torch.zeros(1, 1, 8, 8))
    assert [(layer.name, layer.kind, layer.inputs) for layer in layers] == [
        ("conv", "conv", ("input",)),
        ("relu", "activation", ("conv",)),
        ("max_pool2d", "max_pool", ("relu",)),
        ("same", "conv", ("max_pool2d",)),
        ("add", "add", ("same", "max_pool2d")),
        ("act", "activation", ("add",)),
        ("same#2", "conv", ("act",)),
        ("act#2", "activation", ("same#2",)),
        ("view", "flatten", ("act#2",)),
        ("head", "dense", ("view",)),
    ]
    assert layers[2].window.stride == (2, 2)
    assert [layer.title for layer in layers[:2]] == ["Convolution 1", "ReLU 1"]


def test_walk_gives_what_each_layer_put_out_although_a_later_one_works_in_place() -> None:
    model = Functional().eval()
    images = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    seen = walk(model, images)
    conv = F.conv2d(images, model.conv.weight, model.conv.bias, padding=1)
    pooled = F.max_pool2d(conv.clamp(min=0), 2)
    same = F.conv2d(pooled, model.same.weight, model.same.bias, padding=1)
    assert torch.allclose(seen.outputs["conv"], conv, atol=1e-6)
    assert torch.allclose(seen.outputs["same"], same, atol=1e-6)
    assert torch.allclose(seen.outputs["add"], same + pooled, atol=1e-6)  # not yet clipped
    assert torch.allclose(seen.outputs["act"], (same + pooled).clamp(min=0), atol=1e-6)
    assert torch.allclose(seen.logits, model(images), atol=1e-6)


def test_reading_leaves_the_network_as_it_was() -> None:
    spec = make_spec(
        "compact", class_names="abc", channels=3, height=32, width=32, mean=[0] * 3, std=[1] * 3
    )
    model = build(spec, torch.Generator().manual_seed(0)).train()
    model.stem.eval()  # type: ignore[union-attr]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    walk(model, torch.randn(4, 3, 32, 32))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert all(not module._forward_hooks for module in model.modules())


class InNumpy(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(-x.numpy())


def test_what_cannot_be_read_is_refused_with_the_reason() -> None:
    with pytest.raises(ModelError, match=r"cannot be traced .*, or use operations of torch"):
        read_graph(InNumpy(), torch.zeros(1, 1, 4, 4))
    with pytest.raises(ModelError, match=r"does not run on pictures of \(1, 12, 12\)"):
        read_graph(Functional(), torch.zeros(1, 1, 12, 12))
    read_graph(Functional(), torch.zeros(1, 1, 8, 8))

    with pytest.raises(ModelError, match="gives a tuple; a network must give one tensor"):
        read_graph(Pair(), torch.zeros(1, 1, 4, 4))


class Pair(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, 2 * x


@pytest.mark.parametrize("name", model_names())
def test_each_layer_run_on_what_it_reads_gives_what_it_put_out(name: str) -> None:
    spec = make_spec(
        name, class_names="abc", channels=3, height=32, width=32, mean=[0] * 3, std=[1] * 3
    )
    model = build(spec, torch.Generator().manual_seed(0)).eval()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    seen = walk(model, images)
    values = {"input": images, **seen.outputs}
    for layer in seen.layers:
        inputs = [values[name] for name in layer.inputs]
        assert layer.module or layer.kind == "add"
        again = model.get_submodule(layer.module)(*inputs) if layer.module else sum(inputs)
        assert torch.allclose(again, values[layer.name], atol=1e-5), layer.name
        assert layer.shape == tuple(values[layer.name].shape[1:])
    assert torch.equal(values[seen.layers[-1].name], seen.logits)
    assert torch.allclose(seen.logits, model(images), atol=1e-5)


class Drops(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(x, 0.5, training=self.training)


def test_a_network_in_training_mode_is_read_as_it_predicts() -> None:
    images = torch.rand(2, 1, 4, 4)
    drawn = torch.get_rng_state()
    assert torch.equal(walk(Drops().train(), images).logits, images)
    assert torch.equal(torch.get_rng_state(), drawn)


def test_images_are_not_overwritten_by_a_first_operation_in_place() -> None:
    images = torch.tensor([-1.0, 2.0]).view(1, 1, 1, 2)
    seen = walk(nn.Sequential(nn.ReLU(inplace=True)), images)
    assert images.flatten().tolist() == [-1, 2]
    assert seen.logits.flatten().tolist() == [0, 2]


class SameName(nn.Module):
    """Calls a function before a module of that name, and gives one module two names."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.conv = self.alias = nn.Conv2d(1, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.alias(self.relu(F.relu(x) - 1))


def test_a_module_keeps_its_own_path_whatever_functions_are_called() -> None:
    model = SameName()
    layers = read_graph(model, torch.zeros(1, 1, 4, 4))
    assert [(layer.name, layer.module) for layer in layers] == [
        ("/relu", None),
        ("sub", None),
        ("relu", "relu"),
        ("conv", "conv"),
    ]
    assert {layer.module for layer in layers} - {None} <= set(dict(model.named_modules()))


class Reshapes(nn.Module):
    """Splits, joins and shuffles channels; takes its means by functions."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = x.chunk(2, 1)
        x = torch.cat([right, left], 1)
        x = x.view(x.size(0), 2, 2, 6, 6).transpose(1, 2).reshape(x.size(0), 4, 6, 6)
        x = F.adaptive_avg_pool2d(x, (3, 2))
        return x.mean((2, 3))


def test_splits_joins_and_changes_of_shape() -> None:
    layers = read_graph(Reshapes(), torch.zeros(1, 4, 6, 6))
    assert [(layer.name, layer.kind) for layer in layers] == [
        ("getitem", "other"),
        ("getitem#2", "other"),
        ("cat", "other"),
        ("view", "other"),
        ("transpose", "other"),
        ("reshape", "other"),
        ("adaptive_avg_pool2d", "avg_pool"),
        ("mean", "global_pool"),
    ]
    assert layers[2].inputs == ("getitem#2", "getitem")
    assert layers[-2].window.kernel_size == (2, 3)
    assert layers[-1].shape == (4,)


def test_one_layers_output_and_its_gradient_without_the_layers_behind_it() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(108, 2))
    images = torch.randn(2, 1, 8, 8, requires_grad=True)
    program = read_program(net, images.detach())
    seen = program.output_of("0", images.detach())
    assert torch.equal(seen, net[0](images.detach()))
    assert not seen.requires_grad
    net[3].weight = None  # would fail if it were reached
    program.output_of("1", images, grad=True)[:, 1].sum().backward()
    apart = images.detach().clone().requires_grad_()
    torch.relu(net[0](apart))[:, 1].sum().backward()
    assert images.grad is not None
    assert torch.allclose(images.grad, apart.grad)
    with pytest.raises(LayerNotFoundError, match="no layer '9'"):
        program.output_of("9", images.detach())


class Flips(nn.Module):
    """Beginning anew changes more than weights: what its forward pass does depends on it."""

    def __init__(self) -> None:
        super().__init__()
        self.sign = 1.0
        self.conv = nn.Conv2d(1, 4, 3)

    def reset_parameters(self) -> None:
        self.sign = -self.sign

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.sign * F.relu(self.conv(x))).mean((2, 3))


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("make", [Functional, Flips])
def test_a_copy_has_the_layers_of_its_network_and_gives_its_own_values(
    make: type[nn.Module], rounded: bool
) -> None:
    torch.manual_seed(0)
    net, images = make(), torch.rand(3, 1, 8, 8)
    program = replace(read_program(net, images[:1]), rounded=rounded)
    copy = untrained_copy(net, torch.Generator().manual_seed(1))
    found = read_copy(program, copy, images[:1])
    assert found.layers == program.layers == read_program(copy, images[:1]).layers
    assert found.rounded == rounded and found.model is copy and program.model is net
    exact = replace(found, rounded=False)
    seen: dict[str, torch.Tensor] = {}

    def keep(name: str, value: torch.Tensor) -> None:
        seen[name] = value.clone()

    logits = exact.run(images, keep)
    with torch.no_grad():
        assert torch.equal(logits, copy.eval()(images))
        assert torch.equal(seen["conv"], copy.conv(images))
        assert torch.equal(replace(program, rounded=False).output_of("conv", images),
                           net.conv(images))  # fmt: skip
