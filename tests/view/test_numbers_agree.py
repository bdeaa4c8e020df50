"""Whatever the page says twice, or follows from what it says, agrees: three whole reports."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from browsing import Page, needs_page
from torch import nn

from layerscope.data.imageset import Splits
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.training.runs.run_folder import open_run, with_data
from layerscope.view.report import write_report

pytestmark = [needs_page, pytest.mark.browser]
LITTLE = Effort(
    pictures=60, untrained=2, stimuli="coarse", ablation_pictures=16, featurevis_steps=0,
    dependence_patches=0,
)  # fmt: skip
Report = tuple[Path, dict[str, Any], dict[str, Any] | None]


SLOWLY = [pytest.param(name, marks=pytest.mark.slow) for name in ("packaged", "somebody's")]


@pytest.fixture(scope="module", params=["trained here", *SLOWLY])
def report(
    request: pytest.FixtureRequest, made: Path, striped: Splits, tmp_path_factory: Any
) -> Report:
    """A report, its atlas's record, and its run's evaluation."""
    folder, run_dir = tmp_path_factory.mktemp("report"), None
    if request.param == "trained here":
        atlas_dir, run_dir = made / "atlas", made
    elif request.param == "packaged":
        run = with_data(open_run("digit-cnn"))
        atlas_dir, run_dir = look(run, effort=LITTLE, out=folder / "atlas").path, run.path
    else:
        torch.manual_seed(3)
        network = nn.Sequential(
            nn.Conv2d(striped.test.channels, 6, 3), nn.BatchNorm2d(6), nn.LeakyReLU(),
            nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(54, len(striped.test.class_names)),
        ).eval()  # fmt: skip
        takes = Preprocessing(1, *striped.test.size, (0.5,), (0.5,))
        spec = ModelSpec("somebody's", striped.test.class_names, takes)
        atlas_dir = look(network, striped.test, spec=spec, out=folder / "atlas", effort=LITTLE).path
    path = write_report(folder / "report.html", atlas_dir=atlas_dir, run_dir=run_dir)
    evaluation = json.loads((run_dir / "evaluation.json").read_text()) if run_dir else None
    return path, json.loads((atlas_dir / "atlas.json").read_text()), evaluation


def numbers(text: str) -> list[float]:
    """All numbers of a text, in their order."""
    plain = text.replace("\u2212", "-").replace(",", "")
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", plain)]


def rows_of(page: Page, table: str) -> list[list[str]]:
    return [line.split("\t") for line in page.page.locator(f"{table} tbody tr").all_inner_texts()]


def test_the_page_agrees_with_itself_and_with_the_atlas(browser: Any, report: Report) -> None:
    path, atlas, evaluation = report
    page = Page(browser, viewport={"width": 1280, "height": 900}).open(path)
    check_overview(page, atlas, evaluation)
    check_pictures(page, atlas)
    check_layers(page, atlas)
    if atlas["evidence"]:
        check_evidence(page, atlas)
    if evaluation:
        check_test(page, evaluation)
    assert not page.complaints
    page.page.close()


def check_overview(page: Page, atlas: dict[str, Any], evaluation: dict[str, Any] | None) -> None:
    head = page.page.locator("main > header").inner_text()
    if evaluation:
        low, high = evaluation["interval"]
        assert page.number("accuracy") == pytest.approx(100 * evaluation["accuracy"], abs=0.051)
        assert f"{100 * low:.1f}% to {100 * high:.1f}%" in head
        assert evaluation["correct"] / evaluation["n"] == pytest.approx(evaluation["accuracy"])
    elif atlas["accuracy"]:
        found = atlas["accuracy"]["correct"] / atlas["accuracy"]["n"]
        assert page.number("accuracy-here") == pytest.approx(100 * found, abs=0.051)
    total = sum(layer["parameters"] for layer in atlas["layers"])
    assert total == atlas["model"]["parameters"]
    assert f"{total:,}" in head


def check_pictures(page: Page, atlas: dict[str, Any]) -> None:
    """The bar, the decision's margin and the last table of Forward tell the same probabilities."""
    names = atlas["model"]["class_names"]
    page.view("forward")
    for i, sample in enumerate(atlas["samples"][:3]):
        page.page.locator("[data-testid=samples] button").nth(i).click()
        logits, probs = torch.tensor(sample["logits"]).double(), sample["probs"]
        page.page.wait_for_function(
            "([i]) => [...document.querySelectorAll('[data-testid=samples] button')][i]"
            ".ariaPressed === 'true'",
            arg=[i],
        )
        said = page.page.locator("[data-testid=said]").inner_text()
        assert said == f"{names[sample['predicted']]} {100 * max(probs):.0f}%"
        assert sample["predicted"] == probs.index(max(probs))
        rows = rows_of(page, "[data-testid=forward-output]")
        powers = (logits - logits.max()).exp()
        for name, logit, power, total, share in rows:
            k = names.index(name)
            assert numbers(logit) == pytest.approx([float(logits[k])], abs=6e-4)
            assert numbers(power) == pytest.approx([float(powers[k])], abs=6e-5)
            assert numbers(total) == pytest.approx([float(powers.sum())], abs=6e-5)
            assert numbers(share) == pytest.approx(
                [100 * float(powers[k] / powers.sum())], abs=6e-3
            )
            # What is printed divides to what is printed.
            assert numbers(power)[0] / numbers(total)[0] == pytest.approx(
                numbers(share)[0] / 100, abs=2e-4
            )
        shown = [numbers(row[-1])[0] for row in rows]
        assert shown == sorted(shown, reverse=True)
        if len(rows) == len(names):
            assert sum(shown) == pytest.approx(100, abs=0.05)
        # The terms of the chapter's sum add up to its number.
        page.page.wait_for_selector("[data-testid=chapter-value]")
        amounts = page.page.locator("[data-testid=amount-0]").all_inner_texts()
        if amounts:
            total = sum(numbers(amount)[0] for amount in amounts)
            assert page.number("sum-0") == pytest.approx(total, abs=0.005 * len(amounts) + 0.006)
            value = page.number("chapter-value")
            assert page.number("sum-0") == pytest.approx(value, abs=0.011)


def check_layers(page: Page, atlas: dict[str, Any]) -> None:
    page.view("layers")
    page.unfold()
    table = rows_of(page, "#layers details .scroll:has([data-testid^=layer-])")
    by_name = {row[1]: row for row in table}
    assert list(by_name) == [layer["name"] for layer in atlas["layers"]]
    shown = [sum(numbers(row[3])) for row in table]
    assert sum(shown) == atlas["model"]["parameters"]
    assert sum(sum(numbers(row[4])) for row in table) == atlas["model"]["multiply_adds"]
    for layer in atlas["layers"]:
        assert numbers(by_name[layer["name"]][2]) == layer["shape"]
    for layer in [one for one in atlas["layers"] if one["units"] and not one["units_in"]]:
        strongest = max(layer["units"], key=lambda unit: unit["max"])
        for unit in (layer["units"][0], strongest):
            page.page.evaluate(f"location.hash = '#/layers/{layer['name']}/{unit['index']}'")
            panel = page.page.locator("[data-testid=unit-panel]")
            panel.get_by_role("heading", name=re.compile(rf"^Unit {unit['index']}\b")).wait_for()
            page.unfold()
            largest = page.number("unit-max")
            assert largest == pytest.approx(unit["max"], abs=6e-4)
            captions = panel.locator("[data-testid=patches] figcaption").all_inner_texts()
            values = [numbers(one.split("\n")[-1])[0] for one in captions]
            assert values == sorted(values, reverse=True)
            kept = [patch for patch in unit["patches"] if patch["value"] != 0]
            assert len(values) == len(kept)
            if values:
                # The strongest place of all holds the unit's largest value.
                assert values[0] == pytest.approx(largest, abs=0.006)


def check_evidence(page: Page, atlas: dict[str, Any]) -> None:
    page.view("evidence")
    page.unfold()
    rows = rows_of(page, "[data-testid=ladder-table]")
    shares = {}
    for title, kind, count, share, *_ in rows:
        n, total = numbers(count)
        assert numbers(share)[0] == pytest.approx(100 * n / total, abs=0.051)
        shares[title, kind] = numbers(share)[0]
    for rung in atlas["evidence"]["ladder"]:
        for kind, share in rung["responds"].items():
            bar = page.page.locator(f"[data-testid='ladder-{rung['layer']}-{kind}'] .own")
            if bar.count():
                assert numbers(bar.inner_text())[0] == pytest.approx(100 * share["frac"], abs=0.51)
        # The layer's own page says the same of its units.
        page.page.evaluate(f"location.hash = '#/layers/{rung['layer']}'")
        page.page.locator("h2.home code", has_text=re.compile(f"^{rung['layer']}$")).wait_for()
        for row in page.page.locator("[data-testid=statements] .share").all():
            kind, share = row.locator(".chip").inner_text(), row.locator("b").inner_text()
            assert numbers(share)[0] == pytest.approx(shares[rung["title"], kind], abs=0.51)
        page.view("evidence")


def check_test(page: Page, evaluation: dict[str, Any]) -> None:
    page.view("test")
    counts = [
        [
            sum(numbers(page.page.locator(f"[data-testid=confusion-{i}-{j}]").inner_text()))
            for j in range(len(evaluation["confusion"]))
        ]
        for i in range(len(evaluation["confusion"]))
    ]
    assert counts == evaluation["confusion"]
    n, right = sum(map(sum, counts)), sum(row[i] for i, row in enumerate(counts))
    said = page.page.locator("#test > p").first.inner_text()
    assert numbers(said)[:2] == pytest.approx([100 * right / n, n], abs=0.051)
    for i, (_, count, precision, recall, f1) in enumerate(rows_of(page, "#test .scroll:has(th.n)")):
        called = sum(row[i] for row in counts)
        p, r = counts[i][i] / called if called else None, counts[i][i] / sum(counts[i])
        assert numbers(count) == [sum(counts[i])]
        assert numbers(recall) == pytest.approx([100 * r], abs=0.051)
        if p is not None and p + r:
            assert numbers(precision) == pytest.approx([100 * p], abs=0.051)
            assert numbers(f1) == pytest.approx([200 * p * r / (p + r)], abs=0.051)
