"""The recording of a training on the page: what is carried, and that it moves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browsing import Page, needs_page
from safetensors.numpy import load, load_file, save_file

from layerscope.data.imageset import Splits
from layerscope.errors import RunError
from layerscope.pipeline.look import look
from layerscope.training.diagnostics.recording import read_recording
from layerscope.training.runs.run_folder import Run
from layerscope.training.session import train
from layerscope.view import playback
from layerscope.view.playback import playback_of, thinned
from layerscope.view.report import write_report


@pytest.fixture(scope="module")
def run(striped: Splits, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs")
    return train(striped, model="fashion-cnn", out=folder, epochs=2, batch_size=16)


@pytest.fixture(scope="module")
def report(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    atlas = look(run, effort=None, out=folder / "atlas")
    return write_report(folder / "r.html", atlas_dir=atlas.path, run_dir=run.path)


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Page]:
    """The page of the training, which complains of nothing whatever a test does."""
    opened = Page(browser).open(report, "#/training")
    yield opened
    assert not opened.complaints
    opened.page.close()


def test_a_playback_is_the_recording(run: Run) -> None:
    found = playback_of(run.path)
    assert found is not None
    record, content = found
    own = read_recording(run.path)
    arrays = load(content)
    assert record.steps == tuple(own.steps.tolist())
    assert record.loss == pytest.approx(own.loss.tolist())
    for layer in own.layers:
        i = record.layers.index(layer)
        norms = [row[i] for row in record.gradient_norm]
        assert norms == pytest.approx(own.gradient_norm(layer).tolist())
    first = own.layers[0]
    assert (arrays[record.weights[first].name] == own.weight(first).numpy()).all()
    for layer, maps in record.maps.items():
        low, high = np.array(maps.low), np.array(maps.high)
        values = arrays[maps.values.name] / 255 * (high - low).reshape(-1, 1, 1, 1, 1)
        own_maps = own.maps(layer).numpy()
        assert values + low.reshape(-1, 1, 1, 1, 1) == pytest.approx(own_maps, abs=1e-5)


def test_frames_are_thinned_to_what_a_page_holds_and_both_ends_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = {"step": np.arange(50), "probs": np.zeros((50, 100), np.float16)}
    assert thinned(frames) is frames
    monkeypatch.setattr(playback, "MOST_BYTES", 2100)
    few = thinned(frames)["step"]
    assert (few[0], few[-1], len(few)) == (0, 49, 10)


def test_a_run_without_a_recording_has_no_playback(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "run", ignore=shutil.ignore_patterns("recording"))
    assert playback_of(tmp_path / "run") is None


def test_a_damaged_recording_is_named(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "run")
    file = tmp_path / "run" / "recording" / "epoch-0001.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(RunError, match=r"epoch-0001.*train again"):
        playback_of(tmp_path / "run")


def test_a_loss_that_is_no_number_is_null(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "run")
    file = tmp_path / "run" / "recording" / "epoch-0002.safetensors"
    arrays = load_file(file)
    arrays["loss"][:] = np.inf
    save_file(arrays, file, {"layers": "\n".join(read_recording(run.path).layers)})
    found = playback_of(tmp_path / "run")
    assert found is not None
    assert found[0].loss[-1] is None


@needs_page
@pytest.mark.browser
def test_the_training_plays_and_its_numbers_are_the_recordings(page: Page, run: Run) -> None:
    own = read_recording(run.path)
    frames = len(own)
    scrubber = page.page.locator("[data-testid=playback-scrubber]")
    assert scrubber.get_attribute("max") == str(frames - 1)
    for frame in (0, frames // 2, frames - 1):
        scrubber.fill(str(frame))
        moment = page.page.text_content("[data-testid=playback-moment]")
        assert f"step {int(own.steps[frame]) + 1} of" in moment
        assert f"loss {float(own.loss[frame]):.3f}" in moment
        for layer in own.layers:
            shown = float(page.page.text_content(f"[data-testid='gradient-{layer}']"))
            assert shown == pytest.approx(float(own.gradient_norm(layer)[frame]), rel=0.06)
        right = int((own.probs[frame].argmax(1) == own.probe_labels).sum())
        assert f"{right} of {len(own.probe_labels)} are right" in page.page.text_content(
            "[data-testid=playback-right]"
        )
    # One step in numbers: a picture's loss, and a weight's gradient, step and new value.
    probs, label = own.probs[frame].float(), int(own.probe_labels[2])
    page.page.get_by_role("group", name="Choose a picture").last.get_by_role("button").nth(
        2
    ).click()
    loss = -float(probs[2, label].log())
    assert page.number("detail-cross-entropy") == pytest.approx(loss, abs=2e-3)
    squared = float(((probs[2] - torch.eye(probs.shape[1])[label]) ** 2).sum())
    assert page.number("detail-squared") == pytest.approx(squared, abs=2e-3)
    page.page.select_option("[data-testid=detail-layer]", "1")
    page.page.select_option("[data-testid=detail-weight]", "3")
    before, slope, moved = (
        float(own.tensors[f"followed/{name}"][frame, 1, 3])
        for name in ("value", "gradient", "change")
    )
    assert page.number("detail-value") == pytest.approx(before, abs=5e-4)
    assert page.number("detail-gradient") == pytest.approx(slope, rel=6e-3)
    assert page.number("detail-change") == pytest.approx(moved, rel=0.06)
    assert page.number("detail-new") == pytest.approx(before + moved, abs=5e-4)
    # From the end, Play starts anew; the button pauses; scrubbing pauses too.
    play = page.page.locator("[data-testid=playback-play]")
    play.click()
    page.page.wait_for_function(
        "() => +document.querySelector('[data-testid=playback-scrubber]').value >= 2"
    )
    assert "Pause" in play.text_content()
    scrubber.fill("1")
    assert "Play" in play.text_content()
    page.page.wait_for_timeout(800)
    assert scrubber.input_value() == "1"


@needs_page
@pytest.mark.browser
def test_the_training_opens_at_its_end_unless_the_address_names_a_moment(
    page: Page, run: Run
) -> None:
    own = read_recording(run.path)
    scrubber = page.page.locator("[data-testid=playback-scrubber]")
    play = page.page.locator("[data-testid=playback-play]")

    def stands_at(frame: int) -> None:
        assert scrubber.input_value() == str(frame)
        told = page.page.text_content("[data-testid=playback-moment]")
        assert f"step {int(own.steps[frame]) + 1} of" in told

    stands_at(len(own) - 1)
    assert "from the start" in play.text_content()
    # Going back is one way: the address follows, and Back leaves the view.
    steps = page.page.evaluate("history.length")
    scrubber.fill("2")
    page.page.wait_for_url("**#/training?frame=2")
    assert page.page.evaluate("history.length") == steps
    assert "from the start" not in play.text_content()
    page.page.reload()
    page.page.wait_for_selector("[data-testid=playback-scrubber]")
    stands_at(2)
    # Play goes on from there to the end; from the end it begins anew.
    play.click()
    page.page.wait_for_function(
        "() => +document.querySelector('[data-testid=playback-scrubber]').value === 3"
    )
    play.click()
    scrubber.fill(str(len(own) - 1))
    page.page.wait_for_url("**#/training")
    play.click()
    page.page.wait_for_function(
        "n => +document.querySelector('[data-testid=playback-scrubber]').value < n",
        arg=len(own) - 1,
    )
    play.click()
    # An address of another recording, longer than this one, is its end.
    page.page.evaluate("location.hash = '#/training?frame=9999'")
    page.page.wait_for_function(
        "n => +document.querySelector('[data-testid=playback-scrubber]').value === n",
        arg=len(own) - 1,
    )


@needs_page
@pytest.mark.browser
def test_like_pictures_lie_together_in_the_scatter_as_in_a_principal_component_analysis(
    page: Page, run: Run
) -> None:
    page.page.locator("[data-testid=playback-scrubber]").fill("0")
    own = read_recording(run.path)
    last = own.embedding[-1].double()
    _, singular, _ = torch.linalg.svd(last - last.mean(0), full_matrices=False)
    share = float((singular[:2] ** 2).sum() / (singular**2).sum())
    said = page.page.text_content("[data-testid=playback-right]")
    assert f"hold {100 * share:.0f}% of the spread" in said
