"""The evidence in a real browser: what the page says is what the atlas holds."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from browsing import Page, needs_page
from PIL import Image
from torch import nn

from layerscope.data import load
from layerscope.data.imageset import ImageSet, Splits
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec, NetShape
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.training.runs.run_folder import open_run
from layerscope.view.report import write_report

# Everything is measured, of everything little.
LITTLE = Effort(
    pictures=60, untrained=2, stimuli="coarse", ablation_pictures=12, featurevis_steps=2,
    dependence_patches=2, dependence_copies=2,
)  # fmt: skip
PERCENT = re.compile(r"([\d.]+)%")
pytestmark = [pytest.mark.browser, needs_page]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network of drawn cats and dogs that comes with the package, looked through in full."""
    folder = tmp_path_factory.mktemp("look")
    run = open_run("creatures-compact")
    pictures = load("creatures").test.subset(torch.arange(60))
    layers = ["stages.0.3.act1", "stages.0.3.act2", "head.2"]
    atlas = look(run, pictures, out=folder / "atlas", effort=LITTLE, only=layers)
    write_report(folder / "report.html", atlas_dir=atlas.path, run_dir=run.path)
    return folder


@pytest.fixture(scope="module")
def record(made: Path) -> dict[str, Any]:
    return json.loads((made / "atlas" / "atlas.json").read_text())


@pytest.fixture
def page(browser: Any, made: Path) -> Iterator[Page]:
    opened = Page(browser).open(made / "report.html")
    yield opened
    assert sum(url.startswith("file://") for url in opened.requests) == 1
    assert all(url.startswith(("file://", "data:", "blob:")) for url in opened.requests)
    assert not opened.complaints
    opened.page.close()


def measured_layers(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [layer for layer in record["layers"] if layer["evidence"]]


def test_the_ladder_and_its_table_say_what_the_atlas_holds(page: Page, record) -> None:
    page.page.click("[data-testid=to-ladder]")
    shown = page.page.locator("[data-testid=ladder-table] tbody tr")
    page.page.click("text=As a table")
    kinds = [*record["evidence"]["kinds"], "undescribed"]
    assert kinds[:6] == ["brightness", "colour", "edge", "spot", "corner", "texture"]
    assert kinds[6:] == ["part", "class", "undescribed"]
    rows = [
        (rung, kind)
        for rung in record["evidence"]["ladder"]
        for kind in kinds
        if kind in rung["responds"]
    ]
    assert shown.count() == len(rows)
    for i, (rung, kind) in enumerate(rows):
        share, text = rung["responds"][kind], shown.nth(i).inner_text()
        assert rung["title"] in text
        assert f"{share['count']} of {rung['n_units']}" in text
        numbers = [float(value) for value in PERCENT.findall(text)]
        told = [share["frac"], share["untrained_mean"], share["untrained_sd"]]
        assert numbers[:3] == pytest.approx([100 * v for v in told], abs=0.051)


@pytest.mark.parametrize("counting", ["responds", "synthetic"])
def test_what_units_respond_to_stands_beside_untrained_copies(
    page: Page, record, counting: str
) -> None:
    page.page.click("[data-testid=to-ladder]")
    page.page.click(f"[data-testid=counting-{counting}]")
    table = page.page.locator("[data-testid=ladder-row]")
    for i, rung in enumerate(record["evidence"]["ladder"]):
        for kind in record["evidence"]["kinds"]:
            if kind not in rung[counting]:
                continue
            found = rung[counting][kind]
            cell = table.nth(i).locator(f"[data-testid='ladder-{rung['layer']}-{kind}']")
            own = int(cell.locator(".own").inner_text().strip("%"))
            assert abs(own - 100 * found["frac"]) < 0.51
            control = re.findall(r"[\d.]+", cell.locator(".control").inner_text())
            assert abs(float(control[0]) - 100 * found["untrained_mean"]) < 0.51
            title = cell.get_attribute("title")
            assert "untrained" in title
            assert title.startswith(f"{rung['title']}, ")


def test_the_headline_is_the_atlas_s_own(page: Page, record) -> None:
    assert record["evidence"]["headline"] in page.page.locator("main header").inner_text()


def test_curves_are_told_in_words(page: Page, record) -> None:
    page.view("evidence")
    labels = page.page.locator("[data-testid=probe-curve] [aria-label]").evaluate_all(
        "nodes => nodes.map(n => n.getAttribute('aria-label'))"
    )
    for layer in measured_layers(record):
        probe = layer["evidence"]["probe"]
        said = f"{layer['title']}: {100 * probe['accuracy']:.1f}%"
        assert any(said in label for label in labels), said


def test_a_unit_s_dossier_is_its_record(page: Page, record) -> None:
    layers = [layer for layer in measured_layers(record) if layer["units"]]
    last, middle = layers[-2], layers[len(layers) // 2]
    named = next(unit for unit in last["units"] if unit["name"])
    nameless = next(unit for unit in middle["units"] if not unit["name"] and not unit["dead"])
    for layer, unit in ((last, named), (middle, nameless)):
        link = f"#/layers/{layer['name']}/{unit['index']}"
        page.page.evaluate("link => { location.hash = link }", link)
        panel = page.page.locator("[data-testid=unit-panel]")
        panel.get_by_text(f"Unit {unit['index']} {layer['name']}").wait_for()
        page.unfold()
        verdict = panel.locator("[data-testid=verdict]").inner_text()
        assert (unit["name"] or "") in verdict, link
        if unit["descriptions"]:
            table = panel.locator("[data-testid=descriptions]").inner_text()
            assert f"{unit['descriptions'][0]['strength']:.2f}" in verdict
            for one in unit["descriptions"]:
                assert one["words"] in table
                assert f"{one['strength']:.2f}" in table
        concepts = panel.locator("[data-testid=concepts]").inner_text()
        for concept in unit["concepts"]:
            assert concept["name"] in concepts
            assert f"{concept['value']:.2f}" in concepts
        assert panel.locator("[data-testid=ablation]").count() == 1
        lost = panel.inner_text()
        assert f"held at its mean (mean ablation) on {unit['ablation']['n']} pictures" in lost
        assert "than along random directions that carry as much" in lost
        assert panel.locator("[data-testid=feature-visualisation]").count() == 1
        if unit["featurevis"]["unnatural"]:
            assert panel.locator("[data-testid=unnatural]").count() == 1
        assert panel.locator("[data-testid=tuning]").count() == 1


def test_a_unit_s_ablation_and_histogram_are_saved_as_they_were_measured(
    page: Page, record
) -> None:
    layer = next(x for x in measured_layers(record) if any(u["ablation"] for u in x["units"]))
    unit = next(u for u in layer["units"] if u["ablation"])
    name = f"{layer['name']}-{unit['index']}"
    page.page.evaluate(
        "link => { location.hash = link }", f"#/layers/{layer['name']}/{unit['index']}"
    )
    page.page.wait_for_selector("[data-testid=unit-panel]")
    page.unfold()
    ablation, histogram = unit["ablation"], unit["histogram"]
    lost = page.saved_rows(f"ablation-{name}")
    assert float(lost[0]["change"]) == ablation["accuracy_change"]
    by_class = {row["class"]: row["change"] for row in lost if row["class"]}
    classes = zip(record["model"]["class_names"], ablation["class_accuracy_change"], strict=True)
    for class_name, change in classes:
        text = by_class.pop(class_name)
        assert text == "" if change is None else float(text) == change
    assert not by_class
    bins = page.saved_rows(f"histogram-{name}")
    assert [int(row["count"]) for row in bins] == histogram["counts"]
    assert float(bins[0]["from"]) == histogram["low"]
    assert float(bins[-1]["to"]) == pytest.approx(histogram["high"])
    drawn = ElementTree.parse(page.saved("svg", f"histogram-{name}")).getroot()
    assert len(drawn.findall(".//{*}svg//{*}rect")) == len(histogram["counts"])
    with Image.open(page.saved("png", f"ablation-{name}")) as image:
        assert image.width > 300


def test_units_stand_best_understood_first_or_last(page: Page, record) -> None:
    layers = [x for x in measured_layers(record) if any(u["name"] for u in x["units"])]
    layer = next(x for x in layers if any(not u["name"] for u in x["units"]))
    page.page.evaluate("link => { location.hash = link }", f"#/layers/{layer['name']}/0")
    tiles = page.page.locator(f"[role=group][aria-label='Units of {layer['name']}'] button")
    tiles.first.wait_for()

    def shown() -> list[int]:
        ids = tiles.evaluate_all("nodes => nodes.map(n => n.dataset.testid)")
        return [int(name.removeprefix("unit-")) for name in ids]

    def rank(index: int) -> float:
        unit = layer["units"][index]
        if not unit["descriptions"]:
            return 0
        first = unit["descriptions"][0]
        training = {"training": 3, "probably": 2, "untrained alike": 1}.get(first["training"], 0)
        return 2 * ((1 + training) if unit["name"] else 0) + first["strength"]

    for order, sign in (("best", -1), ("least", 1)):
        page.page.click(f"[data-testid=order-{order}]")
        ranks = [sign * rank(index) for index in shown()]
        assert ranks == sorted(ranks)
        assert len(ranks) == len(layer["units"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_a_phone_and_a_desk(browser: Any, made: Path, record, scheme, width) -> None:
    opened = Page(browser, viewport={"width": width, "height": 800}, color_scheme=scheme)
    layer = measured_layers(record)[1]
    opened.open(made / "report.html", f"#/layers/{layer['name']}/0")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert not opened.complaints
    opened.page.close()


class Deciding(nn.Module):
    """A network that takes another way for bright pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.head = nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.conv(images).relu()
        if images.mean() > 100:
            x = x * 2
        return self.head(x.mean((2, 3)))


def test_what_the_layers_do_not_show_is_told(browser: Any, striped: Splits, tmp_path: Path) -> None:
    pictures: ImageSet = striped.test
    spec = ModelSpec(
        name="deciding", class_names=pictures.class_names,
        preprocessing=Preprocessing(1, 12, 12, (0.5,), (0.3,)),
        shape=NetShape(widths=(), hidden=()),
    )  # fmt: skip
    atlas = look(Deciding().eval(), pictures, spec=spec, out=tmp_path / "atlas", effort=None)
    told = atlas.record.model.not_captured
    assert told
    opened = Page(browser).open(write_report(tmp_path / "report.html", atlas_dir=atlas.path))
    box = opened.page.locator("[data-testid=escaped]")
    assert re.search(rf"\({len(told)}\)", box.inner_text())
    box.locator("summary").click()
    assert box.locator("li").all_inner_texts() == list(told)
    assert not opened.complaints
    opened.page.close()


def test_many_layers_and_a_long_name_leave_the_page_readable_on_a_phone(
    browser: Any, made: Path, record: dict[str, Any], tmp_path: Path
) -> None:
    shutil.copytree(made / "atlas", tmp_path / "atlas")
    (rung, *_), many = record["evidence"]["ladder"], 30
    deep = [{**rung, "layer": f"deep.{i}", "title": f"Hard sigmoid {i}"} for i in range(many)]
    record = record | {
        "model": record["model"] | {"name": "timm:a_network_with_a_very_long_name.of_many_words"},
        "evidence": record["evidence"] | {"ladder": deep},
    }
    (tmp_path / "atlas" / "atlas.json").write_text(json.dumps(record))
    report = write_report(tmp_path / "report.html", atlas_dir=tmp_path / "atlas")
    page = Page(browser, viewport={"width": 375, "height": 740}).open(report)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 375
    page.view("evidence")
    rows = page.page.locator("[data-testid=ladder-row] h2")
    shown = [text.split("\n")[0] for text in rows.all_inner_texts()]
    # Some, evenly spread, with the first and the last; the others are a press away.
    assert len(shown) == 12
    assert (shown[0], shown[-1]) == ("Hard sigmoid 0", f"Hard sigmoid {many - 1}")
    page.page.click("[data-testid=all-rungs]")
    assert rows.count() == many
    assert not page.faults()
    assert not page.complaints
    page.page.close()
