"""Each detector on a training made to have its fault, and all of them on healthy ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from layerscope.data import load
from layerscope.data.imageset import Splits
from layerscope.formats.run_figures import EpochFigures
from layerscope.training.diagnostics.detectors import (
    Evidence,
    Finding,
    dead_units,
    find_faults,
    largest_spike,
    under_fitting,
    vanishing_gradients,
)
from layerscope.training.diagnostics.label_suspects import label_suspects
from layerscope.training.diagnostics.recorder import Vitals
from layerscope.training.recipe import Recipe
from layerscope.training.session import Listener, train


@pytest.fixture(scope="module")
def digits() -> Splits:
    return load("digits")


def mislabelled(splits: Splits, frac: float, n: int | None = None) -> Splits:
    """The same pictures, a share of their labels drawn anew."""
    generator = torch.Generator().manual_seed(0)
    labels = splits.train.labels.clone()
    hit = torch.rand(len(labels), generator=generator) < frac
    labels[hit] = torch.randint(0, 10, (int(hit.sum()),), generator=generator)
    spoiled = replace(splits.train, labels=labels)
    return replace(splits, train=spoiled.subset(torch.arange(n or len(labels))))


def findings(data: Splits, out: Path, **settings: Any) -> dict[str, dict[str, Any]]:
    """Train, and give what the record says went wrong, by kind."""
    run = train(data, out=out, **settings)
    record = json.loads((run.path / "run.json").read_text())
    return {finding["kind"]: finding for finding in record["findings"]}


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "digit-mlp"},
        {"model": "digit-cnn"},
        {"model": "digit-cnn", "preset": "tutorial"},
        {"model": "digit-cnn", "optimiser": "sgd", "learning_rate": 0.03, "weight_decay": 5e-4},
        {"model": "compact", "epochs": 3},
    ],
    ids=["mlp", "cnn", "tutorial", "sgd", "compact"],
)
def test_healthy_trainings_are_left_in_peace(digits: Splits, tmp_path: Path, settings) -> None:
    assert findings(digits, tmp_path, **settings) == {}


SIGMOIDS = {"hidden": (32,) * 8, "activation": "sigmoid"}
# Each step moves each weight by up to 1, tens of times its size: the loss of the first epoch is in
# the thousands and every unit dies. Near the threshold, rounding would decide.
TOO_HIGH = {"optimiser": "adam", "learning_rate": 1.0, "schedule": "constant"}


@pytest.mark.parametrize(
    ("kind", "field", "settings"),
    [
        (
            "rate-too-high",
            "learning_rate",
            {"model": "digit-cnn", **TOO_HIGH},
        ),
        (
            "rate-too-low",
            "learning_rate",
            {"model": "digit-cnn", "optimiser": "adamw", "learning_rate": 1e-6},
        ),
        ("rate-too-low", "learning_rate", {"model": "digit-cnn", "learning_rate": 1e-4}),
        (
            "vanishing-gradients",
            "activation",
            {"model": "digit-mlp", **SIGMOIDS, "optimiser": "sgd", "learning_rate": 0.1},
        ),
        (
            "dead-units",
            "activation",
            {"model": "digit-cnn", **TOO_HIGH},
        ),
        ("under-fitting", "hidden", {"model": "digit-mlp", "hidden": (1,)}),
    ],
)
def test_a_fault_is_found(digits: Splits, tmp_path: Path, kind, field, settings) -> None:
    found = findings(digits, tmp_path, epochs=3, **settings)
    assert kind in found, list(found)
    finding = found[kind]
    assert field in finding["fields"]
    assert field in finding["sentence"]
    assert 1 <= finding["since_epoch"] <= 3
    assert "\n" not in finding["sentence"]


def test_under_fitting_is_not_said_of_what_has_another_cause(
    digits: Splits, tmp_path: Path
) -> None:
    low = {"optimiser": "adamw", "learning_rate": 1e-6}
    assert set(findings(digits, tmp_path, model="digit-cnn", epochs=3, **low)) == {"rate-too-low"}


def test_over_fitting_is_found_and_dated(digits: Splits, tmp_path: Path) -> None:
    few = mislabelled(digits, 0.4, 400)
    settings = {"model": "digit-cnn", "epochs": 25, "augment": "none", "learning_rate": 0.01}
    finding = findings(few, tmp_path, **settings)["over-fitting"]
    rows = next(tmp_path.glob("*/history.jsonl")).read_text().splitlines()
    losses = [json.loads(row)["validation_loss"] for row in rows]
    assert finding["since_epoch"] == 1 + losses.index(min(losses))
    assert finding["value"] == pytest.approx(losses[-1] / min(losses))


def test_a_loss_that_is_not_finite_goes_back_once_with_a_lower_rate(
    digits: Splits, tmp_path: Path
) -> None:
    told: list[Finding] = []
    run = train(
        digits,
        model="digit-mlp",
        hidden=(64,) * 6,
        optimiser="sgd",
        learning_rate=0.5,
        schedule="constant",
        epochs=2,
        out=tmp_path,
        listener=Listener(on_finding=told.append),
    )
    kinds = [finding.kind for finding in run.record.findings]
    assert kinds[0] == "loss-not-finite"
    assert "exploding-gradients" in kinds
    assert {finding.kind for finding in told} == set(kinds)
    history = [json.loads(row) for row in (run.path / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in history] == [1, 2]
    assert [row["learning_rate"] for row in history] == pytest.approx([0.05, 0.05])
    assert all(torch.isfinite(p).all() for p in run.model.parameters())
    assert run.evaluation is not None
    assert run.evaluation.accuracy > 0.3


def test_a_loss_that_is_not_finite_twice_ends_the_training_in_its_last_good_state(
    digits: Splits, tmp_path: Path
) -> None:
    settings = {"optimiser": "sgd", "learning_rate": 10.0, "schedule": "constant", "epochs": 3}
    deep = {"hidden": (64,) * 6}
    run = train(digits, model="digit-mlp", out=tmp_path, **deep, **settings)
    finding = run.record.findings[0]
    assert finding.kind == "loss-not-finite"
    assert "again at 1" in finding.sentence
    assert all(torch.isfinite(p).all() for p in run.model.parameters())


def test_wrong_labels_are_suspected_and_the_pictures_named(digits: Splits, tmp_path: Path) -> None:
    spoiled = mislabelled(digits, 0.3)
    settings = {"model": "digit-cnn", "epochs": 4, "validation_frac": 0.4}
    finding = findings(spoiled, tmp_path, **settings)["label-suspects"]
    wrong = spoiled.train.labels != digits.train.labels
    assert len(finding["rows"]) >= 5
    # What is named is nearly always a label that was spoiled.
    assert wrong[finding["rows"]].float().mean() > 0.9


def test_label_suspects_need_many_and_surest_errors() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (1000,), generator=generator)
    sure = torch.nn.functional.one_hot(labels, 3).float()
    logits = sure * torch.linspace(1, 9, 1000)[:, None]
    names, rows = ("a", "b", "c"), torch.arange(1000) + 7
    assert label_suspects(logits, labels, names, rows) is None
    hard = labels.clone()
    hard[:500] = (hard[:500] + 1) % 3  # wrong about half of all, but never where it is sure
    assert label_suspects(logits, hard, names, rows) is None
    noisy = labels.clone()
    noisy[::5] = (noisy[::5] + 1) % 3
    found = label_suspects(logits, noisy, names, rows)
    assert found is not None
    assert found.value == pytest.approx(0.2)
    assert all((row - 7) % 5 == 0 and row - 7 >= 900 for row in found.rows)
    fresh = torch.randn(1000, 3, generator=generator) * 9  # sure of itself, and knows nothing
    assert label_suspects(fresh, labels, names, rows) is None
    one_sided = torch.tensor([9.0, 0, 0]).expand(1000, 3)  # says the most frequent class
    uneven = torch.where(torch.arange(1000) % 10 < 7, 0, labels)
    assert label_suspects(one_sided, uneven, names, rows) is None
    assert label_suspects(logits[:150], noisy[:150], names, rows[:150]) is None  # too few to say


def test_a_librarys_network_is_not_told_to_change_its_layers() -> None:
    row = EpochFigures(
        epoch=1, train_loss=0.7, train_accuracy=0.5, validation_loss=0.7, validation_accuracy=0.5,
        learning_rate=0.1, images_per_s=1.0, elapsed_s=1.0, dead_frac={"relu": 0.9},
    )  # fmt: skip
    fading = [
        Vitals(i, 1, 0.7, 0.5, {"first": 1e-6, "last": 1.0}, {"first": 1e-2}) for i in range(6)
    ]
    for fixed, layered in ((False, True), (True, False)):
        evidence = Evidence(Recipe(epochs=1), 2, fading, [row], fixed_layout=fixed)
        found = [vanishing_gradients(evidence), dead_units(evidence), under_fitting(evidence)]
        for finding in found:
            assert finding is not None
            named = {"widths", "batch_norm", "activation"} & set(finding.fields)
            assert bool(named) == layered
            assert ("widths" in finding.sentence or "batch_norm" in finding.sentence) == layered


def test_a_network_is_not_told_to_change_what_it_does_not_have() -> None:
    row = EpochFigures(
        epoch=1, train_loss=0.7, train_accuracy=0.5, validation_loss=0.7, validation_accuracy=0.5,
        learning_rate=0.1, images_per_s=1.0, elapsed_s=1.0, dead_frac={"relu": 0.9},
    )  # fmt: skip
    fading = [
        Vitals(i, 1, 0.7, 0.5, {"first": 1e-6, "last": 1.0}, {"first": 1e-2}) for i in range(6)
    ]
    unused = ("kernel", "padding", "pooling", "pool_last", "batch_norm", "residual")
    evidence = Evidence(Recipe(epochs=1), 2, fading, [row], unused_fields=unused)
    for finding in (vanishing_gradients(evidence), dead_units(evidence), under_fitting(evidence)):
        assert finding is not None
        assert not {*unused, "widths"} & set(finding.fields)
        assert not any(name in finding.sentence for name in (*unused, "widths"))


def test_a_step_of_infinite_size_is_a_finding_that_json_can_hold() -> None:
    row = EpochFigures(
        epoch=1, train_loss=9.0, train_accuracy=0.5, validation_loss=9.0, validation_accuracy=0.5,
        learning_rate=0.1, images_per_s=1.0, elapsed_s=1.0,
    )  # fmt: skip
    vast = [Vitals(0, 1, 9.0, 0.5, {"a": 1.0}, {"a": float("inf")})]
    (finding,) = find_faults(Evidence(Recipe(epochs=1), 2, vast, [row]))
    assert finding.kind == "rate-too-high"
    json.dumps(finding.value, allow_nan=False)


def test_largest_spike_is_measured_against_the_median_before_it() -> None:
    def vitals(*norms: float) -> list[Vitals]:
        return [Vitals(i, 1, 1.0, 0.5, {"a": n, "b": 0.0}, {}) for i, n in enumerate(norms)]

    assert largest_spike(vitals(1, 1, 1)) is None
    spike = largest_spike(vitals(1, 2, 3, 400, 2, 5, float("nan")))
    assert spike is not None
    assert (spike.step, spike.times) == (3, 200)


def test_early_stopping_ends_after_the_epochs_it_was_given(striped: Splits, tmp_path: Path) -> None:
    run = train(
        striped, model="digit-mlp", epochs=40, stop_after_epochs=3, batch_size=16, out=tmp_path
    )
    history = [json.loads(row) for row in (run.path / "history.jsonl").read_text().splitlines()]
    accuracies = [row["validation_accuracy"] for row in history]
    assert len(history) < 40
    assert len(history) == 1 + accuracies.index(max(accuracies)) + 3
    assert run.record.finished


def test_a_recipe_carries_its_plateau_into_the_history(digits: Splits, tmp_path: Path) -> None:
    recipe = Recipe(
        optimiser="sgd", learning_rate=1e-6, schedule="plateau", plateau_epochs=1, epochs=8,
        weight_decay=0.0,
    )  # fmt: skip
    run = train(mislabelled(digits, 1.0, 200), model="digit-mlp", recipe=recipe, out=tmp_path)
    rows = [json.loads(row) for row in (run.path / "history.jsonl").read_text().splitlines()]
    from layerscope.training.optim.schedule import plateau_frac

    losses = [row["validation_loss"] for row in rows]
    for i, row in enumerate(rows):
        assert row["learning_rate"] == pytest.approx(1e-6 * plateau_frac(recipe, losses[:i]))
