"""What the tests of the page share: a run of a small network, with its atlas and report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Page

from layerscope.data.imageset import Splits
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.training.runs.run_folder import Run, open_run, with_data
from layerscope.training.session import train
from layerscope.view.report import write_report

LITTLE = Effort(
    pictures=48, untrained=2, ablation_pictures=16, featurevis_steps=0, dependence_patches=0
)


@pytest.fixture(scope="session")
def made(striped: Splits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a small network, with its atlas and its report."""
    runs = tmp_path_factory.mktemp("runs")
    run = train(striped, model="fashion-cnn", out=runs, epochs=2, batch_size=16)
    atlas = look(run, effort=LITTLE)
    write_report(run.path / "report.html", atlas_dir=atlas.path, run_dir=run.path)
    return run.path


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """The packaged digits and their report."""
    folder = tmp_path_factory.mktemp("digits")
    run = with_data(open_run("digit-cnn"))
    atlas = look(run, effort=None, out=folder / "atlas")
    return run, write_report(folder / "report.html", atlas_dir=atlas.path, run_dir=run.path)


@pytest.fixture
def page(browser: Any) -> Iterator[Page]:
    """A desk's page, which may neither complain nor load anything from elsewhere."""
    opened = Page(browser, viewport={"width": 1280, "height": 900})
    yield opened
    assert not opened.complaints
    foreign = [url for url in opened.requests if not url.startswith(("file://", "data:", "blob:"))]
    assert not foreign
    opened.page.close()
