"""A page in a real browser, for the tests of what a person sees."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest

from layerscope.view import report

needs_page = pytest.mark.skipif(
    not report.template_path().is_file(),
    reason="the page is not built: pip install . builds it",
)
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
RAISED = str.maketrans(
    "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "-0123456789"
)


class Page:
    """A page that notes every request and every complaint."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.page = browser.new_page(**options)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type in ("error", "warning")
                else None
            ),
        )

    def open(self, path: Path, hash_: str = "") -> Page:
        self.page.goto(f"file://{path}{hash_}")
        self.page.wait_for_selector("[data-testid=page]")
        return self

    def view(self, name: str) -> Page:
        """Go to a view by its tab, as a person does."""
        self.page.click(f"[data-testid=view-{name}]")
        self.page.wait_for_selector(f"[data-testid=view-{name}][aria-current=page]")
        return self

    def unfold(self) -> None:
        """Open everything that waits under a heading."""
        self.page.evaluate(
            "for (const one of document.querySelectorAll('details')) one.open = true"
        )

    def saved(self, kind: str, name: str) -> Path:
        """The file that a figure's button gives: its kind is svg, png or csv."""
        with self.page.expect_download() as download:
            self.page.click(f"[data-testid='save-{kind}-{name}']")
        assert download.value.suggested_filename == f"{name}.{kind}"
        return Path(download.value.path())

    def saved_rows(self, name: str) -> list[dict[str, str]]:
        """A figure's CSV, each row by its columns' names."""
        with self.saved("csv", name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def faults(self) -> list[str]:
        """What axe-core finds serious or critical in the page as it stands.

        A page with a content security policy is opened with `bypass_csp=True` for that.
        """
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [
            f"{fault['id']}: {fault['nodes'][0]['html']}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
        ]

    def number(self, testid: str) -> float:
        text = self.page.text_content(f"[data-testid={testid}]")
        plain = text.replace("\u2212", "-").replace(",", "").rstrip("%")
        mantissa, _, power = plain.partition("\u00a0\u00d7\u00a010")
        return float(mantissa) * 10.0 ** int(power.translate(RAISED) or 0)

    def go(self, step: int) -> None:
        if not self.page.locator("[data-testid=step-body]").count():
            self.view("forward")
        self.page.click(f"[data-testid=step-{step}]")
        self.page.wait_for_selector(f"[data-testid=step-{step}][aria-current=step]")
