"""The page of a network of words or numbers runs it as Python does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.browsing import Page, needs_page
from helpers.tiny_row_runs import series_run, table_run, text_run
from layerscope.analysis.sequences.word_states import states_of
from layerscope.data.rows.load_rows import TextEncoding
from layerscope.errors import AtlasError
from layerscope.pipeline.rows.look_rows import look_rows
from layerscope.training.rows.rows_run import RowsRun
from layerscope.view.rows_report import write_rows_report


def opened(browser: Any, run: RowsRun) -> Any:
    """The page of a run, once it has held itself against Python."""
    look_rows(run)
    report = write_rows_report(run.path / "report.html", atlas_dir=run.path / "atlas")
    shown = Page(browser, color_scheme="light")
    page = shown.page
    page.goto(report.resolve().as_uri())
    page.get_by_test_id("checked").wait_for()
    assert not shown.faults()
    page.get_by_role("button", name="Change to dark colours").click()
    page.set_viewport_size({"width": 375, "height": 740})
    assert not shown.faults()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert not shown.complaints
    return page


@needs_page
@pytest.mark.browser
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "transformer"])
def test_a_sentence_of_ones_own_is_read_as_by_python(
    browser: Any, tmp_path: Path, cell: str
) -> None:
    settings = (
        {"model": "text-transformer", "heads": 2} if cell == "transformer" else {"cell": cell}
    )
    run = text_run(tmp_path, epochs=2, **settings)
    page = opened(browser, run)
    page.get_by_test_id("own").fill("We saw NOT bad")
    assert isinstance(run.encoding, TextEncoding)

    def said(text: str) -> str:
        ids = torch.tensor([run.encoding.vocabulary.encode(text.split())])
        share = float(run.model(ids).detach().softmax(1).max())
        return f"{100 * share:.{int(share > 0.995)}f}%"

    first = page.get_by_test_id("prob").first
    assert first.inner_text() == said("we saw not bad")
    if cell == "lstm":
        ids = torch.tensor([run.encoding.vocabulary.encode(["we", "saw", "not", "bad"])])
        found = states_of(run.model, ids)["rnn"]
        assert found.cells is not None
        for name, values in (*found.gates.items(), ("cell", found.cells)):
            if name != "candidate":  # the first unit, behind the last word
                shown = float(
                    page.get_by_test_id(f"gate-{name}").inner_text().replace("\u2212", "-")
                )
                assert shown == pytest.approx(float(values[0, -1, 0]), rel=6e-3)
    if cell == "transformer":
        assert page.get_by_text("Does removing the attended word matter?").is_visible()
    # Struck out, the word is the unknown one.
    page.get_by_test_id("words").get_by_role("button", name="not").click()
    assert first.inner_text() == said("we saw zyxw bad")
    page.close()


@needs_page
@pytest.mark.browser
def test_a_moved_column_moves_the_prediction_as_in_python(browser: Any, tmp_path: Path) -> None:
    run = table_run(tmp_path)
    page = opened(browser, run)
    before = float(page.get_by_test_id("said").inner_text())
    page.get_by_label("size", exact=True).evaluate(
        "(slider) => { slider.value = 30;"
        " slider.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    row = list(look_rows(run).rows[0].inputs)
    size = run.encoding.numbers[0]  # type: ignore[union-attr]
    row[0] = (30 - size.mean) / size.std
    target = run.encoding.target  # type: ignore[union-attr]
    wanted = float(run.model(torch.tensor([row])).detach()[0, 0]) * target.std + target.mean
    after = float(page.get_by_test_id("said").inner_text())
    assert after == pytest.approx(wanted, rel=0.01) and after != before
    folds = run.evaluation.cross_validated
    assert folds is not None
    said = page.get_by_test_id("folds").get_attribute("aria-label")
    for k, fold in enumerate(folds.by_fold, start=1):
        assert f"fold {k}, the network {fold.figure.network.value:.3g}" in said
    page.close()


@needs_page
@pytest.mark.browser
def test_a_window_is_foretold_as_by_python(browser: Any, tmp_path: Path) -> None:
    run = series_run(tmp_path)
    page = opened(browser, run)
    forecast = look_rows(run).forecast
    assert forecast is not None
    encoding = run.encoding
    wanted = forecast.outputs[0] * encoding.std[0] + encoding.mean[0]  # type: ignore[union-attr]
    assert float(page.get_by_test_id("said").inner_text()) == pytest.approx(wanted, rel=0.01)
    page.close()


def test_a_folder_without_an_atlas_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match=r"rows\.json cannot be read"):
        write_rows_report(tmp_path / "r.html", atlas_dir=tmp_path)
