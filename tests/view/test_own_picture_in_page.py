"""A picture of one's own in the page, drawn, painted or photographed: as Python reads it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browsing import Page, needs_page
from PIL import Image, ImageDraw
from torch import nn
from trial_page import closed, opened

from layerscope.atlas.atlas_folder import load_atlas
from layerscope.data.folders.framing import Framing
from layerscope.data.folders.ink import Ink, read_ink
from layerscope.data.folders.picture import read_picture
from layerscope.data.imageset import ImageSet, Splits
from layerscope.models.probabilities import to_probs
from layerscope.pipeline.look import look
from layerscope.training.runs.run_folder import Run
from layerscope.training.session import train
from layerscope.view.report import write_report

pytestmark = [needs_page, pytest.mark.browser]


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A short training on coloured noise, and its atlas's folder."""
    drawn = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (60, 3, 32, 32), generator=drawn, dtype=torch.uint8)
    sets = [
        ImageSet("noise", split, pixels, torch.arange(60) % 2, ("a", "b"))
        for split in ("train", "test")
    ]
    folder = tmp_path_factory.mktemp("runs")
    run = train(Splits(*sets), model="catdog-cnn", out=folder, epochs=1, batch_size=16)
    return run, look(run, effort=None).path


def received(page: Page, channels: int = 1) -> np.ndarray:
    """The picture on the page that the network receives: bytes, (H, W), of colour (3, H, W)."""
    values = page.page.evaluate(
        "() => { const shown = document.querySelector('[data-testid=received]');"
        " const { width, height } = shown, copy = new OffscreenCanvas(width, height);"
        " const context = copy.getContext('2d', { willReadFrequently: true });"
        " context.drawImage(shown, 0, 0);"
        " return Array.from(context.getImageData(0, 0, width, height).data); }"
    )
    side = int((len(values) // 4) ** 0.5)
    found = np.array(values, np.uint8).reshape(side, side, 4).transpose(2, 0, 1)
    return found[0] if channels == 1 else found[:channels]


def shown_probs(page: Page) -> dict[int, float]:
    """Class -> its probability in the table of what the network says now."""
    found = {}
    for cell in page.page.query_selector_all("[data-testid^=now-]"):
        name = cell.get_attribute("data-testid") or ""
        found[int(name.split("-")[1])] = float(cell.text_content().rstrip("%")) / 100
    return found


def check_shown(page: Page, run: Run, pixels: np.ndarray) -> None:
    """What stands on the page is what the network itself says of these pixels."""
    images = run.spec.normalise(torch.from_numpy(pixels.copy())[None, None])
    with torch.no_grad():
        probs = to_probs(run.model(images))[0]
    shown, expected = {}, None
    # Answers come from a worker: the last one may still be on its way.
    for _ in range(50):
        shown = shown_probs(page)
        expected = pytest.approx({k: float(probs[k]) for k in shown}, abs=1.1e-4)
        if shown == expected:
            break
        page.page.wait_for_timeout(100)
    assert len(shown) == 5
    assert shown == expected


def seven(ground: int, ink: int) -> Image.Image:
    """A seven on paper, off its middle."""
    page = Image.new("L", (180, 190), ground)
    pen = ImageDraw.Draw(page)
    pen.line([(40, 50), (110, 50), (70, 150)], fill=ink, width=12, joint="curve")
    return page


def test_an_own_picture_is_received_and_answered_as_in_python(
    browser: Any, digits: tuple[Run, Path], tmp_path: Path
) -> None:
    run, report = digits
    seven(250, 20).save(tmp_path / "seven.png")
    page = opened(browser, report)
    page.page.set_input_files("[data-testid=file]", tmp_path / "seven.png")
    page.page.wait_for_selector("[data-testid=brought]")
    layout = run.record.data.ink
    drawing = read_ink(
        tmp_path / "seven.png", size=(28, 28), ink=Ink(layout.fit_frac, layout.by_mass)
    )
    assert np.abs(received(page).astype(int) - drawing.pixels[0].numpy()).max() <= 2
    check_shown(page, run, received(page))
    assert max(shown_probs(page), key=shown_probs(page).__getitem__) == 7
    # The rest of the page follows: the walk's own picture and its verdict.
    page.go(8)
    assert "your own picture" in page.page.text_content("[data-testid=verdict]")
    page.view("try")
    page.page.click("[data-testid=reset]")
    assert not page.page.query_selector("[data-testid=brought]")
    closed(page)


def test_a_file_that_is_no_picture_is_named_as_such(
    browser: Any, digits: tuple[Run, Path], tmp_path: Path
) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    Image.new("L", (50, 50), 128).save(tmp_path / "blank.png")
    page = opened(browser, digits[1])
    for name, words in (("notes.png", "not a picture"), ("blank.png", "Nothing stands out")):
        page.page.set_input_files("[data-testid=file]", tmp_path / name)
        page.page.wait_for_selector("[data-testid=fault]")
        page.page.wait_for_function(
            f"document.querySelector('[data-testid=fault]').textContent.includes('{words}')"
        )
    closed(page)


def test_a_drawing_is_answered_while_it_is_drawn(browser: Any, digits: tuple[Run, Path]) -> None:
    run, report = digits
    page = opened(browser, report)
    pad = page.page.locator("[data-testid=draw-pad]")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.page.mouse.move(box["x"] + 84, box["y"] + 30)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 84, box["y"] + 140, steps=8)
    page.page.mouse.up()
    page.page.wait_for_selector("[data-testid=brought]")
    check_shown(page, run, received(page))
    assert max(shown_probs(page), key=shown_probs(page).__getitem__) == 1
    page.page.click("[data-testid=clear]")
    assert not page.page.query_selector("[data-testid=brought]")
    closed(page)


def test_a_picture_from_the_camera_is_answered(
    browser: Any, coloured: tuple[Run, Path], tmp_path: Path
) -> None:
    run, atlas = coloured
    report = write_report(tmp_path / "r.html", atlas_dir=atlas, run_dir=run.path)
    page = opened(browser, report)
    page.page.click("[data-testid=camera-start]")
    page.page.wait_for_function("document.querySelector('[data-testid=camera]')?.videoWidth > 0")
    page.page.click("[data-testid=camera-take]")
    page.page.wait_for_selector("[data-testid=brought]")
    assert not page.page.query_selector("[data-testid=camera]")
    seen = torch.from_numpy(received(page, channels=3).copy())
    assert seen.float().std() > 10  # the test picture, not a black frame
    with torch.no_grad():
        probs = to_probs(run.model(run.spec.normalise(seen[None])))[0]
    assert shown_probs(page) == pytest.approx(dict(enumerate(probs.tolist())), abs=1.1e-4)
    closed(page)


def test_painting_and_moving_change_what_the_network_says(
    browser: Any, digits: tuple[Run, Path]
) -> None:
    run, report = digits
    page = opened(browser, report)
    before = received(page)
    page.page.click("[data-testid=move-right]")
    page.page.wait_for_selector("[data-testid=changed]")
    moved = received(page)
    assert (moved[:, 1:] == before[:, :-1]).all()
    check_shown(page, run, moved)
    page.page.click("[data-testid=brush-light]")
    page.page.click("[data-testid=received]", position={"x": 112, "y": 112})
    page.page.wait_for_timeout(300)
    assert received(page)[14, 14] == 255
    check_shown(page, run, received(page))
    page.page.click("[data-testid=restore]")
    page.page.wait_for_selector("[data-testid=changed]", state="detached")
    assert (received(page) == before).all()
    closed(page)


@contextmanager
def switched_off(run: Run, layer: str, unit: int, value: float) -> Iterator[None]:
    """One unit of the network itself held at a value."""

    def hold(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        output = output.clone()
        output[:, unit] = value
        return output

    hook = run.model.get_submodule(layer).register_forward_hook(hold)
    try:
        yield
    finally:
        hook.remove()


def test_a_unit_switched_off_is_held_at_its_mean(browser: Any, digits: tuple[Run, Path]) -> None:
    run, report = digits
    page = opened(browser, report)
    layer = hidden_layer(report)
    mean = load_atlas(report.parent / "atlas")[layer].units[3].mean
    pixels = received(page)
    unit = f"#/layers/{layer}/3"
    with switched_off(run, layer, 3, mean):
        page.page.evaluate("link => { location.hash = link }", unit)
        page.page.click("[data-testid=switch-off]")
        page.view("try")
        page.page.wait_for_selector("[data-testid=silenced]")
        check_shown(page, run, pixels)
    page.page.evaluate("link => { location.hash = link }", unit)
    page.page.click("[data-testid=switch-off]")
    page.view("try")
    page.page.wait_for_selector("[data-testid=silenced]", state="detached")
    check_shown(page, run, pixels)
    closed(page)


MAPS = """() => Object.fromEntries([...document.querySelectorAll('[data-testid^=node-]')].map(
    (node) => [node.dataset.testid, node.querySelector('canvas')?.toDataURL() ?? node.title]))"""


@pytest.mark.parametrize("moved", [False, True], ids=["recorded", "moved"])
def test_in_forward_every_unit_stays_where_it_is_when_one_is_switched_off(
    browser: Any, digits: tuple[Run, Path], moved: bool
) -> None:
    run, report = digits
    page = opened(browser, report)
    if moved:
        page.page.click("[data-testid=move-right]")
        page.page.wait_for_selector("[data-testid=changed]")
    pixels, layer = received(page), hidden_layer(report)
    page.view("forward")
    node = page.page.locator("[data-testid^=node-1-]").first
    node.click()
    page.page.wait_for_timeout(300)
    unit, before = int(str(node.get_attribute("data-testid")).split("-")[2]), maps(page)
    mean = load_atlas(report.parent / "atlas")[layer].units[unit].mean
    page.page.click("[data-testid=switch-off]")
    page.page.wait_for_function(
        f"old => ({MAPS})()['node-1-{unit}'] !== old", arg=before[f"node-1-{unit}"]
    )
    after = maps(page)
    assert list(after) == list(before)
    # Of the layer itself that unit alone has changed, and something behind it has too.
    here = [name for name in after if name.startswith(("node-0-", "node-1-"))]
    if moved:  # else the page's own numbers, to a thousandth, take the place of the recorded ones
        assert [name for name in here if after[name] != before[name]] == [f"node-1-{unit}"]
    assert any(after[name] != before[name] for name in after if name not in here)
    # What is told in numbers follows.
    page.page.wait_for_function(
        "value => Math.abs(+document.querySelector('[data-testid=chapter-value]').textContent"
        ".replace('\u2212', '-') - value) < 6e-4",
        arg=mean,
    )
    with switched_off(run, layer, unit, mean):
        page.page.keyboard.press("Escape")
        page.view("try")
        check_shown(page, run, pixels)
    closed(page)


def maps(page: Page) -> dict[str, str]:
    """What each unit of Forward shows, in the order of the columns."""
    return page.page.evaluate(MAPS)


def hidden_layer(report: Path) -> str:
    """The first layer whose units are shown in their own place."""
    atlas = load_atlas(report.parent / "atlas")
    return next(layer.name for layer in atlas.record.layers if layer.kind == "activation")


@pytest.mark.parametrize(
    ("interpolation", "resize_px", "squash"),
    [
        ("lanczos", None, False),
        ("bilinear", 40, False),
        ("bicubic", 40, False),
        ("box", None, True),
        ("hamming", 40, True),
        ("nearest", None, False),
    ],
)
def test_photos_are_cut_and_resized_as_in_python(
    browser: Any,
    coloured: tuple[Run, Path],
    tmp_path: Path,
    interpolation: str,
    resize_px: int | None,
    squash: bool,
) -> None:
    run, atlas = coloured
    shutil.copytree(run.path, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    record["model"] |= {"interpolation": interpolation, "resize_px": resize_px, "squash": squash}
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    values = np.random.default_rng(0).integers(0, 256, (61, 97, 3), np.uint8)
    Image.fromarray(values).save(tmp_path / "photo.png")
    report = write_report(tmp_path / "r.html", atlas_dir=atlas, run_dir=tmp_path / "run")
    page = opened(browser, report)
    page.page.set_input_files("[data-testid=file]", tmp_path / "photo.png")
    page.page.wait_for_selector("[data-testid=brought]")
    framing = Framing(32, 32, resize_px, squash, interpolation)
    own = read_picture(tmp_path / "photo.png", channels=3, size=framing)
    difference = received(page, channels=3).astype(int) - own.numpy()
    assert np.abs(difference).max() <= 1
    closed(page)
