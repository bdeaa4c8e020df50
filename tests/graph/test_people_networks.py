"""Networks as people write them: held against plain hooks and gradients, and left as they were."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from helpers.people.architectures import ARCHITECTURES
from helpers.people.networks import NETWORKS
from helpers.people.parts import K
from layerscope.graph.program import Program
from layerscope.graph.read import read_program
from layerscope.graph.receptive_field import receptive_fields
from layerscope.graph.replay_check import check_replay

SIDE = 16
EVERY = NETWORKS | ARCHITECTURES
# Whose logits depend on the batch, on numpy or on compiled code: read, and the rest is said.
SAID = {
    "Stochastic",
    "divided_by_its_norm",
    "through_numpy",
    "branches_on_values",
    "quantised",
}
pytestmark = [
    pytest.mark.filterwarnings("ignore:torch.ao.quantization:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per:UserWarning"),
    pytest.mark.filterwarnings("ignore:.torch.jit.:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning"),
]


def opened(name: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    return EVERY[name]().eval(), torch.rand(3, 3, SIDE, SIDE)


def outputs(program: Program, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """What every layer puts out."""
    found: dict[str, torch.Tensor] = {}

    def keep(name: str, value: torch.Tensor) -> None:
        found[name] = value.clone()

    program.run(images, keep)
    return found


def state(model: nn.Module) -> dict[str, object]:
    """All that a network holds, as plain values."""
    held: dict[str, object] = {
        name: value.clone() if isinstance(value, torch.Tensor) else repr(value)
        for name, value in model.state_dict().items()
    }
    for path, module in model.named_modules():
        held[f"{path}.mode"] = module.training
        if not isinstance(module, torch.jit.ScriptModule):
            held[f"{path}.attributes"] = sorted(vars(module))
    return held


@pytest.mark.parametrize("name", EVERY)
def test_each_is_read_replayed_and_left_as_it_was(name: str) -> None:
    model, images = opened(name)
    model.train()
    before, unread = state(model), copy.deepcopy(images)
    program = read_program(model, images[:1])
    replay = check_replay(program, images)
    assert torch.equal(images, unread)
    after = state(model)
    assert before.keys() == after.keys()
    for key, value in before.items():
        same = after[key]
        if isinstance(value, torch.Tensor) and isinstance(same, torch.Tensor):
            assert torch.equal(value, same), key
        else:
            assert value == same, key
    if name in SAID:
        assert replay.escaped
    else:
        assert replay.ok, replay.escaped
        assert len(program.layers) > 1
        assert program.layers[-1].shape == (1 if name == "one_logit_each" else K,)


@pytest.mark.parametrize("name", EVERY)
def test_units_are_those_of_plain_hooks(name: str) -> None:
    """Each module's own output, put in order by what the module is, is what the layer shows."""
    model, images = opened(name)
    program = read_program(model, images)
    own: dict[str, torch.Tensor] = {}

    def note(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            if isinstance(output, torch.Tensor) and path not in own:
                own[path] = output.detach().clone().float()

        return hook

    leaves = {
        path: module
        for path, module in model.named_modules()
        if path and isinstance(module, nn.Conv2d | nn.Linear | nn.Conv1d | nn.Conv3d)
    }
    handles = [module.register_forward_hook(note(path)) for path, module in leaves.items()]
    with torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    seen = outputs(program, images)
    held = 0
    for layer in program.layers:
        assert seen[layer.name].shape == (len(images), *layer.shape)
        if layer.name not in own or layer.name not in leaves:
            continue
        module, value = leaves[layer.name], own[layer.name]
        units = module.out_features if isinstance(module, nn.Linear) else module.out_channels
        assert layer.n_units == units
        last = isinstance(module, nn.Linear)
        flat = value.reshape(-1, units) if last else value.flatten(2).transpose(1, 2)
        got = seen[layer.name]
        got = got.flatten(2).transpose(1, 2) if got.ndim == 4 else got
        # Each picture's own values, unit by unit, wherever its places lie.
        mine = flat.reshape(-1, units).T.sort(1).values
        assert torch.allclose(got.reshape(-1, units).T.sort(1).values, mine, atol=1e-5), layer.name
        held += 1
    assert held or name in ("OwnWeights", "standardised", "quantised", "scripted_part")


@pytest.mark.parametrize("name", EVERY)
def test_a_picture_means_the_same_alone_and_beside_others(name: str) -> None:
    if name in SAID:
        pytest.skip("its values depend on the batch, or are not all followed")
    model, images = opened(name)
    program = read_program(model, images[:1])
    together = outputs(program, images)
    for i in range(len(images)):
        alone = outputs(program, images[i : i + 1])
        for layer in program.layers:
            assert torch.allclose(alone[layer.name][0], together[layer.name][i], atol=1e-4), layer


@pytest.mark.parametrize("name", EVERY)
def test_no_receptive_field_is_smaller_than_the_gradient(name: str) -> None:
    model, images = opened(name)
    program = read_program(model, images)
    fields = receptive_fields(program.layers, height=SIDE, width=SIDE)
    checked = 0
    for layer in program.layers:
        field = fields[layer.name]
        if field is None or len(layer.shape) != 3:
            continue
        _, H, W = layer.shape
        for y, x in {(0, 0), (H // 2, W // 3), (H - 1, W - 1)}:
            pixels = images.clone().requires_grad_()
            value = program.output_of(layer.name, pixels, grad=True)
            if not value.requires_grad:
                continue
            (gradient,) = torch.autograd.grad(value[:, :, y, x].sum(), pixels, allow_unused=True)
            if gradient is None:
                continue
            touched = gradient.abs().sum((0, 1)) > 0
            top, left, height, width = field.box(y, x, height=SIDE, width=SIDE)
            inside = torch.zeros_like(touched)
            inside[top : top + height, left : left + width] = True
            assert not (touched & ~inside).any(), (layer.name, y, x, field)
            checked += 1
    placed = [layer for layer in program.layers if fields[layer.name] and len(layer.shape) == 3]
    assert checked or not placed
