"""What a notebook shows: the report where widgets are, pictures where they are not."""

from __future__ import annotations

import gzip
import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browsing import needs_page
from html_checks import checked
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from layerscope import notebook_widget
from layerscope.api.open_atlas import load_atlas
from layerscope.data.imageset import Splits
from layerscope.notebook_widget import show_page
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
    from ipywidgets.widgets.widget import _instances

    return _instances[bundle[VIEW]["model_id"]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a notebook is given to show, output by output."""
    outputs: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: outputs.append(data))
    return outputs


@needs_page
def test_everything_opens_the_report_where_it_belongs(
    run: Run, shown: list[dict[str, Any]]
) -> None:
    atlas = load_atlas(run.path)
    unit = atlas["features.1"].unit(3)
    page = (run.path / "report.html").read_bytes()
    for one, address in (
        (open_run(run.path), ""),
        (atlas, ""),
        (atlas["features.1"], "#/layers/features.1"),
        (unit, "#/layers/features.1/3"),
    ):
        one._ipython_display_()
        pictures, bundle = shown[-2:]
        widget = widget_of(bundle)
        assert gzip.decompress(widget.page) == page
        assert widget.address == address
        checked(pictures["text/html"])  # what stands there where scripts are off
        hides = f'<div class="{widget.instead_of}">'
        assert pictures["text/html"] == f"{hides}{one._repr_html_()}</div>"
        assert pictures["text/plain"] == repr(one)
        widget.close()


def test_without_a_report_or_anywidget_the_pictures_are_shown(
    run: Run, shown: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run.path / "atlas", tmp_path / "atlas")
    alone = load_atlas(tmp_path / "atlas")
    with pytest.raises(NotImplementedError):  # IPython goes on with the HTML
        alone._ipython_display_()
    assert "<img" in alone["features.1"]._repr_html_()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(NotImplementedError):
        show_page(run.path / "report.html", "<b>x</b>", "x")
    assert not shown


def test_a_page_that_was_not_built_is_no_widget(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook_widget, "SCRIPT", tmp_path / "widget.js")
    with pytest.raises(NotImplementedError):
        show_page(run.path / "report.html", "<b>x</b>", "x")


@needs_page
@pytest.mark.browser
@pytest.mark.slow
def test_an_exported_notebook_shows_pictures_without_scripts(
    browser: Any, run: Run, tmp_path: Path
) -> None:
    shown = f"import layerscope as ls\nls.load_atlas({str(run.path)!r})['features.1'].unit(3)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(shown)])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": tmp_path}}).execute()
    assert notebook.metadata.widgets  # the report is in the file, for whoever has scripts
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook)
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    context = browser.new_context(java_script_enabled=False, offline=True)
    opened = context.new_page()
    opened.goto(f"file://{tmp_path}/page.html", wait_until="commit")
    picture = opened.locator(".jp-OutputArea img").first
    picture.wait_for(state="visible")
    box = picture.bounding_box()
    assert box["width"] > 8 and box["height"] > 8
    context.close()
