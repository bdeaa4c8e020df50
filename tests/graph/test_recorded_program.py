"""Networks that decide by values: read by watching them, with what escapes named."""

from __future__ import annotations

import contextlib
import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layerscope.errors import ModelError, UnreachedError
from layerscope.graph.read import read_program, walk
from layerscope.graph.receptive_field import receptive_fields
from layerscope.graph.resume import cut
from layerscope.graph.tracing.recorded_program import RecordedProgram, read_recorded
from layerscope.graph.tracing.traced_program import TracedProgram
from layerscope.models import build, make_spec, model_names


class Branching(nn.Module):
    """Bright pictures take one way, dark ones another; writes in place, sums, joins."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.up = nn.Conv2d(4, 4, 3, padding=1)
        self.down = nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(4 * 4 * 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bright = x.mean() > 0
        x = F.max_pool2d(self.act(self.conv(x)), 2)
        x = F.relu(self.up(x)) + x if bright else self.down(x)
        x = x * 2
        x[:, 0] = 0
        x += 1
        return self.head(x.flatten(1))


def branching() -> Branching:
    torch.manual_seed(0)
    return Branching()


def images(n: int = 3, mean: float = 1.0, channels: int = 1, side: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(n, channels, side, side, generator=generator) + mean


def test_every_operation_on_the_way_of_the_first_picture_is_a_layer() -> None:
    program = read_program(branching(), images())
    assert isinstance(program, RecordedProgram)
    assert [(layer.name, layer.kind, layer.inputs) for layer in program.layers] == [
        ("conv", "conv", ("input",)),
        ("act", "activation", ("conv",)),
        ("max_pool2d", "max_pool", ("act",)),
        ("up", "conv", ("max_pool2d",)),
        ("relu", "activation", ("up",)),
        ("add", "add", ("relu", "max_pool2d")),
        ("mul", "other", ("add",)),
        ("setitem", "other", ("mul",)),
        ("add#2", "add", ("setitem",)),
        ("flatten", "flatten", ("add#2",)),
        ("head", "dense", ("flatten",)),
    ]
    told = " ".join(program.escaped)
    assert "Branching cannot be traced" in told
    assert "'bool' of 'input'" in told
    assert "not called on the first picture: 'down'" in told
    dark = read_program(branching(), images(mean=-1))
    assert [layer.name for layer in dark.layers][:4] == ["conv", "act", "max_pool2d", "down"]


def test_walk_gives_what_each_layer_put_out_before_others_write_over_it() -> None:
    model, x = branching().eval(), images()
    seen = walk(model, x)
    with torch.no_grad():
        conv = F.conv2d(x, model.conv.weight, model.conv.bias, padding=1)
        pooled = F.max_pool2d(conv.relu(), 2)
        up = F.conv2d(pooled, model.up.weight, model.up.bias, padding=1)
        twice = 2 * (up.relu() + pooled)
        cut_off = twice.clone()
        cut_off[:, 0] = 0
        assert torch.allclose(seen.outputs["conv"], conv, atol=1e-6)
        assert torch.allclose(seen.outputs["up"], up, atol=1e-6)
        assert torch.allclose(seen.outputs["mul"], twice, atol=1e-6)
        assert torch.allclose(seen.outputs["setitem"], cut_off, atol=1e-6)
        assert torch.allclose(seen.outputs["add#2"], cut_off + 1, atol=1e-6)
        assert torch.equal(seen.logits, model(x))


def test_gradients_reach_the_picture() -> None:
    model, x = branching(), images().requires_grad_()
    program = read_program(model, x.detach())
    program.output_of("up", x, grad=True)[:, 1].sum().backward()
    apart = x.detach().clone().requires_grad_()
    model.up(F.max_pool2d(F.relu(model.conv(apart)), 2))[:, 1].sum().backward()
    assert x.grad is not None
    assert apart.grad is not None
    assert torch.allclose(x.grad, apart.grad)
    assert not program.output_of("up", x).requires_grad


def test_a_layer_that_pictures_do_not_come_by_is_said() -> None:
    program = read_program(branching(), images())
    for layer in ("up", "relu"):
        with pytest.raises(UnreachedError, match=f"layer '{layer}' was not reached"):
            program.output_of(layer, images(mean=-1))
        with pytest.raises(UnreachedError, match="takes another way"):
            cut(program, layer).cache(images(mean=-1))
    # Both ways have a product; it is not the same layer where it reads something else.
    with pytest.raises(UnreachedError):
        program.output_of("mul", images(mean=-1))
    assert program.output_of("head", images(mean=-1)).shape == (3, 3)
    assert program.other_paths(images()) == ()
    mixed = torch.cat([images(2), images(1, mean=-3)])
    other, together = program.other_paths(mixed)
    assert other.startswith("1 of 3 pictures take another way")
    assert other.endswith("first apart at 'up'")
    assert "depend on those it is run with" in together


@pytest.mark.parametrize("layer", ["conv", "act", "max_pool2d", "relu", "mul", "setitem", "add#2"])
def test_a_changed_output_goes_into_all_that_follows(layer: str) -> None:
    model, x = branching().eval(), images()
    program = read_program(model, x)
    behind = cut(program, layer)
    cached = behind.cache(x)
    assert torch.equal(behind.resume(cached, cached.output), model(x))
    zeros = torch.zeros_like(cached.output)
    with torch.no_grad():
        pooled = F.max_pool2d(F.relu(model.conv(x)), 2)
        if layer in ("conv", "act", "max_pool2d"):
            pooled = torch.zeros_like(pooled)
        grown = F.relu(model.up(pooled))
        total = 2 * ((torch.zeros_like(grown) if layer == "relu" else grown) + pooled)
        total = torch.zeros_like(total) if layer in ("mul", "setitem") else total
        total[:, 0] = 0
        total = torch.zeros_like(total) if layer == "add#2" else total + 1
        assert torch.allclose(behind.resume(cached, zeros), model.head(total.flatten(1)), atol=1e-6)
    assert torch.equal(behind.resume(cached, cached.output), model(x))


class Asserting(nn.Module):
    """Asks for the shape, which fx cannot know; nothing escapes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[1] == 3 and x.shape[2] > 4, "three colours are needed"
        return self.head(torch.relu(self.conv(x)).mean((2, 3)))


def test_a_network_that_asks_for_shapes_alone_is_read_whole() -> None:
    program = read_program(Asserting(), images(channels=3))
    assert isinstance(program, RecordedProgram)
    assert program.escaped == ()
    assert [layer.name for layer in program.layers] == ["conv", "relu", "mean", "head"]
    assert [layer.kind for layer in program.layers][2] == "global_pool"
    assert receptive_fields(program.layers, height=8, width=8)["relu"].size_px == (3, 3)  # type: ignore[union-attr]
    with pytest.raises(ModelError, match=r"pictures of \(2, 8, 8\).*three colours are needed"):
        read_program(Asserting(), images(channels=2))


class Looping(nn.Module):
    """Repeats a convolution as often as a picture's values say, and takes pictures one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.head = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(int(x.mean().abs()) + 1):
            x = F.relu(self.conv(x))
        return torch.stack([self.head(row.mean((0, 1))) for row in x])


def test_loops_are_as_long_as_for_the_first_picture() -> None:
    program = read_program(Looping(), torch.full((1, 1, 8, 8), 1.5))
    assert [(layer.name, layer.inputs) for layer in program.layers] == [
        ("conv", ("input",)),
        ("relu", ("conv",)),
        ("conv#2", ("relu",)),
        ("relu#2", ("conv#2",)),
        ("stack", ("relu#2",)),
    ]
    assert "'head'" in program.escaped[1]  # of one picture each: no layer
    with pytest.raises(UnreachedError):
        program.output_of("conv#2", torch.zeros(2, 1, 8, 8))


class Centred(nn.Module):
    """Takes the mean over the batch away, and decides."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.sum() != 0
        return (x - x.mean(0)).amax((2, 3))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_mean_over_as_many_pictures_as_channels_is_no_layer(n: int) -> None:
    program = read_program(Centred(), images(channels=4))
    assert [(layer.name, layer.inputs) for layer in program.layers] == [
        ("sub", ("input",)),
        ("amax", ("sub",)),
    ]
    x = images(n, channels=4)
    assert torch.equal(program.output_of("sub", x), x - x.mean(0))


class InNumpy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.head = nn.Linear(3 * 36, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.from_numpy(self.conv(x).detach().numpy() * 2)
        return self.head(x.flatten(1))


def test_what_torch_does_not_tell_of_is_a_layer_that_can_be_seen_and_is_named() -> None:
    model, x = InNumpy(), images()
    program = read_program(model, x)
    assert [(layer.name, layer.inputs) for layer in program.layers] == [
        ("conv", ("input",)),
        ("unseen", ("conv",)),
        ("flatten", ("unseen",)),
        ("head", ("flatten",)),
    ]
    assert any("'numpy' of 'conv'" in sentence for sentence in program.escaped)
    assert any("'unseen' was made by nothing" in sentence for sentence in program.escaped)
    assert torch.allclose(program.output_of("unseen", x), 2 * model.conv(x))
    assert receptive_fields(program.layers, height=8, width=8)["unseen"] is None
    with pytest.raises(ModelError, match="can be seen, not replaced"):
        cut(program, "unseen")
    with pytest.raises(ModelError, match="can be seen, not replaced"):
        program.run(x, lambda name, value: value * 0 if name == "unseen" else None)


class Trying(nn.Module):
    """Catches the failure of a module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.head = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[1] == 1
        with contextlib.suppress(RuntimeError):
            x = self.head(x)
        return self.head(torch.relu(self.conv(x)).mean((2, 3)))


def test_a_failure_that_the_network_catches_hides_nothing_behind_it() -> None:
    program = read_program(Trying(), images())
    assert [layer.name for layer in program.layers] == ["conv", "relu", "mean", "head"]
    assert program.escaped == ()


class Careless(nn.Module):
    """Keeps what it saw, counts in a buffer, in a list and in a number."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.calls, self.kept, self.table = 0, [7], {"a": 1}
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("total", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.kept.append(x)
        self.table["b"] = self.calls
        self.count += 1
        self.total = self.total + 1
        self.last = x = self.norm(self.conv(x))
        return x.mean((2, 3)) if float(x.sum()) > 0 else x.amax((2, 3))


def test_the_network_is_left_as_it_was() -> None:
    model = Careless().train()
    model.norm.eval()
    model.conv.weight.grad = torch.ones_like(model.conv.weight)
    handle = model.conv.register_forward_hook(lambda module, args, output: output * 1)
    state = copy.deepcopy(model.state_dict())
    attributes = set(vars(model))
    hooks = [[dict(v) for k, v in sorted(vars(m).items()) if "hooks" in k] for m in model.modules()]
    drawn = torch.get_rng_state()
    program = read_program(model, images())
    walk(model, images())
    program.output_of("conv", images(), grad=True)
    with pytest.raises(ModelError, match="does not run on pictures"):
        program.run(images(channels=2), lambda *_: None)
    assert model.training and not model.norm.training
    assert set(vars(model)) == attributes
    assert (model.calls, model.kept, model.table) == (0, [7], {"a": 1})
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert torch.equal(model.conv.weight.grad, torch.ones_like(model.conv.weight))
    assert [p.requires_grad for p in model.parameters()] == [True] * 4
    assert hooks == [
        [dict(v) for k, v in sorted(vars(m).items()) if "hooks" in k] for m in model.modules()
    ]
    assert torch.equal(torch.get_rng_state(), drawn)
    handle.remove()


class Otherwise(nn.Module):
    """Traces without complaint, and is not what was traced: a stand-in is no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x * 3 if isinstance(x, torch.Tensor) else x
        return self.head(x.flatten(1))


def test_a_trace_that_is_not_the_network_is_not_taken() -> None:
    program = read_program(Otherwise(), images())
    assert isinstance(program, RecordedProgram)
    assert [layer.name for layer in program.layers] == ["mul", "flatten", "head"]


@pytest.mark.parametrize("name", model_names())
def test_watching_finds_what_tracing_finds(name: str) -> None:
    spec = make_spec(
        name, class_names="abc", channels=3, height=32, width=32, mean=[0] * 3, std=[1] * 3
    )
    model = build(spec, torch.Generator().manual_seed(0))
    x = images(channels=3, side=32)
    traced = read_program(model, x)
    assert isinstance(traced, TracedProgram)
    watched = read_recorded(model, x, "it is tried both ways")
    assert watched.layers == traced.layers
    assert watched.escaped == ()
    seen: dict[str, torch.Tensor] = {}
    watched.run(x, lambda layer, value: seen.update({layer: value.clone()}))
    other = walk(model, x).outputs
    assert list(seen) == list(other)
    assert all(torch.equal(seen[layer], other[layer]) for layer in seen)
