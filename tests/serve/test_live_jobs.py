"""A training that the server started is watched through it, and told of to the end."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import httpx
import pytest
from browsing import Page
from serving import Served

from layerscope.formats.run_files import read_run_record
from layerscope.serve.guard import Rules
from layerscope.serve.jobs.job_files import LIVE
from layerscope.serve.live_proxy import write_address
from layerscope.view.page_files import page_path

needs_pages = pytest.mark.skipif(not page_path("live").is_file(), reason="the page is not built")


def add(served: Served, **settings: Any) -> str:
    """Ask for a training of digits; its id."""
    asked = {"kind": "train", "data": "digits", "model": "digit-mlp", "report": False}
    answer = httpx.post(f"{served.url}/api/jobs", json={**asked, "settings": settings})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


@needs_pages
@pytest.mark.browser
@pytest.mark.slow
def test_a_job_is_watched_paused_and_changed_by_hand(browser: Any, working_server: Served) -> None:
    served = working_server
    list_, live = Page(browser), Page(browser)
    for tab in (list_, live):
        tab.page.set_default_timeout(120_000)
    list_.page.goto(served.url)
    id_ = add(served, epochs=300)
    job = f"[data-testid=job][data-id='{id_}']"
    list_.page.wait_for_selector(f"{job} [data-testid=job-watch]")
    live.page.goto(f"{served.url}/jobs/{id_}/live/")
    live.page.click("[data-testid=live-pause]")
    live.page.wait_for_selector("[data-testid=live-state]:has-text('paused')")
    list_.page.wait_for_selector(f"{job}:has-text('paused by hand')")
    live.page.fill("[data-testid=live-wanted]", "0.002")
    live.page.click("[data-testid=live-set]")
    live.page.click("[data-testid=live-single]")
    live.page.wait_for_selector("[data-testid=live-changed]:has-text('0.00200')")
    live.page.wait_for_selector("[data-testid=playback-gradients] tbody tr")
    # Refused there as on the training's own page.
    url = f"{served.url}/jobs/{id_}/live/api"
    for path, body in (("rate", {"rate": -1}), ("pause", {"paused": 3}), ("single", {"x": 1})):
        assert httpx.post(f"{url}/{path}", json=body).status_code in (400, 413)
    # Killed while it stands still, by nobody's wish: both pages say so, and it begins again.
    os.kill(served.queue._own[id_].pid, signal.SIGKILL)
    live.page.wait_for_selector("[data-testid=live-state]:has-text('killed')")
    list_.page.wait_for_selector(f"{job}[data-state=killed]")
    assert httpx.post(f"{url}/single").status_code == 409
    made = list_.page.get_attribute("[data-testid=run][data-state=unfinished]", "data-name")
    list_.page.click(f"[data-name='{made}'] [data-testid=run-resume]")
    again = list_.page.wait_for_selector("[data-testid=job-watch]")
    live.page.goto(f"{served.url}/{again.get_attribute('href')}")
    live.page.wait_for_selector("[data-testid=live-step]")
    (number,) = {one["number"] for one in events(served, live.page.url, "frame")[:1]}
    assert httpx.get(f"{live.page.url}api/frames/{number}").content[:8] != b""
    list_.page.click("[data-testid=job-cancel]")
    live.page.wait_for_selector("[data-testid=live-state]:has-text('cancelled')")
    assert not list_.complaints
    assert all("409" in text or "400" in text for text in live.complaints)
    for tab in (list_, live):
        assert all(asked.startswith((served.url, "data:")) for asked in tab.requests)
        tab.page.close()


@pytest.mark.slow
def test_a_job_tells_to_its_end(working_server: Served) -> None:
    """The rate that was set through the server is in the run's record."""
    id_ = add(working_server, epochs=2)
    home = f"{working_server.url}/jobs/{id_}/live/api"
    names: list[str] = []
    with httpx.stream("GET", f"{home}/events", timeout=120) as stream:
        for line in stream.iter_lines():
            if line.startswith("event: "):
                names.append(line[7:])
                if names[-1] == "start":
                    assert httpx.post(f"{home}/rate", json={"rate": 0.003}).status_code == 204
            if line.startswith("data: ") and names[-1] == "end":
                end = json.loads(line[6:])
    assert {"start", "frame", "epoch", "rate", "over"} <= set(names)
    assert (end["state"], end["report"]) == ("finished", False)
    record = read_run_record(working_server.runs / end["run"])
    assert [change.rate for change in record.by_hand] == [0.003]
    assert not (working_server.queue.home / id_ / LIVE).exists()
    # Whoever comes later is told how it ended.
    late = httpx.get(f"{home}/events").text
    assert json.loads(late.partition("data: ")[2]) == end


def events(served: Served, page: str, name: str) -> list[dict[str, Any]]:
    """The first events of a kind that a page is told."""
    found: list[dict[str, Any]] = []
    with httpx.stream("GET", f"{page}api/events", timeout=120) as stream:
        last = ""
        for line in stream.iter_lines():
            last = line[7:] if line.startswith("event: ") else last
            if line.startswith("data: ") and last == name:
                found.append(json.loads(line[6:]))
                return found
    return found


def test_what_is_no_training_of_ours_is_not_handed_on(waiting_server: Served) -> None:
    url = waiting_server.url
    assert httpx.get(f"{url}/jobs/20260101-000000-dead/live/").status_code == 404
    assert httpx.get(f"{url}/jobs/..%2f..%2fetc/live/api/probe").status_code == 404
    id_ = add(waiting_server)
    folder = waiting_server.queue.home / id_
    assert httpx.post(f"{url}/jobs/{id_}/live/api/single").status_code == 409
    # An address behind which nobody listens, and one that holds none.
    write_address(folder / LIVE, Rules("127.0.0.1", 9, "token"))
    assert (folder / LIVE).stat().st_mode & 0o077 == 0
    assert httpx.post(f"{url}/jobs/{id_}/live/api/single").status_code == 409
    (folder / LIVE).write_text('{"port": "x"}', encoding="utf-8")
    assert httpx.get(f"{url}/jobs/{id_}/live/api/probe").status_code == 409
    httpx.post(f"{url}/api/jobs/{id_}/cancel")


@needs_pages
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_both_pages_are_for_everybody(
    browser: Any, waiting_server: Served, scheme: str, width: int
) -> None:
    opened = Page(
        browser, color_scheme=scheme, viewport={"width": width, "height": 740},
        bypass_csp=True,  # axe is evaluated in the page
    )  # fmt: skip
    broken = waiting_server.runs / "broken"
    broken.mkdir(exist_ok=True)
    (broken / "plan.json").write_text('{"schema": ', encoding="utf-8")
    ended, waits = add(waiting_server), add(waiting_server)
    httpx.post(f"{waiting_server.url}/api/jobs/{ended}/cancel")
    for address, shown in (("", "[data-testid=job]"), (f"jobs/{waits}/live/", "[role=status]")):
        opened.page.goto(f"{waiting_server.url}/{address}")
        opened.page.wait_for_selector(shown)
        assert not opened.faults()
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        small = opened.page.evaluate(
            """() => [...document.querySelectorAll('button, select, input, a, summary')]
                .filter((node) => node.checkVisibility())
                .filter((node) => {
                  const target = node.closest('label.check') ?? node;
                  const { width, height } = target.getBoundingClientRect();
                  return width < 23.9 || height < 23.9;
                })
                .map((node) => node.outerHTML.slice(0, 90))"""
        )
        assert not small
        assert not opened.complaints
    httpx.post(f"{waiting_server.url}/api/jobs/{waits}/cancel")
    opened.page.close()


@needs_pages
@pytest.mark.browser
def test_a_training_is_started_and_cancelled_by_keyboard(
    browser: Any, waiting_server: Served
) -> None:
    opened = Page(browser)
    opened.page.goto(waiting_server.url)
    opened.page.wait_for_selector("[data-testid=train-start]")
    before = set(waiting_server.queue.home.iterdir())
    keys = opened.page.keyboard

    def reach(testid: str) -> None:
        for _ in range(200):
            keys.press("Tab")
            if opened.page.evaluate("document.activeElement.dataset.testid") == testid:
                return
        raise AssertionError(f"the keyboard does not reach {testid}")

    reach("train-epochs")
    keys.type("3")
    reach("train-start")
    keys.press("Enter")
    opened.page.wait_for_selector("[data-testid=job-cancel]")
    (made,) = set(waiting_server.queue.home.iterdir()) - before
    assert json.loads((made / "job.json").read_text("utf-8"))["request"]["settings"] == {
        "epochs": 3
    }
    reach("job-cancel")
    keys.press("Enter")
    opened.page.wait_for_selector(f"[data-id='{made.name}'][data-state=cancelled]")
    opened.page.close()
