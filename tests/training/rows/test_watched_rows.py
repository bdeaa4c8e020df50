"""A training on rows that is watched: the same training, told beside simpler models."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_row_runs import series_run, text_run

from layerscope.files import read_tensors
from layerscope.training.diagnostics.detectors import Evidence, find_faults, largest_moves
from layerscope.training.diagnostics.recorder import Vitals
from layerscope.training.experiments.comparison import compare
from layerscope.training.input.batches import steps_per_epoch
from layerscope.training.recipe import Recipe
from layerscope.training.rows.rows_run import RowsRun
from layerscope.training.rows.rows_session import RowsListener, train_rows
from layerscope.training.watch import Watch

FEW: dict[str, Any] = {"epochs": 1, "batch_size": 48}


def told(watch: Watch, name: str) -> list[Any]:
    return [one.value for one in watch.since(-1)[1] if one.name == name]


def weights(run: RowsRun) -> dict[str, torch.Tensor]:
    return read_tensors(run.path / "model.safetensors")[0]


def test_sentences_watched_are_the_same_training_and_a_rate_by_hand_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layerscope.training.watch.FRAME_EVERY_S", 0.0)  # a frame of every step
    plain = text_run(tmp_path / "plain", **FEW)
    watch = Watch()
    with watch.looked_at():
        run = text_run(tmp_path / "watched", listener=RowsListener(watch=watch), **FEW)
    mine, theirs = weights(run), weights(plain)
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    assert run.evaluation == plain.evaluation
    assert run.record.by_hand == ()
    (start,) = told(watch, "start")
    assert run.data is not None
    rows, shown = start["rows"], run.data.validation
    assert (rows["task"], rows["figure"]) == ("classes", "accuracy")
    # The most frequent class of the training rows, counted here.
    counts = torch.bincount(run.data.train.targets, minlength=2)
    expected = float((shown.targets == counts.argmax()).float().mean())
    beside = {one["name"]: one["value"] for one in rows["baselines"]}
    assert beside["the most frequent class"] == pytest.approx(expected)
    by_text = dict(zip(shown.texts, shown.targets.tolist(), strict=True))  # type: ignore[union-attr]
    assert [by_text[text] for text in rows["names"]] == rows["truth"]
    steps = steps_per_epoch(len(run.data.train), 48)
    assert len(told(watch, "frame")) == steps

    hand = Watch()
    hand.set_rate(0.5)
    changed = text_run(tmp_path / "hand", listener=RowsListener(watch=hand), **FEW)
    assert [(one.step, one.rate) for one in changed.record.by_hand] == [(0, 0.5)]
    labels = [group.label for group in compare([plain.path, changed.path]).groups]
    assert "rates_by_hand=1:0.5" in labels[1]


def test_a_number_is_told_in_its_own_unit(tmp_path: Path) -> None:
    watch = Watch()
    run = series_run(tmp_path, listener=RowsListener(watch=watch))
    (start,) = told(watch, "start")
    rows = start["rows"]
    assert run.data is not None
    values = {f"{day.date()}": float(value) for day, value in zip(
        run.data.raw.dates, run.data.raw.values[:, 0], strict=True)}  # type: ignore[union-attr]  # fmt: skip
    assert rows["truth"] == pytest.approx([values[name[:10]] for name in rows["names"]], abs=1e-5)
    # The day before, by hand: the root of its mean squared error on the validation days.
    days = [date[:10] for date in run.data.validation.dates]  # type: ignore[union-attr]
    all_days = list(values)
    errors = [values[day] - values[all_days[all_days.index(day) - 1]] for day in days]
    beside = {one["name"]: one["value"] for one in rows["baselines"]}
    expected = math.sqrt(sum(e * e for e in errors) / len(errors))
    assert beside["the same as the step before"] == pytest.approx(expected, rel=1e-4)
    assert "the same day last year" not in beside, "its 300 days hold none"
    assert (rows["figure"], rows["unit"]) == ("root mean squared error", "value")


def test_words_that_follow_are_shown_without_padding(tmp_path: Path) -> None:
    path = tmp_path / "tale.txt"
    words = "the cat sat on the mat . the dog ran off ."
    path.write_text(f"{words} " * 64, encoding="utf-8")
    watch = Watch()
    train_rows(
        path, out=tmp_path / "runs", device="cpu", epochs=1, embedding=8, hidden=8,
        listener=RowsListener(watch=watch),
    )  # fmt: skip
    windows = told(watch, "start")[0]["rows"]["truth"]
    assert {word for window in windows for word in window} == set(words.split())


def test_a_layer_that_begins_at_zero_is_no_fault() -> None:
    vitals = [
        Vitals(i, 1, 1.1, 0.0, {"straight": 1.0, "head": 1.0}, {"straight": moved, "head": 0.01})
        for i, moved in enumerate((1e9, 0.9, 0.4))
    ]
    assert largest_moves(vitals) == [0.01, 0.01, 0.01]
    thrown = [Vitals(0, 1, 1.1, 0.0, {"head": 1.0}, {"head": 40.0})]
    assert largest_moves(thrown) == [40.0]
    assert find_faults(Evidence(Recipe(epochs=1), 2, vitals, [])) == ()
