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
    """Works on its pixels first, as networks of Keras do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.out = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.pool(torch.relu(self.conv(x / 127.5 - 1))).flatten(1))


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
    with torch.no_grad():
        maps = network.conv(rescaled)[0].flatten(1)
    both = torch.minimum(maps.max(1).values, -maps.min(1).values)
    expected = float(maps[both.argmax()].max())
    assert page.number("conv-network-value") == pytest.approx(expected, abs=6e-4)
    assert page.number("conv-sum") == pytest.approx(expected, abs=6e-4)
    text = page.page.locator("[data-testid=step-body]").inner_text()
    assert "normalised pixels" not in text
    assert "gives" in text
    page.page.close()
