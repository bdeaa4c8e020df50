"""Layers' records: pictures of weights show what the weights read, also where blue comes first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from layerscope.graph.layer import INPUT, Layer
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec, NetShape
from layerscope.pipeline.recording.layer_records import write_filters


@pytest.mark.parametrize("bgr", [False, True])
def test_a_filter_that_reads_red_is_drawn_in_red(tmp_path: Path, bgr: bool) -> None:
    model = nn.Sequential(nn.Conv2d(3, 1, 3))
    model[0].weight.data.zero_()
    model[0].weight.data[0, 2 if bgr else 0] = 1.0  # where the network takes red
    preprocessing = Preprocessing(3, 8, 8, (0.5,) * 3, (0.5,) * 3, bgr=bgr)
    spec = ModelSpec("red", ("a", "b"), preprocessing, NetShape(widths=(), hidden=()))
    images = spec.normalise(
        torch.tensor([200, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    )
    assert images[0, 2 if bgr else 0].mean() > 0 > images[0, 1].mean()
    layer = Layer("0", "conv", "Convolution 1", None, (INPUT,), (1, 6, 6), module="0")
    found = write_filters(tmp_path, model, spec, layer, reads_picture=True)
    assert found.filters and found.spectra
    assert found.scales == (1.0,)
    sheet = np.asarray(Image.open(tmp_path / found.filters.file))
    h, w = found.filters.tile_px
    red, green, blue = sheet[:h, :w].mean((0, 1))
    assert red > 200
    assert green == blue < 140
