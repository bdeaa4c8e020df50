"""A vision transformer: units are the features of its tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from schemas import check_atlas

from layerscope.data.imageset import ImageSet
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec, NetShape
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.vision import timm

LITTLE = Effort(
    pictures=24, untrained=2, stimuli="coarse", ablation_pictures=12, featurevis_steps=2,
    dependence_patches=1, dependence_copies=1,
)  # fmt: skip


def test_a_transformer_is_looked_through(tmp_path: Path) -> None:
    VisionTransformer = timm().models.vision_transformer.VisionTransformer
    torch.manual_seed(0)
    network = VisionTransformer(
        img_size=32, patch_size=8, num_classes=3, embed_dim=24, depth=2, num_heads=3, mlp_ratio=2
    ).eval()
    pixels = torch.randint(0, 256, (30, 3, 32, 32), dtype=torch.uint8)
    pictures = ImageSet("noise", "test", pixels, torch.arange(30) % 3, ("a", "b", "c"))
    spec = ModelSpec(
        name="small-vit", class_names=("a", "b", "c"),
        preprocessing=Preprocessing(3, 32, 32, (0.5,) * 3, (0.3,) * 3),
        shape=NetShape(widths=(), hidden=()),
    )  # fmt: skip
    atlas = look(network, pictures, spec=spec, out=tmp_path / "atlas", effort=LITTLE)
    check_atlas(atlas)
    layer = atlas["blocks.1.mlp.act"]
    assert layer.shape == (17, 48)  # 16 patches and the class token
    assert len(layer.units) == 48
    assert all(unit.ablation and unit.tuning for unit in layer.units)
    # Images are optimised for patches' convolution and for the classes, not for tokens.
    assert all(unit.featurevis is None for unit in layer.units)
    assert all(unit.featurevis for unit in atlas["head"].units)
    told = [line for line in atlas.record.model.not_captured if "blocks.1.mlp.act" in line]
    assert told and "images are optimised for maps (C, H, W) and units (U,)" in told[0]
    assert atlas.record.model.replay.layer_difference < 1e-4
    for sample in atlas.record.samples:
        assert "blocks.1.mlp.act" in sample.activations
        images = spec.normalise(pixels[sample.row][None])
        assert sample.logits == pytest.approx(network(images)[0].tolist(), abs=1e-4)
