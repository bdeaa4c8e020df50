"""The frame of the page: every view by address, keyboard, phone, paper, and for everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Page, needs_page

pytestmark = [needs_page, pytest.mark.browser]
VIEWS = (
    "overview",
    "try",
    "forward",
    "decision",
    "layers",
    "training",
    "test",
    "evidence",
    "quiz",
    "neuron",
    "words",
)
# Prose: not the figures and their captions, nor the sums that stand as sentences.
WORDS = """() => [...document.querySelectorAll('main p')]
    .filter((p) => p.checkVisibility() && !p.closest('details, figure, aside, [data-reference]'))
    .flatMap((p) => p.innerText.split(/\\s+/).filter(Boolean)).length"""


@pytest.fixture
def page(browser: Any, made: Path) -> Iterator[Page]:
    opened = Page(browser, viewport={"width": 1280, "height": 800}).open(made / "report.html")
    yield opened
    assert not opened.complaints
    opened.page.close()


def test_every_view_has_a_tab_an_address_and_a_way_back(page: Page) -> None:
    tabs = page.page.locator("[data-testid^=view-]")
    names = [name.removeprefix("view-") for name in tabs.evaluate_all(
        "nodes => nodes.map((node) => node.dataset.testid)")]  # fmt: skip
    assert names == list(VIEWS)
    for name in VIEWS[1:]:
        page.view(name)
        assert page.page.evaluate("location.hash") == f"#/{name}"
        assert page.page.locator("main h1").first.is_visible()
        assert page.page.evaluate("scrollY") == 0
    for name in reversed(VIEWS[:-1]):
        page.page.go_back()
        page.page.wait_for_selector(f"[data-testid=view-{name}][aria-current=page]")
    page.page.go_forward()
    page.page.wait_for_selector("[data-testid=view-try][aria-current=page]")


def test_a_view_has_few_words(page: Page) -> None:
    for name in VIEWS[:-1]:  # the glossary is words
        page.view(name)
        assert page.page.evaluate(WORDS) <= 40, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, made: Path, scheme: str) -> None:
    opened = Page(browser, color_scheme=scheme).open(made / "report.html", "#/layers/features.1/3")
    for name in VIEWS:
        opened.view(name)
        opened.unfold()
        assert not opened.faults(), name
    assert not opened.complaints
    opened.page.close()


@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_is_cut_off_and_everything_can_be_hit(browser: Any, made: Path, width: int) -> None:
    opened = Page(browser, viewport={"width": width, "height": 740}).open(made / "report.html")
    for name in VIEWS:
        opened.view(name)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width, name
        small = opened.page.evaluate(
            """() => [...document.querySelectorAll('button, summary, select, input, nav a')]
                .filter((node) => node.checkVisibility() && !node.closest('.term, p'))
                .filter((node) => {
                  const { width, height } = node.getBoundingClientRect();
                  return width > 0 && (width < 23.9 || height < 23.9);
                })
                .map((node) => node.outerHTML.slice(0, 90))"""
        )
        assert not small, name
    opened.page.close()


def test_on_a_phone_a_unit_covers_its_layer_and_back_returns(browser: Any, made: Path) -> None:
    opened = Page(browser, viewport={"width": 375, "height": 740})
    opened.open(made / "report.html", "#/layers/features.1")
    opened.page.click("[data-testid=unit-5]")
    drawer = opened.page.locator("[data-testid=drawer]")
    drawer.wait_for()
    assert "Unit 5" in drawer.inner_text()
    assert drawer.bounding_box()["width"] == 375
    opened.page.go_back()
    drawer.wait_for(state="detached")
    opened.page.close()


def test_the_keyboard_is_enough(page: Page) -> None:
    keys = page.page.keyboard
    keys.press("Tab")
    assert page.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    keys.press("Enter")
    assert page.page.evaluate("document.activeElement.id") == "content"
    tab = page.page.locator("[data-testid=view-layers]")
    tab.focus()
    keys.press("Enter")
    page.page.wait_for_selector("#layers")
    # The units are one stop; the arrow keys move among them.
    units = page.page.locator("[data-testid^=unit-][data-cell]")
    assert units.count() > 8
    assert page.page.locator("[data-testid^=unit-][tabindex='0']").count() == 1
    page.page.locator("[data-testid^=unit-][tabindex='0']").focus()
    keys.press("ArrowRight")
    focused = page.page.evaluate("document.activeElement.dataset.testid")
    assert focused == units.nth(1).get_attribute("data-testid")
    keys.press("Enter")
    assert page.page.evaluate("location.hash").endswith("/" + focused.removeprefix("unit-"))


def test_paper_gets_overview_layers_and_test_complete(page: Page) -> None:
    page.view("training")
    page.page.emulate_media(media="print")
    page.page.wait_for_selector("#layers")
    assert page.page.locator("main > section, main > header").evaluate_all(
        "nodes => nodes.map((node) => node.id)"
    ) == ["", "overview", "layers", "test"]
    assert page.page.locator("#layers [data-testid=statements]").count() > 1
    assert not page.page.locator("nav").is_visible()
    ground = page.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    page.page.emulate_media(media="screen")
    page.page.wait_for_selector("#training")
    assert not page.page.locator("#layers").count()


def test_every_page_of_paper_is_printed(page: Page) -> None:
    # Printed from the screen, as by a menu: what paper adds must stand before pages are counted.
    printed = page.page.pdf(print_background=True)
    page.page.emulate_media(media="print")
    page.page.wait_for_selector("#test")
    whole = page.page.pdf(print_background=True)
    pages = [len(re.findall(rb"/Type\s*/Page\b", one)) for one in (printed, whole)]
    assert pages[0] == pages[1] > 2
