"""Every network that can be named has a valid atlas."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from schemas import check_atlas

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
