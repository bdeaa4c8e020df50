"""The first screen: a strip for each layer, the unit's drawer, and the way back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browsing import Page, needs_page
from PIL import Image

from layerscope.data.imageset import Splits

pytestmark = [needs_page, pytest.mark.browser]


@pytest.fixture
def page(browser: Any, made: Path) -> Iterator[Page]:
    opened = Page(browser, viewport={"width": 1280, "height": 900}).open(made / "report.html")
    yield opened
    assert not opened.complaints
    opened.page.close()


def rungs(made: Path) -> list[dict[str, Any]]:
    atlas = json.loads((made / "atlas" / "atlas.json").read_text())
    return atlas["evidence"]["ladder"]


def test_every_layer_has_a_strip_whose_share_is_the_ladders(page: Page, made: Path) -> None:
    found = rungs(made)
    assert page.page.locator("[data-testid^=strip-]").count() == len(found)
    told = 0
    for rung in found:
        strip = page.page.locator(f"[data-testid='strip-{rung['layer']}']")
        assert rung["title"] in strip.inner_text()
        counted = {k: s for k, s in rung["responds"].items() if k != "undescribed" and s["count"]}
        if not counted:
            assert "no unit responds to one describable thing" in strip.inner_text()
            continue
        told += 1
        best = max(
            counted.values(), key=lambda s: s["frac"] if s["excess"] is None else s["excess"]
        )
        assert strip.locator(".share .number").inner_text() == f"{100 * best['frac']:.0f}%"
        if best["untrained_mean"] is not None and best["untrained_sd"] is not None:
            control = f"{100 * best['untrained_mean']:.0f} ± {100 * best['untrained_sd']:.0f}%"
            assert strip.locator(".share .together").inner_text() == control
    assert told


def test_the_strips_are_on_the_first_screen(page: Page) -> None:
    box = page.page.locator("[data-testid^=strip-]").nth(3).bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 900


def test_a_unit_opens_in_a_drawer_and_back_closes_it(page: Page) -> None:
    before = page.page.url
    unit = page.page.locator("#overview a.unit").first
    address = unit.get_attribute("href") or ""
    unit.click()
    drawer = page.page.locator("[data-testid=drawer]")
    drawer.wait_for()
    assert drawer.get_by_text("Where its").is_visible()
    assert page.page.locator("[data-testid=unit-panel]").count() == 1
    assert page.page.evaluate("scrollY") == 0
    page.page.go_back()
    drawer.wait_for(state="detached")
    assert page.page.url == before
    page.page.go_forward()
    layer, number = address.removeprefix("#/layers/").split("/")
    drawer.wait_for()
    assert f"layer={layer}&unit={number}" in page.page.url


def test_the_drawer_goes_on_to_the_next_unit_and_closes_with_escape(page: Page) -> None:
    page.page.locator("#overview a.unit").first.click()
    drawer = page.page.locator("[data-testid=drawer]")
    heading = drawer.locator("h3").first
    here = int(heading.inner_text().split()[1])
    forth = "The unit before" if here else "The next unit"
    drawer.get_by_label(forth).click()
    assert int(heading.inner_text().split()[1]) == (here - 1 if here else 1)
    page.page.keyboard.press("Escape")
    drawer.wait_for(state="detached")


def test_back_undoes_the_choice_of_a_picture_and_of_a_step(page: Page) -> None:
    pictures = page.page.locator("[data-testid=samples] button")
    page.view("forward")
    pictures.nth(1).click()
    page.page.wait_for_url("**sample=1*")
    page.go(3)
    page.page.wait_for_url("**step=3*")
    page.page.go_back()
    page.page.wait_for_selector("[data-testid=step-1][aria-current=step]")
    assert pictures.nth(1).get_attribute("aria-pressed") == "true"
    page.page.go_back()
    page.page.wait_for_function(
        "document.querySelector('[data-testid=samples] button').ariaPressed === 'true'"
    )


def test_the_chosen_picture_and_what_the_network_says_of_it_stay_in_the_bar(page: Page) -> None:
    page.view("words")
    page.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    box = page.page.locator("[data-testid=said]").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 60


def test_every_patch_is_framed_where_it_lies_in_its_picture(
    page: Page, made: Path, striped: Splits
) -> None:
    atlas = json.loads((made / "atlas" / "atlas.json").read_text())
    layer = next(one for one in atlas["layers"] if one["name"] == "features.1")
    unit = next(one for one in layer["units"] if len(one["patches"]) == 9)
    kept = atlas["patch_pictures"]
    assert len(set(kept["rows"])) == len(kept["rows"]) == kept["sprite"]["count"]
    page.page.evaluate(f"location.hash = '#/overview?layer=features.1&unit={unit['index']}'")
    page.page.wait_for_selector("[data-testid=patch-in-picture]")
    frames = page.page.locator("[data-testid=patch-in-picture]")
    shown = [patch for patch in unit["patches"] if patch["value"] != 0]
    assert frames.count() == len(shown)
    side = atlas["input"]["height"]
    sheet = np.asarray(Image.open(made / "atlas" / kept["sprite"]["file"]).convert("L"))
    h, w = kept["sprite"]["tile_px"]
    for frame, patch in zip(frames.all(), shown, strict=True):
        whole, field = frame.bounding_box(), frame.locator(".field").bounding_box()
        px = whole["width"] / side
        top, left, height, width = patch["box_px"]
        bottom, right = field["y"] + field["height"], field["x"] + field["width"]
        # What lies beyond the picture is cut off by it.
        assert max(field["y"] - whole["y"], 0) == pytest.approx(px * top, abs=0.6)
        assert max(field["x"] - whole["x"], 0) == pytest.approx(px * left, abs=0.6)
        assert min(bottom - whole["y"], px * side) == pytest.approx(px * (top + height), abs=0.6)
        assert min(right - whole["x"], px * side) == pytest.approx(px * (left + width), abs=0.6)
        row, column = divmod(kept["rows"].index(patch["row"]), kept["sprite"]["columns"])
        tile = sheet[row * h : (row + 1) * h, column * w : (column + 1) * w].astype(float)
        picture = striped.test.take(torch.tensor([patch["row"]]))[0].float().mean(0).numpy()
        assert np.corrcoef(tile.ravel(), picture.ravel())[0, 1] > 0.95
