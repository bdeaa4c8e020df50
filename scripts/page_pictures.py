"""Make the docs' pictures of the page from a demo's report, and from a page with two demos.

python scripts/page_pictures.py runs/…/report.html both.html

Run with the `dev` extra and Chromium installed. The second page is written by
`layerscope compare RUN RUN2 --report both.html`.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

DOCS = Path(__file__).parents[1] / "docs"
STILLS = {
    "report.png": "overview",
    "forward.png": "forward",
    "decision.png": "decision",
    "evidence.png": "evidence",
}
HEIGHTS = {"report.png": 800}
FRAME_MS, MOST_FRAMES = 420, 12


def opened(browser: Browser, report: Path, view: str, height: int = 760) -> Page:
    """A page at a view, with everything on it."""
    page = browser.new_page(viewport={"width": 1280, "height": height}, color_scheme="light")
    page.goto(f"{report.resolve().as_uri()}#/{view}")
    page.wait_for_selector("[data-testid=page]")
    page.wait_for_timeout(2500)
    return page


def unit(browser: Browser, report: Path) -> None:
    """The drawer of the unit that the overview names after a part, or of its first."""
    page = opened(browser, report, "overview", 800)
    named = page.locator("#overview a.unit", has_text="whiskers")
    (named if named.count() else page.locator("#overview a.unit")).first.click()
    page.wait_for_selector("[data-testid=drawer]")
    page.wait_for_timeout(500)
    page.screenshot(path=DOCS / "unit.png")
    page.close()


def training(browser: Browser, report: Path) -> None:
    """The recording, frame by frame."""
    page = opened(browser, report, "training")
    slider = page.locator("#training input[type=range]").first
    last = int(slider.get_attribute("max") or 0)
    frames = []
    for frame in range(min(last + 1, MOST_FRAMES)):
        slider.fill(str(round(frame * last / max(1, min(last, MOST_FRAMES - 1)))))
        page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(300)
        # What moves: below the bar, between the margins.
        shot = page.screenshot(clip={"x": 85, "y": 56, "width": 1110, "height": 704})
        frames.append(Image.open(io.BytesIO(shot)).convert("P", palette=Image.Palette.ADAPTIVE))
    frames[0].save(
        DOCS / "training.gif", save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0
    )
    page.close()


def main() -> None:
    report, both = map(Path, sys.argv[1:3])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for name, view in STILLS.items():
            page = opened(browser, report, view, HEIGHTS.get(name, 760))
            page.screenshot(path=DOCS / name)
            page.close()
        unit(browser, report)
        training(browser, report)
        page = opened(browser, both, "beside", 900)
        page.wait_for_selector("[data-testid=pairs]", timeout=120_000)
        page.screenshot(path=DOCS / "beside.png")
        browser.close()


if __name__ == "__main__":
    main()
