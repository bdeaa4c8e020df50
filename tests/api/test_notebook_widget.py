"""What a notebook shows: the report where widgets are, pictures where they are not."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browsing import Page, needs_page
from html_checks import checked

from layerscope import notebook_widget
from layerscope.api.open_atlas import load_atlas
from layerscope.data.imageset import Splits
from layerscope.notebook_widget import notebook_page
from layerscope.pipeline.look import look
from layerscope.training.runs.run_folder import Run, open_run
from layerscope.training.session import train
from layerscope.view.report import write_report

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def run(striped: Splits, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with an atlas and a report."""
    folder = tmp_path_factory.mktemp("runs")
    trained = train(striped, model="fashion-cnn", out=folder, epochs=1, batch_size=40)
    atlas = look(trained, effort=None)
    write_report(trained.path / "report.html", atlas_dir=atlas.path, run_dir=trained.path)
    return trained


def widget_of(bundle: dict[str, Any]) -> Any:
    from ipywidgets import Widget

    return Widget.widgets[bundle[VIEW]["model_id"]]  # type: ignore[attr-defined]


@needs_page
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_everything_opens_the_report_where_it_belongs(run: Run) -> None:
    atlas = load_atlas(run.path)
    unit = atlas["features.1"].unit(3)
    page = (run.path / "report.html").read_bytes()
    for shown, address in (
        (open_run(run.path), ""),
        (atlas, ""),
        (atlas["features.1"], "#/layers/features.1"),
        (unit, "#/layers/features.1/3"),
    ):
        bundle: Any = shown._repr_mimebundle_()
        widget = widget_of(bundle)
        assert gzip.decompress(widget.page) == page
        assert widget.address == address
        checked(bundle["text/html"])  # what stands there where scripts are off
        assert bundle["text/html"] == shown._repr_html_()
        widget.close()


def test_without_a_report_or_anywidget_the_pictures_are_shown(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run.path / "atlas", tmp_path / "atlas")
    alone = load_atlas(tmp_path / "atlas")
    assert alone._repr_mimebundle_() is None
    assert "<img" in alone["features.1"]._repr_html_()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    assert notebook_page(run.path / "report.html", "<b>x</b>") is None


def test_a_page_that_was_not_built_is_no_widget(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook_widget, "SCRIPT", tmp_path / "widget.js")
    assert notebook_page(run.path / "report.html", "<b>x</b>") is None


@needs_page
@pytest.mark.browser
@pytest.mark.slow
def test_a_real_jupyterlab_shows_an_atlas_and_a_unit(
    browser: Any, run: Run, tmp_path: Path
) -> None:
    cells = [
        "import layerscope as ls",
        f"atlas = ls.load_atlas({str(run.path)!r})",
        "atlas['features.1'].unit(3)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("\n".join(cells))])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, tmp_path / "n.ipynb")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings = {
        "ServerApp.token": "", "ServerApp.password": "", "ServerApp.disable_check_xsrf": True,
        "ServerApp.open_browser": False, "ServerApp.port": port,
        "ServerApp.root_dir": str(tmp_path), "ServerApp.allow_root": True,
        "LabApp.news_url": None, "LabApp.check_for_updates_class":
        "jupyterlab.NeverCheckForUpdate",
    }  # fmt: skip
    arguments = [f"--{name}={value}" for name, value in settings.items() if value is not None]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments], stdout=log, stderr=log, cwd=tmp_path
        )
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{url}/api", timeout=1) as answer:
                    json.load(answer)
                break
            except OSError:
                time.sleep(0.2)
        page = Page(browser, viewport={"width": 1300, "height": 1000})
        page.page.goto(f"{url}/lab/tree/n.ipynb?reset")
        page.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
        page.page.wait_for_selector(
            ".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=90_000
        )
        page.page.click(".jp-Notebook .jp-CodeCell .cm-content")
        page.page.keyboard.press("Shift+Enter")
        page.page.wait_for_selector(".jp-OutputArea iframe[sandbox]", timeout=120_000)
        frame = page.page.frame_locator(".jp-OutputArea iframe[sandbox]")
        frame.locator("text=unit 3").first.wait_for(timeout=60_000)
        page.page.screenshot(path=str(tmp_path / "lab.png"))
        ours = [text for text in page.complaints if "blob:" in text or "layerscope" in text.lower()]
        assert not ours, page.complaints
        outside = [
            asked
            for asked in page.requests
            if not asked.startswith((url, "blob:", "data:", f"ws://127.0.0.1:{port}"))
        ]
        assert not outside
        page.page.close()
    finally:
        process.terminate()
        process.wait(30)
