"""What a notebook shows: the report where widgets are, pictures where they are not."""

from __future__ import annotations

import gzip
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from browsing import needs_page
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
    from ipywidgets.widgets.widget import _instances

    return _instances[bundle[VIEW]["model_id"]]


@needs_page
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
