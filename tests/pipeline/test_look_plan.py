"""How long a look may take: the first guess, and what is told of it, beside one that was timed."""

from __future__ import annotations

import pytest
import torch

from layerscope.graph.read import read_program
from layerscope.models import build, make_spec
from layerscope.pipeline.budget import budget_for
from layerscope.pipeline.effort import DEMO
from layerscope.pipeline.look_plan import plan_of
from layerscope.pipeline.look_progress import READING, LookProgress, LookTimer, Part
from layerscope.seed import make_generator

# The demo's look on one core of a Xeon beside other work: processor seconds of each part.
DEMO_S = {
    ("reading", ""): 2.0,
    ("pictures", ""): 1.5,
    ("units", ""): 18.2,
    ("copy", "1 of 3"): 14.2,
    ("copy", "2 of 3"): 10.4,
    ("copy", "3 of 3"): 10.8,
    ("dependence", "features.7"): 8.1,
    ("ablation", "features.7"): 3.0,
    ("images", "features.7"): 3.2,
    ("writing", ""): 0.5,
}


@pytest.fixture(scope="module")
def plan() -> dict[Part, float]:
    """What the demo's look sets out to do."""
    spec = make_spec(
        "catdog-cnn", class_names=("cat", "dog"), channels=3, height=64, width=64,
        mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25),
    )  # fmt: skip
    model = build(spec, make_generator(0, "weights")).eval()
    program = read_program(model, torch.zeros(1, 3, 64, 64))
    measured = ["features.1", "features.4", "features.7", "classifier.2", "classifier.3"]
    return plan_of(
        budget_for(DEMO, program, spec), program.layers, measured, pictures=1000, evidence=True,
        ablates=True, has_parts=True,
    )  # fmt: skip


def test_every_part_is_planned_in_order_and_about_as_long_as_it_takes(plan) -> None:
    assert [(part.kind, part.of) for part in plan] == list(DEMO_S)
    whole, guessed = sum(DEMO_S.values()), sum(plan.values())
    for part, guess_s in plan.items():
        share, guessed_share = DEMO_S[part.kind, part.of] / whole, guess_s / guessed
        if max(share, guessed_share) > 0.05:
            assert 0.5 < guessed_share / share < 2, part


@pytest.mark.parametrize("slowness", [0.4, 1.0, 6.0])
def test_what_is_left_is_told_right_from_the_first_pictures_on(plan, slowness: float) -> None:
    told: list[LookProgress] = []
    now_s = 0.0
    timer = LookTimer(told.append, lambda: now_s)
    whole_s = 0.0
    estimates = []
    for (kind, of), seconds in DEMO_S.items():
        part, seconds = Part(kind, of), seconds * (slowness if kind != "reading" else 1.0)
        if part == READING:
            timer.plan(plan)
        reports = 16 if kind in ("pictures", "images", "ablation") else 1
        for done in range(reports):
            timer.at(part, done, reports)
            if told[-1].left_s is not None:
                estimates.append((now_s, now_s + told[-1].left_s))
            now_s += seconds / reports
        whole_s += seconds
    assert estimates[0][0] < 2.0 + 2 * slowness  # a sixteenth of the pictures is enough
    for at_s, whole in estimates:
        if at_s < 2.0 + 0.6 * slowness:  # a third of the pictures
            continue
        assert 0.6 * (whole_s - at_s) - 1 < whole - at_s < 1.6 * (whole_s - at_s) + 1
