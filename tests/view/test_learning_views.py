"""The views in which a person works through the network: their numbers against torch's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from browsing import Page, needs_page
from safetensors.numpy import load_file

from layerscope.atlas.atlas_folder import load_atlas
from layerscope.pipeline.look import look
from layerscope.training.runs.run_folder import Run, open_run, with_data
from layerscope.view.report import write_report

pytestmark = [needs_page, pytest.mark.browser]
# Of the plane on which the smallest network's points lie (web/src/neuron/examples.ts).
REACH = 3


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """The packaged digits and their report."""
    folder = tmp_path_factory.mktemp("digits")
    run = with_data(open_run("digit-cnn"))
    atlas = look(run, effort=None, out=folder / "atlas")
    return run, write_report(folder / "report.html", atlas_dir=atlas.path, run_dir=run.path)


@pytest.fixture
def page(browser: Any, digits: tuple[Run, Path]) -> Iterator[Page]:
    opened = Page(browser, viewport={"width": 1280, "height": 900})
    yield opened
    assert not opened.complaints
    foreign = [url for url in opened.requests if not url.startswith(("file://", "data:", "blob:"))]
    assert not foreign
    opened.page.close()


def points(page: Page) -> tuple[torch.Tensor, torch.Tensor]:
    """The points on the plane as they are drawn: places (N, 2) and labels (N,)."""
    found = page.page.evaluate(
        "() => [...document.querySelectorAll('[data-testid=neuron-plane] + svg > *')]"
        ".filter((mark) => !mark.classList.contains('ring')).map((mark) => "
        "mark.tagName === 'circle' ? [+mark.getAttribute('cx'), +mark.getAttribute('cy'), 0]"
        ": (([x, y]) => [x, y + 1.7, 1])(mark.getAttribute('d').slice(1).split(' ')[0]"
        ".split(',').map(Number)))"
    )
    at = torch.tensor(found, dtype=torch.float64)
    return torch.stack([at[:, 0] / 50 - 1, 1 - at[:, 1] / 50], 1) * REACH, at[:, 2]


def mean_loss(weights: torch.Tensor, places: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Log loss of two tanh units; weights w1, w2, b of each, then the output's, then its bias."""
    hidden = torch.tanh(places @ weights[:6].view(2, 3)[:, :2].T + weights[[2, 5]])
    logits = hidden @ weights[6:8] + weights[8]
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)


def test_the_smallest_network_has_torchs_gradients_and_steps(
    page: Page, digits: tuple[Run, Path]
) -> None:
    given = [0.8, -0.3, 0.1, -0.6, 1.1, -0.2, 0.7, -0.9, 0.05]
    state = "set=xor&units=2&activation=tanh&rate=0.3&params=" + "_".join(map(str, given))
    page.open(digits[1], f"#/neuron/{state}")
    page.page.wait_for_selector("[data-testid=neuron-wiring]")
    places, labels = points(page)
    assert len(labels) == 120
    weights = torch.tensor(given, dtype=torch.float64, requires_grad=True)
    for _ in range(2):
        loss = mean_loss(weights, places, labels)
        (gradient,) = torch.autograd.grad(loss, weights)
        assert page.number("neuron-loss") == pytest.approx(loss.item(), abs=6e-5)
        for unit, own in (("unit-0", [0, 1, 2]), ("unit-1", [3, 4, 5]), ("output", [6, 7, 8])):
            page.page.click(f"[data-testid=neuron-{unit}]")
            for place in own:
                assert page.number(f"gradient-{place}") == pytest.approx(
                    gradient[place].item(), abs=6e-5
                )
        page.page.click("[data-testid=neuron-step]")
        weights = (weights - 0.3 * gradient).detach().requires_grad_()
    # A weight is edited, the plane and the loss follow, and the address brings it all back.
    page.page.fill("[data-testid=weight-8]", "1.5")
    page.page.press("[data-testid=weight-8]", "Enter")
    edited = weights.detach().clone()
    edited[8] = 1.5
    after = float(mean_loss(edited, places, labels))
    assert page.number("neuron-loss") == pytest.approx(after, abs=6e-5)
    page.page.reload()
    page.page.wait_for_selector("[data-testid=neuron-wiring]")
    assert page.number("neuron-loss") == pytest.approx(after, abs=1e-3)
    assert page.number("neuron-steps") == 2


def test_one_point_goes_forward_and_its_error_back(page: Page, digits: tuple[Run, Path]) -> None:
    page.open(digits[1], "#/neuron/set=blobs&units=1&activation=sigmoid&params=1_-1_0.5_2_-1")
    page.page.wait_for_selector("[data-testid=neuron-wiring]")
    places, labels = points(page)
    z = float(places[0] @ torch.tensor([1.0, -1.0], dtype=torch.float64) + 0.5)
    a = 1 / (1 + torch.exp(torch.tensor(-z)))
    prob = float(torch.sigmoid(2 * a - 1))
    error = prob - float(labels[0])
    results = [a, prob, -torch.log(torch.tensor(1 - prob)), error, 2 * error * a * (1 - a)]
    for stage, expected in enumerate(results, start=1):
        page.page.click(f"[data-testid=stage-{stage}]")
        told = page.page.locator("[data-testid=neuron-arithmetic] b").inner_text()
        assert float(told.replace("\u2212", "-")) == pytest.approx(float(expected), abs=6e-4)


def test_training_in_the_page_learns_the_circle(page: Page, digits: tuple[Run, Path]) -> None:
    page.open(digits[1], "#/neuron/set=circle&units=5&rate=1")
    page.page.wait_for_selector("[data-testid=neuron-wiring]")
    before = page.number("neuron-right")
    page.page.click("[data-testid=neuron-train]")
    page.page.wait_for_function(
        "+document.querySelector('[data-testid=neuron-right]').textContent.slice(0, -1) > 97",
        timeout=20_000,
    )
    page.page.click("[data-testid=neuron-train]")
    assert before < 80
    assert re.search(r"steps=\d+&params=", page.page.url)


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
