"""The page's arithmetic of a convolution that does not read the picture itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from browsing import Page, needs_page
from safetensors.torch import load_file
from torch import nn

from layerscope.data.imageset import Splits
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.look import look
from layerscope.view.report import write_report


class Rescaled(nn.Module):
    """Works on its pixels first, as networks of Keras do; a filter reads two of four channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.out = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x / 127.5 - 1
        x = torch.cat([x, -x, x * x, x + 1], 1)
        return self.out(torch.relu(self.pool(torch.relu(self.conv(x)))).flatten(1))


@pytest.mark.browser
@needs_page
def test_it_multiplies_what_the_network_gives_the_convolution(
    browser: Any, striped: Splits, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network, test = Rescaled(), striped.test
    takes = Preprocessing(1, *test.size, (0.0,), (1 / 255,))
    spec = ModelSpec("own", test.class_names, takes)
    atlas = look(network, test, spec=spec, out=tmp_path / "atlas", effort=None)
    conv = atlas["conv"]
    assert conv.inputs != ("input",)
    write_report(tmp_path / "report.html", atlas_dir=atlas.path)
    page = Page(browser).open(tmp_path / "report.html")
    page.go(2)
    pixels = load_file(atlas.path / atlas.record.samples[0].pixels.file)
    picture = pixels[atlas.record.samples[0].pixels.name].float()[None]
    rescaled = picture / 127.5 - 1
    given = torch.cat([rescaled, -rescaled, rescaled * rescaled, rescaled + 1], 1)
    H, W = test.size
    with torch.no_grad():
        expected = float(network.conv(given)[0, 0, H // 2, W // 2])
    assert page.number("conv-network-value") == pytest.approx(expected, abs=6e-4)
    assert page.number("conv-sum") == pytest.approx(expected, abs=6e-4)
    text = page.page.locator("[data-testid=step-body]").inner_text()
    assert "normalised pixels" not in text
    assert "channel 0: " in text
    assert "channel 2: " not in text  # of the other group
    page.page.close()
