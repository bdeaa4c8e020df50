"""The view of the page in which the network runs on a picture that one changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from browsing import Page


def opened(browser: Any, report: Path) -> Page:
    page = Page(browser).open(report, "#/try")
    page.page.wait_for_function(
        "window.layerscope || document.querySelector('[data-testid=trial-refusal]')"
    )
    return page


def closed(page: Page) -> None:
    foreign = [url for url in page.requests if not url.startswith(("file://", "data:", "blob:"))]
    assert not foreign
    assert not page.complaints
    page.page.close()
