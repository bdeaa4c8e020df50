"""Every network that can be named has a valid atlas, and comes back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from planted_networks import drawn, spec_of
from schemas import check_atlas
from torch import nn

from layerscope.data import load
from layerscope.data.imageset import ImageSet
from layerscope.models import build, make_spec, model_names
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look

LEAST = Effort(
    pictures=12, untrained=2, stimuli="coarse", ablation_pictures=0, featurevis_steps=0,
    dependence_patches=0,
)  # fmt: skip


@pytest.mark.parametrize("name", model_names())
@pytest.mark.parametrize(("channels", "K"), [(1, 3), (3, 2)])
def test_every_network_has_a_valid_atlas(name: str, channels: int, K: int, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (12, channels, 24, 24), generator=generator, dtype=torch.uint8)
    names = tuple(f"class {k}" for k in range(K))
    pictures = ImageSet("noise", "test", pixels, torch.arange(12) % K, names)
    spec = make_spec(
        name, class_names=names, channels=channels, height=24, width=24,
        mean=[0.5] * channels, std=[0.3] * channels,
    )  # fmt: skip
    model = build(spec, generator)
    atlas = look(model, pictures, spec=spec, out=tmp_path / "atlas", effort=LEAST)
    check_atlas(atlas)
    assert model.training  # left in the mode it was in
    shown = {layer for step in atlas.record.steps for layer in step.layers}
    assert shown <= set(atlas.layers)


def test_a_network_is_measured_in_another_memory_format_and_comes_back_as_it_was(
    tmp_path: Path,
) -> None:
    model = drawn(
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.Flatten(), nn.Linear(96, 8)
        )
    )
    before = [(p.data_ptr(), p.stride(), p.detach().clone()) for p in model.parameters()]
    passes: list[tuple[int, bool]] = []
    # The untrained copies carry the hook too.
    model[2].register_forward_pre_hook(
        lambda module, args: passes.append((len(args[0]), module.weight.stride() == (36, 1, 12, 4)))
    )
    effort = Effort(
        pictures=60, untrained=2, stimuli="coarse", ablation_pictures=20, featurevis_steps=2,
        dependence_patches=3, dependence_copies=1,
    )  # fmt: skip
    pictures = load("digits").test
    look(model, pictures, spec=spec_of(1, 8, classes=8), out=tmp_path / "atlas", effort=effort)
    # Reading comes before, and the samples of the page behind: nothing between is converted anew.
    fast = [fast for _, fast in passes]
    measured = passes[fast.index(True) : len(fast) - fast[::-1].index(True)]
    assert all(fast for _, fast in measured)
    assert [n for n, _ in measured].count(effort.pictures) >= 1 + effort.untrained
    for p, (place, stride, values) in zip(model.parameters(), before, strict=True):
        assert (p.data_ptr(), p.stride()) == (place, stride)
        assert torch.equal(p, values)
