"""The page runs the network itself: its numbers against torch's, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from browsing import Page, needs_page
from safetensors.numpy import load_file, save_file
from torch import nn
from trial_page import closed, opened

from helpers.planted_networks import spec_of as planted_spec
from layerscope.data.imageset import ImageSet, Splits
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.look import look
from layerscope.training.runs.run_folder import open_run, packaged_names, with_data
from layerscope.view.report import write_report

pytestmark = [needs_page, pytest.mark.browser]


def page_logits(page: Page, pixels: torch.Tensor) -> torch.Tensor:
    """What the page's network says of pictures, uint8 (N, C, H, W)."""
    found = page.page.evaluate(
        "async (all) => { const out = []; for (const one of all)"
        " out.push((await window.layerscope.run(one)).logits); return out; }",
        [one.flatten().tolist() for one in pixels],
    )
    return torch.tensor(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", packaged_names())
def test_a_packaged_network_gives_its_own_logits_in_the_page(
    browser: Any, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run = open_run(name)
    if run.record.data.source not in ("digits", "creatures"):
        request.getfixturevalue("real_data")
    run = with_data(run)
    atlas = look(run, effort=None, out=tmp_path / "atlas")
    report = write_report(tmp_path / "report.html", atlas_dir=atlas.path)
    assert report.stat().st_size < 5.5e6  # of 6 MB; what more is measured takes a tenth of it
    page = opened(browser, report)
    test = run.data.test
    pixels = test.take(torch.arange(0, len(test), max(1, len(test) // 50)))[:50]
    with torch.no_grad():
        own = run.model(run.spec.normalise(pixels))
    assert page_logits(page, pixels) == pytest.approx(own, abs=1e-3)
    closed(page)


class Varied(nn.Module):
    """Most of what a page computes, in one network."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 6, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(6), nn.GELU()
        )
        self.grouped = nn.Sequential(
            nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=3), nn.BatchNorm2d(6), nn.SiLU()
        )
        self.average = nn.AvgPool2d(2, padding=1)
        self.wide = nn.Sequential(
            nn.Conv2d(6, 8, (1, 3), padding=(0, 1)), nn.LeakyReLU(0.2), nn.Dropout(0.5)
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(8, 5), nn.ELU(0.7), nn.Linear(5, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = torch.relu(x + self.grouped(x))
        return self.head(self.pool(self.wide(self.average(x))))


def varied() -> nn.Module:
    torch.manual_seed(0)
    model = Varied()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.3, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return model.eval()


def spec_of(images: ImageSet) -> ModelSpec:
    return planted_spec(images.channels, images.size[0])


def test_norms_skips_groups_and_other_activations_are_computed_too(
    browser: Any, tmp_path: Path, striped: Splits
) -> None:
    model, images = varied(), striped.test
    spec = spec_of(images)
    atlas = look(model, images, spec=spec, effort=None, out=tmp_path / "atlas")
    page = opened(browser, write_report(tmp_path / "report.html", atlas_dir=atlas.path))
    pixels = images.take(torch.arange(20))
    with torch.no_grad():
        own = model(spec.normalise(pixels))
    assert torch.allclose(page_logits(page, pixels), own, atol=1e-5)
    closed(page)


def test_a_fully_connected_network_of_grey_pictures_is_computed(
    browser: Any, tmp_path: Path, striped: Splits
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 9), nn.ReLU(), nn.Linear(9, 2)).eval()
    images = striped.test
    spec = spec_of(images)
    atlas = look(model, images, spec=spec, effort=None, out=tmp_path / "atlas")
    page = opened(browser, write_report(tmp_path / "report.html", atlas_dir=atlas.path))
    pixels = images.take(torch.arange(10))
    with torch.no_grad():
        own = model(spec.normalise(pixels))
    assert torch.allclose(page_logits(page, pixels), own, atol=1e-5)
    closed(page)


def test_a_network_that_the_page_cannot_run_is_refused_with_the_layer_that_it_lacks(
    browser: Any, tmp_path: Path, striped: Splits
) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(400, 2)
    )
    atlas = look(model, striped.test, spec=spec_of(striped.test), effort=None, out=tmp_path / "a")
    page = opened(browser, write_report(tmp_path / "report.html", atlas_dir=atlas.path))
    refusal = page.page.text_content("[data-testid=trial-refusal]")
    assert "does not compute" in refusal
    assert "(1)" in refusal
    assert not page.page.query_selector("[data-testid=received]")
    closed(page)


def test_numbers_that_do_not_agree_with_the_recorded_ones_are_not_shown(
    browser: Any, tmp_path: Path, striped: Splits
) -> None:
    """The network changed after its weights were written: the page notices."""
    atlas = look(
        varied(), striped.test, spec=spec_of(striped.test), effort=None, out=tmp_path / "a"
    )
    weights = atlas.path / "arrays" / "weights.safetensors"
    tensors = load_file(weights)
    tensors["head.1.weight"] = tensors["head.1.weight"] * 1.1
    save_file(tensors, weights)
    page = opened(browser, write_report(tmp_path / "report.html", atlas_dir=atlas.path))
    assert "does not agree" in page.page.text_content("[data-testid=trial-refusal]")
    closed(page)
