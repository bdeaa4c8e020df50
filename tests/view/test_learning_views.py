"""The views in which a person works through the network: their numbers against torch's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from browsing import Page, needs_page
from PIL import Image
from safetensors.numpy import load_file

from layerscope.atlas.atlas_folder import load_atlas
from layerscope.training.runs.run_folder import Run

pytestmark = [needs_page, pytest.mark.browser]


def outputs_of(run: Run, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every module's output for one picture, by torch."""
    found: dict[str, torch.Tensor] = {}
    hooks = [
        module.register_forward_hook(
            lambda _m, _i, out, name=name: found.__setitem__(name, out.detach()[0])
        )
        for name, module in run.model.named_modules()
    ]
    try:
        with torch.no_grad():
            found["logits"] = run.model(run.spec.normalise(pixels[None]))[0]
    finally:
        for hook in hooks:
            hook.remove()
    return found


def amounts(page: Page, level: int) -> list[float]:
    shown = page.page.locator(f"[data-testid=amount-{level}]").all_inner_texts()
    return [float(text.replace("\u2212", "-")) for text in shown]


def sample_pixels(report: Path, sample: int) -> torch.Tensor:
    folder = report.parent / "atlas"
    ref = load_atlas(folder).record.samples[sample].pixels
    return torch.from_numpy(load_file(folder / ref.file)[ref.name])


def test_a_decision_is_the_sum_of_its_parts_from_the_logits_to_the_pixels(
    page: Page, digits: tuple[Run, Path]
) -> None:
    run, report = digits
    page.open(report, "#/decision?sample=0")
    page.page.wait_for_selector("[data-testid=tree]")
    found = outputs_of(run, sample_pixels(report, 0))
    *_, hidden, last = [
        (name, module)
        for name, module in run.model.named_modules()
        if isinstance(module, torch.nn.Linear)
    ]
    first, second = found["logits"].topk(2).indices.tolist()
    margin = float(found["logits"][first] - found["logits"][second])
    assert page.number("decision-margin") == pytest.approx(margin, abs=0.011)
    assert page.number("sum-0") == pytest.approx(margin, abs=0.011)
    # The units of the last hidden layer, the largest first.
    responses = torch.relu(found[hidden[0]])
    weights = last[1].weight.detach()
    parts = (weights[first] - weights[second]) * responses
    order = parts.abs().argsort(descending=True)
    told = amounts(page, 0)
    assert told[:7] == pytest.approx(parts[order][:7].tolist(), abs=0.011)
    assert sum(told) == pytest.approx(margin, abs=0.06)
    # One unit, by the maps that it reads: 64 sums, not thousands of products.
    unit = next(int(u) for u in order if parts[u] > 0)
    row = hidden[1].weight.detach()[unit]
    maps = next(out for out in found.values() if out.ndim == 3 and out.numel() == len(row))
    by_map = (row.view(maps.shape) * maps_before(run, maps, found)).sum((1, 2))
    top = by_map.abs().argsort(descending=True)
    assert amounts(page, 1)[:7] == pytest.approx(by_map[top][:7].tolist(), abs=0.011)
    assert page.number("sum-1") == pytest.approx(float(found[hidden[0]][unit]), abs=0.02)
    assert page.number("network-1") == pytest.approx(float(responses[unit]), abs=0.02)
    # Every further sum agrees with the network's own number, down to the picture.
    depth = page.page.locator("[data-testid^=sum-]").count()
    assert depth == 4
    for level in range(2, depth):
        assert page.number(f"sum-{level}") == pytest.approx(
            page.number(f"network-{level}"), abs=0.02
        )
    # Another runner-up, another question.
    third = int(found["logits"].topk(3).indices[2])
    page.page.select_option("[data-testid=decision-second]", str(third))
    expected = float(found["logits"][first] - found["logits"][third])
    assert page.number("sum-0") == pytest.approx(expected, abs=0.011)
    # All parts at once: they still add up.
    page.page.click("[data-testid=all-0]")
    assert len(amounts(page, 0)) == len(responses) + 1
    assert sum(amounts(page, 0)) == pytest.approx(expected, abs=0.4)


def maps_before(run: Run, maps: torch.Tensor, found: dict[str, torch.Tensor]) -> torch.Tensor:
    """The last of the maps that are flattened: of several with as many numbers, the pooled ones."""
    return [out for out in found.values() if out.shape == maps.shape][-1]


def numbers_in(page: Page, testid: str) -> list[float]:
    cells = page.page.locator(f"[data-testid={testid}] td").all_inner_texts()
    return [float(text.replace("\u2212", "-")) for text in cells]


def shown_units(page: Page, column: int) -> list[int]:
    nodes = page.page.locator(f"[data-testid^=node-{column}-]")
    return [int(node.get_attribute("data-testid").split("-")[2]) for node in nodes.all()]


def test_forward_shows_the_networks_own_maps_kernels_and_places(
    page: Page, digits: tuple[Run, Path]
) -> None:
    run, report = digits
    page.open(report, "#/forward")
    page.page.wait_for_selector("[data-testid=forward-stage]")
    found = outputs_of(run, sample_pixels(report, 0))
    convolutions = [
        (name, module)
        for name, module in run.model.named_modules()
        if isinstance(module, torch.nn.Conv2d)
    ]
    maps = found[convolutions[0][0]]
    unit = shown_units(page, 0)[2]
    # From the keyboard a unit shows the place where it responds most; the mouse says which.
    page.page.focus(f"[data-testid=node-0-{unit}]")
    page.page.keyboard.press("Enter")
    page.page.wait_for_selector("[data-testid=drawer]")
    page.page.keyboard.press("Escape")
    assert page.number("chapter-value") == pytest.approx(maps[unit].max().item(), abs=6e-4)
    assert page.number("sum-0") == pytest.approx(maps[unit].max().item(), abs=0.011)
    page.page.click(f"[data-testid=node-0-{unit}]", position={"x": 12.5, "y": 30.5})
    _, H, W = maps.shape
    place = maps[unit, int(30.5 / 44 * H), int(12.5 / 44 * W)].item()
    page.page.wait_for_function(
        "(value) => Math.abs(+document.querySelector('[data-testid=chapter-value]')"
        ".textContent.replace('\\u2212', '-') - value) < 6e-4",
        arg=place,
    )
    page.page.keyboard.press("Escape")
    # A link opens its kernel: that of the unit to its right, for the map to its left.
    link = page.page.locator("[data-testid^=link-]").first
    _, column, from_, to = (link.get_attribute("data-testid") or "").split("-")
    link.dispatch_event("click")
    reader = shown_units(page, int(column))[int(to)]
    read = shown_units(page, int(column) - 1)[int(from_)]
    kernel = convolutions[1][1].weight.detach()[reader, read].flatten()
    assert numbers_in(page, "sweep-kernel") == pytest.approx(kernel.tolist(), abs=6e-3)
    peak = found[convolutions[1][0]][reader].max().item()
    assert page.number("chapter-value") == pytest.approx(peak, abs=6e-4)
    # The kernel sweeps over the map, and comes back to the place where it was.
    page.page.click("[data-testid=sweep-play]")
    page.page.wait_for_function(
        "(peak) => document.querySelector('[data-testid=chapter-value]').textContent !== peak",
        arg=page.page.text_content("[data-testid=chapter-value]"),
    )
    page.page.click("[data-testid=sweep-play]")
    table = page.page.locator("[data-testid=forward-output] tbody tr")
    best = found["logits"].softmax(0).max().item()
    assert f"{100 * best:.2f}%" in table.first.inner_text()


def test_a_pixel_and_a_link_of_forward_have_an_address_and_keys(
    page: Page, digits: tuple[Run, Path]
) -> None:
    run, report = digits
    page.open(report, "#/forward")
    page.page.wait_for_selector("[data-testid=chapter]")
    stage, keys = page.page.locator("[data-testid=forward-stage]"), page.page.keyboard
    # All maps are one stop of the Tab key, all links another; the arrow keys move among them.
    assert stage.locator(".node[tabindex='0']").count() == 1
    assert stage.locator(".reach[tabindex='0']").count() == 1
    stage.locator(".reach[tabindex='0']").focus()
    keys.press("ArrowDown")
    chosen = page.page.evaluate("document.activeElement.getAttribute('aria-label')")
    weight, read, reader = re.fullmatch(
        r"([+\u2212][\d.]+|0\.00) from unit (\d+) of .* to unit (\d+) of .*", chosen
    ).groups()
    conv = [m for m in run.model.modules() if isinstance(m, torch.nn.Conv2d)][1]
    kernel = conv.weight.detach()[int(reader), int(read)]
    norm = kernel.norm() * (-1 if kernel.sum() < 0 else 1)
    assert float(weight.replace("\u2212", "-")) == pytest.approx(norm.item(), abs=6e-3)
    keys.press("Enter")
    page.page.wait_for_url(f"**map=*{reader}&at=*&link={read}")
    assert numbers_in(page, "sweep-kernel") == pytest.approx(kernel.flatten().tolist(), abs=6e-3)
    value, address = page.page.text_content("[data-testid=chapter-value]"), page.page.url
    page.page.go_back()
    page.page.wait_for_url("**#/forward")
    page.page.wait_for_function(
        "(old) => document.querySelector('[data-testid=chapter-value]').textContent !== old",
        arg=value,
    )
    page.page.go_forward()
    page.page.wait_for_url("**link=*")
    assert page.page.text_content("[data-testid=chapter-value]") == value
    # Moving over pixels changes the address and leaves no steps behind.
    before = page.page.evaluate("history.length")
    page.page.locator("[data-testid=chapter] canvas[tabindex]").last.focus()
    for key in ("ArrowLeft", "ArrowUp", "ArrowLeft"):
        keys.press(key)
    page.page.wait_for_function("(old) => location.href !== old", arg=address)
    assert page.page.evaluate("history.length") == before
    at = re.search(r"at=(\d+)(?:,|%2C)(\d+)", page.page.url)
    name = next(n for n, m in run.model.named_modules() if m is conv)
    found = outputs_of(run, sample_pixels(report, 0))[name]
    place = found[int(reader), int(at[1]), int(at[2])].item()
    assert page.number("chapter-value") == pytest.approx(place, abs=6e-4)
    # A link from elsewhere leads to the same number.
    page.page.goto(page.page.url.replace("sample=", "x="))
    page.page.reload()
    page.page.wait_for_selector("[data-testid=chapter]")
    assert page.number("chapter-value") == pytest.approx(place, abs=6e-4)


def test_forward_plays_lights_a_path_and_draws_what_is_seen(
    page: Page, digits: tuple[Run, Path]
) -> None:
    page.open(digits[1], "#/forward")
    page.page.wait_for_selector("[data-testid=forward-stage]")
    dim = page.page.locator("[data-testid=forward-stage] .node.dim")
    assert dim.count() == 0
    page.page.click("[data-testid=forward-play]")
    assert dim.count() > 20
    page.page.wait_for_function(
        "!document.querySelector('[data-testid=forward-stage] .node.dim')", timeout=15_000
    )
    unit = shown_units(page, 0)[0]
    page.page.hover(f"[data-testid=node-0-{unit}]")
    assert page.page.locator("[data-testid=forward-stage] .node.lit").count() > 2
    assert dim.count() > 5
    # With every unit of every column there are hundreds of maps; those out of sight are not drawn.
    for button in page.page.locator("[data-testid^=whole-]").all():
        button.click()
    nodes = page.page.locator("[data-testid=forward-stage] .node")
    assert nodes.count() > 200
    page.page.wait_for_timeout(200)
    drawn = page.page.locator("[data-testid=forward-stage] .node canvas").count()
    assert 0 < drawn < nodes.count() / 2
    waits = page.page.evaluate(
        "async () => { const out = []; for (const node of [...document.querySelectorAll("
        "'[data-testid=forward-stage] .node')].slice(0, 5)) { const start = performance.now();"
        " node.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));"
        " await Promise.resolve();"
        " await Promise.resolve(); document.body.offsetWidth;"
        " out.push(performance.now() - start); } return out; }"
    )
    assert min(waits) < 100, waits


def test_the_quiz_asks_by_measured_responses_and_keeps_the_score(
    page: Page, digits: tuple[Run, Path]
) -> None:
    atlas = load_atlas(digits[1].parent / "atlas").record
    page.open(digits[1], "#/quiz")
    wished, expected = [], {}
    layers = {layer.title: layer for layer in atlas.layers}
    while not page.page.locator("[data-testid=quiz-result]").count():
        title, unit = page.page.text_content("#quiz h2").rsplit(", unit ", 1)
        layer = layers[title]
        tiles = [
            int(page.page.get_attribute(f"[data-testid=choice-{i}]", "data-tile")) for i in (0, 1)
        ]
        own = [tile // 9 == int(unit) for tile in tiles]
        assert sum(own) == 1
        # The other's picture is none of the unit's nine strongest, so it drives the unit less.
        other = layer.units[tiles[own.index(False)] // 9].patches[0].row
        assert other not in {patch.row for patch in layer.units[int(unit)].patches}
        right = len(wished) % 3 != 0
        wished.append(right)
        expected[layer.name, int(unit)] = right
        page.page.click(f"[data-testid=choice-{own.index(True) if right else own.index(False)}]")
        told = page.page.text_content("[data-testid=quiz-told]")
        assert ("Right." in told) is right
        page.page.click("[data-testid=quiz-next]")
    assert page.page.text_content("[data-testid=quiz-result]").startswith("6 of 10")
    with page.page.expect_download() as download:
        page.page.click("[data-testid=quiz-save]")
    saved = json.loads(Path(download.value.path()).read_text())
    assert saved["right"] == sum(wished)
    found = {(one["layer"], one["unit"]): one["right"] == 1 for one in saved["units"]}
    assert found == expected


def test_a_table_is_saved_as_csv_and_a_figure_as_svg_and_png(
    page: Page, digits: tuple[Run, Path]
) -> None:
    page.open(digits[1], "#/neuron/units=1&params=1_-1_0.5_2_-1")
    page.page.wait_for_selector("[data-testid=neuron-wiring]")
    rows = page.saved_rows("weights")
    assert [float(row["value"]) for row in rows] == [1, -1, 0.5]
    assert float(rows[0]["gradient, all points"]) == page.number("gradient-0")
    page.page.goto(f"file://{digits[1]}#/decision")
    page.page.wait_for_selector("[data-testid=tree]")
    drawn = ElementTree.parse(page.saved("svg", "decision")).getroot()
    space = {"svg": "http://www.w3.org/2000/svg"}
    said = {text.text for text in drawn.iterfind(".//svg:text", space)}
    assert page.page.text_content("[data-testid=sum-0]") in said
    images = drawn.findall(".//svg:image", space)
    assert len(images) > 8
    assert all(image.get("href").startswith("data:image/png") for image in images)
    image = Image.open(page.saved("png", "decision"))
    assert image.width == 2 * int(drawn.get("width"))
    assert len(image.convert("RGB").getcolors(1 << 20)) > 50


def test_a_cell_of_the_confusion_matrix_shows_its_pictures_which_go_through_the_network(
    page: Page, digits: tuple[Run, Path]
) -> None:
    run, report = digits
    evaluation = json.loads((run.path / "evaluation.json").read_text())
    mistake = evaluation["mistakes"][3]
    cell = [mistake["label"], mistake["predicted"]]
    alike = [one for one in evaluation["mistakes"] if [one["label"], one["predicted"]] == cell]
    page.open(report, "#/test")
    # The page opens a mistake once it has built the network.
    page.page.wait_for_selector("[data-testid=mistake-0]")
    page.page.click(f"[data-testid=confusion-{cell[0]}-{cell[1]}] button")
    assert page.page.locator("[data-testid=mistakes] figure").count() == len(alike)
    told = page.page.text_content("[data-testid=mistakes-told]")
    assert f"{len(alike)} of {evaluation['confusion'][cell[0]][cell[1]]}" in told
    page.page.click("[data-testid=mistake-3]")
    page.page.wait_for_selector("[data-testid=forward-output]")
    probs = outputs_of(run, run.data.test.take(torch.tensor([mistake["row"]]))[0])["logits"]
    expected = f"{100 * probs.softmax(0).max().item():.1f}"
    page.page.wait_for_function(
        "(share) => document.querySelector('[data-testid=forward-output] tbody td:last-child')"
        ".textContent.startsWith(share)",
        arg=expected,
    )
