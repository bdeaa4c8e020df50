"""The smallest network of the page, which trains on a plane: its numbers against torch's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from browsing import Page, needs_page

from layerscope.training.runs.run_folder import Run

pytestmark = [needs_page, pytest.mark.browser]
# Of the plane on which the smallest network's points lie (web/src/neuron/examples.ts).
REACH = 3


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
