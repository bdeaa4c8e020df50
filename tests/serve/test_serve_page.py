"""The server's page in a real browser, with real work behind it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from browsing import Page
from PIL import Image, ImageDraw
from serving import Served

from layerscope.view.page_files import page_path

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not page_path("serve").is_file(), reason="the page is not built"),
]


def job_states(served: Served) -> list[str]:
    return [job["state"] for job in httpx.get(f"{served.url}/api/state").json()["jobs"]]


def test_a_training_is_started_killed_and_started_again_from_the_page(
    browser: Any, working_server: Served, tmp_path: Path
) -> None:
    served = working_server
    page = Page(browser)
    other = Page(browser)  # a second tab
    for tab in (page, other):
        tab.page.goto(served.url)
        tab.page.wait_for_selector("[data-testid=run][data-name=digit-cnn]")
    shown = page.page.text_content("[data-testid=run-accuracy]")
    run = next(iter(httpx.get(f"{served.url}/api/state").json()["runs"]))
    assert shown == f"{100 * run['accuracy']:.1f}%"

    page.page.select_option("[data-testid=train-data]", "digits")
    page.page.select_option("[data-testid=train-model]", "digit-mlp")
    page.page.fill("[data-testid=train-epochs]", "1")
    page.page.uncheck("[data-testid=train-look]")
    page.page.click("[data-testid=train-start]")
    for tab in (page, other):
        tab.page.wait_for_selector("[data-testid=job][data-state=running]")
    # Killed in the middle, by nobody's wish.
    (process,) = served.queue._own.values()
    os.kill(process.pid, signal.SIGKILL)
    for tab in (page, other):
        tab.page.wait_for_selector("[data-testid=job][data-state=killed]")
    page.page.click("[data-testid=job-again]")
    page.page.wait_for_selector("[data-testid=job][data-state=finished]", timeout=120_000)
    page.page.wait_for_selector("[data-testid=run][data-state=finished]:not([data-name=digit-cnn])")
    trained = list(served.runs.glob("digits-digit-mlp-*/run.json"))
    assert len(trained) == 1

    # A drawing of one's own, named by the network that comes trained.
    drawing = Image.new("L", (60, 60), 255)
    ImageDraw.Draw(drawing).line([(30, 10), (30, 50)], fill=0, width=6)
    drawing.save(tmp_path / "one.png")
    page.page.select_option("[data-testid=picture-network]", "digit-cnn")
    page.page.set_input_files("[data-testid=picture-file]", tmp_path / "one.png")
    page.page.click("[data-testid=picture-predict]")
    labels = page.page.wait_for_selector("[data-testid=job-labels]", timeout=120_000)
    assert labels.text_content().strip().startswith("1")

    # A refusal is said; a job is cancelled while it runs.
    page.page.fill("[data-testid=train-settings]", "widhts=8,16")
    page.page.click("[data-testid=train-start]")
    trouble = page.page.wait_for_selector("[data-testid=trouble]")
    assert "did you mean 'widths'" in trouble.text_content()
    page.page.fill("[data-testid=train-settings]", "")
    page.page.fill("[data-testid=train-epochs]", "500")
    page.page.click("[data-testid=train-start]")
    page.page.wait_for_selector("[data-testid=job][data-state=running]")
    time.sleep(1)
    page.page.click("[data-testid=job][data-state=running] [data-testid=job-cancel]")
    page.page.wait_for_selector("[data-testid=job][data-state=cancelled]", timeout=60_000)

    # Only the refusal is a complaint, and nothing leaves the machine.
    said = [text for text in page.complaints if "400" not in text]
    assert not said
    assert all(url.startswith((served.url, "data:")) for url in page.requests)
    for tab in (page, other):
        tab.page.close()
