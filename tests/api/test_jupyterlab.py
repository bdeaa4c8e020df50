"""What a notebook shows in a real JupyterLab, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browsing import Page, needs_page
from lab_server import jupyter_lab, write_notebook

from layerscope.api.open_atlas import load_atlas
from layerscope.atlas.atlas_layer import AtlasLayer
from layerscope.data.imageset import Splits
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.training.runs.run_folder import open_run
from layerscope.training.session import train
from layerscope.view.report import write_report

LITTLE = Effort(
    pictures=48, untrained=2, ablation_pictures=16, featurevis_steps=0, dependence_patches=0
)
FRAME = ".jp-OutputArea iframe[sandbox]"


@pytest.fixture(scope="module")
def run(striped: Splits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with an atlas and a report."""
    made = train(
        striped, model="fashion-cnn", out=tmp_path_factory.mktemp("runs"), epochs=1, batch_size=40
    )
    atlas = look(made, effort=LITTLE)
    write_report(made.path / "report.html", atlas_dir=atlas.path, run_dir=made.path)
    return made.path


@needs_page
@pytest.mark.browser
@pytest.mark.slow
def test_a_notebook_shows_a_run_an_atlas_and_a_unit(
    browser: Any, run: Path, tmp_path: Path
) -> None:
    notebooks, home = tmp_path / "notebooks", tmp_path / "home"
    notebooks.mkdir()
    home.mkdir()
    accuracy = open_run(run).record.results.test_accuracy
    layer = load_atlas(run)["features.1"]
    named = [unit.index for unit in layer.units if unit.name and unit.descriptions]
    first, other = named[0], named[-1]
    write_notebook(notebooks / "shown.ipynb", [
        f"import layerscope as ls\nrun = ls.open_run({str(run)!r})\nrun",
        "atlas = ls.load_atlas(run.path)\natlas",
        f"atlas['features.1'].unit({first})",
    ])  # fmt: skip
    with jupyter_lab(notebooks, home) as url:
        page = Page(browser, viewport={"width": 1280, "height": 1600})
        page.page.set_default_timeout(120_000)
        page.page.goto(f"{url}/lab/tree/shown.ipynb")
        for n in range(3):
            run_cell(page.page, n)
        shown = [page.page.locator(FRAME).nth(n).content_frame for n in range(3)]
        for frame in shown[:2]:
            frame.locator(f"text={100 * accuracy:.1f}").first.wait_for()
        # The pictures that stand there for readers without scripts have given way.
        pictures = page.page.locator("[class^=layerscope-]")
        assert pictures.count() == 3
        assert not any(pictures.nth(n).is_visible() for n in range(3))
        # The unit opens where it stands in the report; another is a click away.
        assert strength(shown[2], first) == pytest.approx(strength_of(layer, first), abs=0.0051)
        shown[2].locator(f"[data-testid=unit-{other}]").click()
        assert strength(shown[2], other) == pytest.approx(strength_of(layer, other), abs=0.0051)
        assert not page.complaints
        outside = (url, url.replace("http:", "ws:"), "blob:", "data:")
        assert all(asked.startswith(outside) for asked in page.requests)
        page.page.close()


def run_cell(page: Any, n: int) -> None:
    """Run a notebook's cell.

    A notebook calls itself idle before its kernel is there, and passes over a cell that is run by
    then. So the key is pressed again until the cell's prompt counts it or shows a star.
    """
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(n)
    for _ in range(120):
        cell.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        page.wait_for_timeout(1000)
        if cell.locator(".jp-InputPrompt").inner_text() != "[ ]:":
            return
    raise AssertionError(f"cell {n + 1} was not run within two minutes")


def strength(frame: Any, unit: int) -> float:
    """The strength of a unit's description, as the page in a frame shows it."""
    panel = frame.locator(f"[data-testid=unit-panel]:has-text('Unit {unit} ')")
    return float(panel.locator("[data-testid=statement] b").first.inner_text())


def strength_of(layer: AtlasLayer, unit: int) -> float:
    """The strength of the description that the unit is named by."""
    facts = layer.unit(unit)
    return next(one.strength for one in facts.descriptions if one.words == facts.name)
