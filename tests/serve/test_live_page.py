"""A training that is watched in a real browser: it streams, pauses, and takes another rate."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from browsing import Page
from tiny_row_runs import things

from layerscope.cli.rows.print_rows import in_a_sentence
from layerscope.data.imageset import Splits
from layerscope.serve.guard import Rules
from layerscope.serve.live_app import live_app, telling
from layerscope.serve.web_server import BesideServer, bound, link
from layerscope.training.rows.rows_session import RowsListener, train_rows
from layerscope.training.session import Listener, train
from layerscope.training.watch import Watch
from layerscope.view.page_files import page_path

TOKEN = "k3Yk3Yk3Yk3Yk3Yk3Y"


@pytest.mark.browser
@pytest.mark.skipif(not page_path("live").is_file(), reason="the page is not built")
def test_a_training_is_watched_paused_and_changed_by_hand(
    browser: Any, striped: Splits, tmp_path: Path
) -> None:
    watch = Watch()
    watch.pause(True)
    sock = bound("127.0.0.1", 0)
    rules = Rules("127.0.0.1", sock.getsockname()[1], TOKEN)
    app, server = live_app(watch, rules)
    done: list[Any] = []

    def training() -> None:
        run = train(
            striped, model="fashion-cnn", out=tmp_path, epochs=2, batch_size=40,
            listener=telling(Listener(), watch),
        )  # fmt: skip
        watch.tell("over", {"accuracy": run.record.results.test_accuracy, "path": str(run.path)})
        done.append(run)

    with BesideServer(app, sock, on_stop=server.over.set):
        url = f"http://127.0.0.1:{rules.port}"
        assert httpx.post(f"{url}/api/pause", json={"paused": False}).status_code == 401
        known = {"authorization": f"Bearer {TOKEN}"}
        for path, body in (
            ("pause", {"paused": 3}), ("pause", {}), ("rate", {"rate": -1}),
            ("rate", {"rate": "x"}), ("rate", {"rate": 0.1, "more": 1}),
        ):  # fmt: skip
            answer = httpx.post(f"{url}/api/{path}", json=body, headers=known)
            assert answer.status_code == 400, answer.text
        assert httpx.get(f"{url}/api/frames/999", headers=known).status_code == 404

        page = Page(browser, color_scheme="light", bypass_csp=True)
        page.page.goto(link(rules))
        assert "token" not in page.page.url
        thread = threading.Thread(target=training)
        thread.start()
        page.page.wait_for_selector("[data-testid=live-state]:has-text('paused')")
        page.page.click("[data-testid=live-single]")
        page.page.wait_for_selector("[data-testid=playback-moment]:has-text('step 1,')")
        page.page.fill("[data-testid=live-wanted]", "0.002")
        page.page.click("[data-testid=live-set]")
        page.page.click("[data-testid=live-single]")
        page.page.wait_for_selector("[data-testid=live-changed]:has-text('0.00200')")
        page.page.wait_for_selector("[data-testid=playback-moment]:has-text('step 2,')")
        frames = [one.value for one in watch.since(-1)[1] if one.name == "frame"]
        shown = page.page.text_content("[data-testid=playback-moment]")
        assert f"loss {frames[1]['loss']:.3f}" in shown
        first = page.page.text_content("[data-testid=playback-gradients] tbody tr:last-child")
        assert f"{frames[1]['gradient_norm'][0]:.2g}"[:3] in first
        assert page.page.locator("[data-testid=playback-filters] canvas").count() > 0
        for wanted in ("light", "dark"):  # while the training waits in the middle
            assert page.page.locator(f"html[data-theme={wanted}]").count() == 1
            assert not page.faults(), wanted
            if wanted == "light":
                page.page.get_by_role("button", name="Change to dark colours").click()
        page.page.click("[data-testid=live-pause]")
        over = page.page.wait_for_selector("[data-testid=live-over]", timeout=60_000)
        thread.join(60)
        (run,) = done
        assert f"{100 * run.record.results.test_accuracy:.1f}%" in over.text_content()
        assert "by hand" in over.text_content()
        assert [(change.step, change.rate) for change in run.record.by_hand] == [(1, 0.002)]
        # A tab that comes later is told all of it.
        late = Page(browser)
        late.page.context.add_cookies([{"name": rules.cookie, "value": TOKEN, "url": url}])
        late.page.goto(url)
        late.page.wait_for_selector("[data-testid=live-epochs]")
        late.page.wait_for_selector("[data-testid=live-over]")
        for tab in (page, late):
            assert not tab.complaints
            assert all(asked.startswith((url, "data:")) for asked in tab.requests)
            tab.page.screenshot(path=str(tmp_path / "live.png"), full_page=True)
            tab.page.close()


@pytest.mark.browser
@pytest.mark.skipif(not page_path("live").is_file(), reason="the page is not built")
def test_a_training_on_rows_is_watched_beside_simpler_models(browser: Any, tmp_path: Path) -> None:
    watch = Watch()
    watch.pause(True)
    sock = bound("127.0.0.1", 0)
    rules = Rules("127.0.0.1", sock.getsockname()[1], TOKEN)
    app, server = live_app(watch, rules)

    def training() -> None:
        run = train_rows(
            things(tmp_path), target="price", out=tmp_path, device="cpu", epochs=2, hidden=8,
            folds=False, listener=telling(RowsListener(), watch),
        )  # fmt: skip
        watch.tell("over", {"sentence": in_a_sentence(run), "path": str(run.path)})

    with BesideServer(app, sock, on_stop=server.over.set):
        page = Page(browser, color_scheme="light", bypass_csp=True)
        page.page.goto(link(rules))
        thread = threading.Thread(target=training)
        thread.start()
        page.page.click("[data-testid=live-single]")
        page.page.click("[data-testid=live-single]")
        page.page.wait_for_selector("[data-testid=playback-moment]:has-text('step 2,')")
        (start,) = [one.value for one in watch.since(-1)[1] if one.name == "start"]
        dots = page.page.locator("[data-testid=live-scatter] circle")
        assert dots.count() == len(start["rows"]["truth"])
        assert f"{start['rows']['truth'][0]:.3g} price" in dots.first.text_content()
        assert not page.faults()
        page.page.click("[data-testid=live-pause]")
        over = page.page.wait_for_selector("[data-testid=live-over]", timeout=60_000)
        thread.join(60)
        assert "Test mean absolute error (price): " in over.text_content()
        beside = page.page.text_content("[data-testid=live-epochs]")
        for one in start["rows"]["baselines"]:
            assert one["name"] in beside
        assert f"the mean {start['rows']['baselines'][1]['value']:.1f}" in beside
        assert not page.complaints
        page.page.close()
