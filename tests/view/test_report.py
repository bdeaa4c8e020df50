"""The report in a real browser: every number on the page against numbers worked out apart."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browsing import Page, needs_page
from safetensors.numpy import load_file, save_file

from layerscope.data.imageset import ImageSet, Splits
from layerscope.errors import AtlasError
from layerscope.models import ModelSpec, build, make_spec
from layerscope.pipeline.look import look
from layerscope.training.session import train
from layerscope.view import report
from layerscope.view.page_text import packed
from layerscope.view.report import as_json, filled, write_report


@pytest.fixture
def page(browser: Any, made: Path) -> Iterator[Page]:
    opened = Page(browser).open(made / "report.html")
    yield opened
    foreign = [url for url in opened.requests if not url.startswith(("file://", "data:", "blob:"))]
    assert not foreign
    assert sum(url.startswith("file://") for url in opened.requests) == 1
    assert not opened.complaints
    opened.page.close()


def record_of(made: Path) -> dict[str, Any]:
    return json.loads((made / "atlas" / "atlas.json").read_text())


def array(made: Path, ref: dict[str, str]) -> np.ndarray:
    return load_file(made / "atlas" / ref["file"])[ref["name"]]


def convolved(made: Path, record: dict, sample: dict, unit: int, y: int, x: int) -> float:
    """One pixel of the first convolution, by explicit loops over pixels and weights."""
    layer = next(layer for layer in record["layers"] if layer["kind"] == "conv")
    weight, bias = array(made, layer["weight"]), array(made, layer["bias"])
    pixels = array(made, sample["pixels"])
    total = float(bias[unit])
    for c in range(weight.shape[1]):
        for dy in range(weight.shape[2]):
            for dx in range(weight.shape[3]):
                value = int(pixels[c, y + dy, x + dx]) / 255
                value = (value - record["input"]["mean"][c]) / record["input"]["std"][c]
                total += value * float(weight[unit, c, dy, dx])
    return total


@pytest.mark.browser
@needs_page
def test_the_eight_steps_show_the_numbers_that_are_worked_out_apart(page: Page, made: Path) -> None:
    record = record_of(made)
    sample = record["samples"][0]
    maps = {name: array(made, ref) for name, ref in sample["activations"].items()}
    pixels = array(made, sample["pixels"])

    page.go(1)
    cells = page.page.locator("[data-testid=pixels-0] td").all_text_contents()
    assert [int(cell) for cell in cells] == pixels[0, 3:10, 3:10].flatten().tolist()

    page.go(2)
    # A unit whose map reaches far to both sides of zero, where it is largest.
    first = maps["features.0"].reshape(32, -1)
    unit = int(np.minimum(first.max(1), -first.min(1)).argmax())
    y, x = divmod(int(first[unit].argmax()), maps["features.0"].shape[2])
    expected = convolved(made, record, sample, unit=unit, y=y, x=x)
    assert expected > 0
    assert page.number("conv-sum") == pytest.approx(expected, abs=6e-4)
    assert page.number("conv-network-value") == pytest.approx(expected, abs=6e-4)
    products = page.page.locator("[data-testid=conv-products-0] td").all_text_contents()
    bias = array(made, next(la for la in record["layers"] if la["kind"] == "conv")["bias"])[unit]
    total = sum(float(cell.replace("\u2212", "-")) for cell in products) + float(bias)
    assert total == pytest.approx(expected, abs=0.05)  # the cells are rounded to two places

    page.go(3)
    before, after = page.number("activation-before"), page.number("activation-after")
    assert after == max(0.0, before)
    # The same unit, where the ReLU changes most.
    assert before == pytest.approx(float(first[unit].min()), abs=6e-4)
    assert before < 0

    page.go(4)
    window = page.page.locator("[data-testid=pooling-window] td").all_text_contents()
    values = [float(cell.replace("\u2212", "-")) for cell in window]
    assert len(values) == 4
    assert page.number("pooling-result") == max(values) == page.number("pooling-network")

    for step in (5, 6):
        page.go(step)
        assert page.page.locator("[data-testid=patches] figure").count() >= 1
        if step == 5:
            total, network = page.number("contribution-sum"), page.number("contribution-network")
            assert total == pytest.approx(network, abs=0.011)
            assert total == pytest.approx(float(maps["features.3"].max()), abs=10)

    page.go(7)
    total, network = page.number("contribution-sum"), page.number("contribution-network")
    assert total == pytest.approx(network, abs=0.011)
    dense = maps["classifier.1"]
    assert network == pytest.approx(float(dense.max()), abs=6e-3)
    assert page.number("dense-after") == pytest.approx(max(0.0, float(dense.max())), abs=6e-4)

    page.go(8)
    exponents = [math.exp(z) for z in sample["logits"]]
    for k, exponent in enumerate(exponents):
        assert page.number(f"logit-{k}") == pytest.approx(sample["logits"][k], abs=6e-4)
        assert page.number(f"prob-{k}") == pytest.approx(100 * exponent / sum(exponents), abs=6e-3)
    assert page.number("contribution-sum") == pytest.approx(max(sample["logits"]), abs=6e-3)


@pytest.mark.browser
@needs_page
def test_the_arithmetic_follows_the_pointer_the_keys_and_the_filter(page: Page, made: Path) -> None:
    record = record_of(made)
    sample = record["samples"][0]
    page.go(2)
    canvas = page.page.locator("[data-testid=conv-map]")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    side = box["width"] / 10
    page.page.get_by_role("group", name="The filters").get_by_role("button").nth(0).click()
    page.page.mouse.move(box["x"] + 2.5 * side, box["y"] + 7.5 * side)
    expected = convolved(made, record, sample, unit=0, y=7, x=2)
    assert page.number("conv-sum") == pytest.approx(expected, abs=6e-4)
    canvas.focus()
    page.page.keyboard.press("ArrowUp")
    page.page.keyboard.press("ArrowRight")
    expected = convolved(made, record, sample, unit=0, y=6, x=3)
    assert page.number("conv-sum") == pytest.approx(expected, abs=6e-4)
    page.page.get_by_role("group", name="The filters").get_by_role("button").nth(9).click()
    expected = convolved(made, record, sample, unit=9, y=6, x=3)
    assert page.number("conv-sum") == pytest.approx(expected, abs=6e-4)
    assert page.number("conv-network-value") == pytest.approx(expected, abs=6e-4)


@pytest.mark.browser
@needs_page
def test_training_figures_are_those_of_the_run(page: Page, made: Path) -> None:
    evaluation = json.loads((made / "evaluation.json").read_text())
    assert page.number("accuracy") == pytest.approx(100 * evaluation["accuracy"], abs=0.051)
    page.view("test")
    for i, row in enumerate(evaluation["confusion"]):
        for j, n in enumerate(row):
            text = page.page.text_content(f"[data-testid=confusion-{i}-{j}]").strip()
            assert int(text or 0) == n


@pytest.mark.browser
@needs_page
def test_a_link_opens_its_unit_and_keys_walk_the_steps(browser: Any, made: Path) -> None:
    record = record_of(made)
    layer = next(layer for layer in record["layers"] if layer["name"] == "features.4")
    for link in ("#step=4&layer=features.4&unit=7", "#/layers/features.4/7"):  # older, newer
        opened = Page(browser).open(made / "report.html", link)
        panel = opened.page.locator("[data-testid=unit-panel]")
        assert "Unit 7 features.4" in re.sub(r"\s+", " ", panel.inner_text())
        assert opened.number("unit-max") == pytest.approx(layer["units"][7]["max"], abs=6e-4)
    opened.go(4)
    opened.page.locator("[data-testid=step-4]").focus()
    opened.page.keyboard.press("ArrowRight")
    opened.page.wait_for_selector("[data-testid=step-5][aria-current=step]")
    assert opened.page.evaluate("location.hash") == "#/forward?step=5"
    opened.view("layers")
    assert "Unit 7" in panel.inner_text()  # the chosen unit stays chosen
    opened.page.click("[data-testid=unit-3]")
    assert opened.page.evaluate("location.hash") == "#/layers/features.4/3"
    assert not opened.complaints
    opened.page.close()


@pytest.mark.browser
@needs_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_steps_without_scrolling_sideways(browser, made, scheme) -> None:
    opened = Page(browser, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    opened.open(made / "report.html")
    for step in range(1, 9):
        opened.go(step)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360, step
    assert opened.page.evaluate("document.documentElement.dataset.theme") == scheme
    opened.page.get_by_role("button", name=re.compile("Change to")).click()
    assert opened.page.evaluate("document.documentElement.dataset.theme") != scheme
    assert not opened.complaints
    opened.page.close()


@pytest.mark.browser
@needs_page
def test_explained_words_stay_on_a_phones_page(browser, made) -> None:
    opened = Page(browser, viewport={"width": 360, "height": 740}).open(made / "report.html")
    words = opened.page.locator(".term > button:visible")
    assert words.count() >= 4
    for i in range(words.count()):
        words.nth(i).click()
        box = opened.page.locator("[role=tooltip]").bounding_box()
        assert box is not None
        assert box["x"] >= 0, words.nth(i).inner_text()
        assert box["x"] + box["width"] <= 360, words.nth(i).inner_text()
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
        opened.page.keyboard.press("Escape")
    assert not opened.complaints
    opened.page.close()


@pytest.mark.browser
@needs_page
def test_what_went_wrong_in_a_training_is_told(browser, striped: Splits, tmp_path: Path) -> None:
    run = train(
        striped, model="digit-mlp", optimiser="adamw", learning_rate=1e-6, epochs=1, out=tmp_path
    )
    page = write_report(
        run.path / "report.html", atlas_dir=look(run, effort=None).path, run_dir=run.path
    )
    opened = Page(browser).open(page, "#/training")
    told = opened.page.locator("#training .findings li").all_inner_texts()
    assert told == [finding.sentence for finding in run.record.findings]
    assert "epochs" in told[0] or "learning_rate" in told[0]
    assert not opened.complaints
    opened.page.close()


def noise_atlas(tmp_path: Path, name: str, names: tuple[str, ...], side: int = 24) -> Path:
    """The atlas of an untrained network on noise: what matters is that the page copes."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (8, 3, side, side), generator=generator, dtype=torch.uint8)
    pictures = ImageSet("noise", "test", pixels, torch.arange(8) % len(names), names)
    spec: ModelSpec = make_spec(
        name, class_names=names, channels=3, height=side, width=side,
        mean=[0.5] * 3, std=[0.3] * 3,
    )  # fmt: skip
    return look(
        build(spec, generator), pictures, spec=spec, out=tmp_path / "atlas", effort=None
    ).path


@pytest.mark.browser
@needs_page
@pytest.mark.parametrize("name", ["digit-mlp", "catdog-cnn", "dog-classifier", "compact"])
def test_every_kind_of_network_walks_all_steps(browser, tmp_path: Path, name: str) -> None:
    atlas = noise_atlas(tmp_path, name, ("cat", "dog"))
    record = json.loads((atlas / "atlas.json").read_text())
    opened = Page(browser).open(write_report(tmp_path / "report.html", atlas_dir=atlas))
    for step in record["steps"]:
        opened.go(step["number"])
        shown = opened.page.locator("[data-testid=step-absent]")
        assert shown.count() == bool(step["absent"])
        if step["absent"]:
            assert shown.inner_text() == step["absent"]
    probs = record["samples"][0]["probs"]
    for k, p in enumerate(probs):
        assert opened.number(f"prob-{k}") == pytest.approx(100 * p, abs=6e-3)
    assert not opened.page.locator("[data-testid=view-training]").count()  # it has no run
    assert not opened.complaints
    opened.page.close()


@pytest.mark.browser
@needs_page
def test_names_that_look_like_markup_stay_text(browser: Any, tmp_path: Path) -> None:
    names = ("</script><b id=evil>x</b>", "<!-- & 'quoted' \u2028")
    atlas = noise_atlas(tmp_path, "digit-mlp", names)
    opened = Page(browser).open(write_report(tmp_path / "report.html", atlas_dir=atlas))
    opened.go(8)
    assert opened.page.locator("#evil").count() == 0
    assert names[0] in opened.page.inner_text("[data-testid=step-body]")
    assert not opened.complaints
    opened.page.close()


@pytest.mark.browser
@needs_page
def test_an_atlas_of_another_schema_is_refused_in_words(browser: Any, tmp_path: Path) -> None:
    atlas = noise_atlas(tmp_path, "digit-mlp", ("a", "b"))
    record = json.loads((atlas / "atlas.json").read_text())
    (atlas / "atlas.json").write_text(json.dumps({**record, "schema": 99}))
    with pytest.raises(AtlasError, match="has schema 99; this layerscope reads 2 and 3"):
        write_report(tmp_path / "report.html", atlas_dir=atlas)
    # A page that was made with another version's data says so itself.
    template = report.template_path().read_text("utf-8")
    path = tmp_path / "report.html"
    newer = packed({**record, "schema": 99})
    path.write_text(filled(template, "layerscope-atlas", newer), "utf-8")
    page = browser.new_page()
    page.goto(f"file://{path}")
    assert "Its schema is 99; this page reads 3" in page.inner_text("[data-testid=refusal]")
    page.close()


@pytest.mark.browser
@needs_page
def test_an_atlas_of_schema_2_is_shown(browser: Any, tmp_path: Path) -> None:
    old = Path(__file__).parents[1] / "formats" / "atlas_of_schema_2.json"
    record = json.loads(old.read_text("utf-8"))
    for layer in record["layers"]:  # its sheets and arrays are not kept beside it
        layer |= dict.fromkeys(("weight", "bias", "filters", "spectra"))
        layer |= dict.fromkeys(("patch_sprite", "made_sprite"))
    (sample,) = record["samples"]
    sample["maps"] = {}
    (tmp_path / "atlas.json").write_text(json.dumps(record))
    size = [record["input"][name] for name in ("channels", "height", "width")]
    (tmp_path / "arrays").mkdir()
    pixels = {sample["pixels"]["name"]: np.zeros(size, np.uint8)}
    save_file(pixels, tmp_path / sample["pixels"]["file"])
    opened = Page(browser).open(write_report(tmp_path / "report.html", atlas_dir=tmp_path))
    unit = next(u for layer in record["layers"] for u in layer["units"] if u["ablation"])
    layer = next(layer for layer in record["layers"] if unit in layer["units"])
    opened.page.evaluate(
        "link => { location.hash = link }", f"#/layers/{layer['name']}/{unit['index']}"
    )
    opened.page.wait_for_selector("[data-testid=unit-panel]")
    opened.unfold()
    panel = opened.page.locator("[data-testid=unit-panel]").inner_text()
    assert f"{unit['tuning']['orientation']:.2f} of 1" in panel
    assert f"held at its mean (mean ablation) on {unit['ablation']['n']} pictures" in panel
    assert not opened.complaints
    opened.page.close()


def test_data_is_filled_in_as_json_that_cannot_end_its_element() -> None:
    page = '<script id="x" type="application/json">null</script>'
    value = {"a": "</script><!--", "b": "\u2028"}
    text = filled(page, "x", as_json(value))
    inside = text.removeprefix('<script id="x" type="application/json">').removesuffix("</script>")
    assert "<" not in inside and "\u2028" not in inside
    assert json.loads(inside) == value
    with pytest.raises(AtlasError, match="has no element 'y'"):
        filled(page, "y", as_json(value))


def test_a_page_that_was_not_built_says_how_to_build_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(report, "template_path", lambda: tmp_path / "index.html")
    with pytest.raises(
        AtlasError, match=r"was not built; install layerscope with 'pip install \.'.* in web/$"
    ):
        write_report(tmp_path / "report.html", atlas_dir=tmp_path)
    (tmp_path / "atlas.json").write_text("{}")  # what was measured is not lost with the page
    with pytest.raises(AtlasError, match=r"in web/; the atlas in .* is whole$"):
        write_report(tmp_path / "report.html", atlas_dir=tmp_path)
