"""Two runs on one page: what it says of both, against the runs' files and torch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browsing import Page, needs_page
from safetensors.numpy import load_file

from layerscope.api.compare_and_report import compare_and_report
from layerscope.data.imageset import Splits
from layerscope.errors import AtlasError
from layerscope.models.probabilities import to_probs
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.training.runs.run_folder import Run, open_run
from layerscope.training.session import train

LITTLE = Effort(
    pictures=48, untrained=2, ablation_pictures=0, featurevis_steps=0, dependence_patches=0
)
SIDE = 3  # places of a map that are compared, along each side
PICTURES = 32


@pytest.fixture(scope="module")
def other(made: Path, striped: Splits) -> Path:
    """A second run: another seed, one epoch less."""
    run = train(striped, model="fashion-cnn", out=made.parent, epochs=1, batch_size=16, seed=5)
    look(run, effort=LITTLE)
    return run.path


@pytest.fixture(scope="module")
def both(made: Path, other: Path) -> Path:
    path = made / "beside.html"
    compare_and_report(made, other, path)
    return path


@pytest.fixture
def page(browser: Any, both: Path) -> Iterator[Page]:
    opened = Page(browser, viewport={"width": 1280, "height": 900}).open(both, "#/beside")
    opened.page.wait_for_selector("#beside")
    yield opened
    assert not opened.complaints
    assert all(url.startswith(("file:", "data:", "blob:")) for url in opened.requests)
    opened.page.close()


def evaluation(run: Path) -> dict[str, Any]:
    return json.loads((run / "evaluation.json").read_text())


def percent(text: str) -> float:
    return float(text.strip().rstrip("%").replace("\u2212", "-")) / 100


@needs_page
@pytest.mark.browser
def test_settings_accuracies_and_their_difference_are_the_runs(
    page: Page, made: Path, other: Path
) -> None:
    cells = page.page.locator("[data-testid=settings] tbody tr").all_inner_texts()
    assert {tuple(line.split("\t")) for line in cells} == {("epochs", "2", "1"), ("seed", "0", "5")}
    shown = page.page.locator("[data-testid=accuracies] svg").get_attribute("aria-label")
    here, there = evaluation(made)["accuracy"], evaluation(other)["accuracy"]
    assert shown == f"Accuracy: A {100 * here:.1f}%, B {100 * there:.1f}%"
    hits = [load_file(run / "hits.safetensors")["hits"].astype(bool) for run in (made, other)]
    gained, lost, n = int((hits[1] & ~hits[0]).sum()), int((hits[0] & ~hits[1]).sum()), len(hits[0])
    # Bonett and Price, 2012, equation 6.
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    reach = 1.959964 * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    said = page.page.locator("[data-testid=paired-difference]").inner_text().replace("\u2212", "-")
    numbers = [100 * (gained - lost) / n, *(100 * (up - down + s * reach) for s in (-1, 1))]
    for number in numbers:
        assert f"{number:+.1f}".replace("+0.0", "0.0").replace("-0.0", "0.0") in said
    assert f"the same {n} pictures" in said


def logits(run: Run, pixels: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return run.model.eval()(run.spec.normalise(pixels))


@needs_page
@pytest.mark.browser
def test_the_chosen_picture_goes_through_both(page: Page, made: Path, other: Path) -> None:
    atlas = json.loads((made / "atlas" / "atlas.json").read_text())
    arrays = load_file(made / "atlas" / "arrays" / "samples.safetensors")
    for number in (0, 1):
        page.page.locator("[data-testid=samples] button").nth(number).click()
        pixels = torch.from_numpy(arrays[atlas["samples"][number]["pixels"]["name"]])[None]
        for letter, path in (("a", made), ("b", other)):
            probs = to_probs(logits(open_run(path), pixels))[0]
            for k, p in enumerate(probs.tolist()):
                page.page.wait_for_function(
                    "([test, p]) => Math.abs(parseFloat(document.querySelector(test).textContent)"
                    " - p) < 0.11",
                    arg=[f"[data-testid=both-{letter}-{k}]", 100 * p],
                    timeout=5000,
                )


def best_of(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The largest correlation of each unit; one that never changes correlates with nothing."""
    found = np.zeros((len(own), len(others)))
    mine, theirs = (np.flatnonzero(rows.std(1) > 1e-6) for rows in (own, others))
    among = np.corrcoef(own[mine], others[theirs])[: len(mine), len(mine) :]
    found[np.ix_(mine, theirs)] = among
    return found.max(1)


def places(run: Run, layer: str, pixels: torch.Tensor) -> np.ndarray:
    """Responses (U, pictures times places), at the middles of a grid over each map."""
    kept: list[torch.Tensor] = []
    hook = run.model.get_submodule(layer).register_forward_hook(lambda *a: kept.append(a[2]))
    logits(run, pixels)
    hook.remove()
    maps = kept[0].numpy()
    rows, columns = ([int((i + 0.5) * side / SIDE) for i in range(SIDE)] for side in maps.shape[2:])
    at = maps[:, :, rows][:, :, :, columns]
    return at.transpose(1, 0, 2, 3).reshape(maps.shape[1], -1)


@needs_page
@pytest.mark.browser
def test_the_closest_units_are_those_that_correlate_most(
    page: Page, made: Path, other: Path
) -> None:
    page.page.click("[data-testid='pairs-features.1']")
    page.page.wait_for_selector("[data-testid=pairs]")
    page.page.click("[data-testid=pairs-all]")
    probe = torch.from_numpy(load_file(made / "recording" / "probe.safetensors")["pixels"])
    own, others = (places(open_run(p), "features.1", probe[:PICTURES]) for p in (made, other))
    best = best_of(own, others)
    pairs = page.page.locator("[data-testid^=pair-]")
    assert pairs.count() == len(own)
    shown = [
        (int(pair.get_attribute("data-testid").removeprefix("pair-")), pair.inner_text())
        for pair in pairs.all()
    ]
    values = []
    for unit, text in shown:
        r = float(text.split("r ")[1].split()[0].replace("\u2212", "-"))
        values.append(r)
        assert r == pytest.approx(best[unit], abs=0.006)
    assert values == sorted(values, reverse=True)
    shifted = np.roll(others.reshape(len(others), PICTURES, -1), -PICTURES // 2, axis=1)
    limit = np.sort(best_of(own, shifted.reshape(others.shape)))[math.ceil(0.95 * len(own)) - 1]
    told = page.page.locator("[data-testid=pairs-told]").inner_text()
    assert f"(r = {limit:.2f})" in told
    assert told.startswith(f"{sum(v > limit for v in values)} of {len(own)} units")


def test_a_run_that_was_not_looked_at_is_refused_in_words(
    made: Path, striped: Splits, tmp_path: Path
) -> None:
    run = train(striped, model="fashion-cnn", out=tmp_path, epochs=1, batch_size=32, seed=9)
    with pytest.raises(AtlasError, match=r"has no atlas; 'layerscope look .*' makes it"):
        compare_and_report(made, run.path, tmp_path / "both.html")
    assert not (tmp_path / "both.html").exists()


@needs_page
@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 375), ("dark", 1280)])
def test_everybody_can_read_it(browser: Any, both: Path, scheme: str, width: int) -> None:
    opened = Page(browser, color_scheme=scheme, viewport={"width": width, "height": 740})
    opened.open(both, "#/beside")
    opened.page.wait_for_selector("[data-testid=pairs]")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert not opened.faults()
    assert not opened.complaints
    opened.page.close()
