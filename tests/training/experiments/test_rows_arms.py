"""Experiments on rows: pairs by seed, folders that go on, refusals before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_row_runs import things

from layerscope.errors import LayerscopeError, RecipeError, RunError
from layerscope.training.experiments.arms import Experiment
from layerscope.training.experiments.paired_differences import over_seeds
from layerscope.training.experiments.rows_arms import experiment_rows
from layerscope.training.rows.rows_run import open_rows_run
from layerscope.training.rows.rows_session import RowsListener, train_rows

SETTINGS: dict[str, Any] = {
    "target": "price", "epochs": 2, "hidden": 8, "layers": 1, "device": "cpu",
}  # fmt: skip
VARY = {"learning_rate": [0.02, 1e-6]}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    home = tmp_path_factory.mktemp("rows")
    return experiment_rows(things(home), VARY, seeds=2, out=home / "rates", **SETTINGS)


def test_arms_on_rows_are_paired_by_seed(done: Experiment) -> None:
    assert [arm.label for arm in done.arms] == ["learning_rate=0.02", "learning_rate=1e-06"]
    runs = [[open_rows_run(run) for run in arm.runs] for arm in done.arms]
    assert [[run.record.seed for run in of] for of in runs] == [[0, 1], [0, 1]]
    assert runs[1][0].record.recipe.learning_rate == 1e-6
    for arm, of in zip(done.arms, runs, strict=True):
        assert arm.accuracies == tuple(run.record.results.validation_accuracy for run in of)
        assert all(run.evaluation.cross_validated is None for run in of)
    good, bad = (list(map(float, map(str, arm.accuracies))) for arm in done.arms)
    assert done.differences == (over_seeds(bad, good),)
    assert "explained variance" in done.verdicts[0]
    alone = train_rows(done.path.parent / "things.csv", seed=1, learning_rate=0.02, folds=False,
                       out=done.path.parent / "alone", **SETTINGS)  # fmt: skip
    assert alone.record.results.validation_accuracy == good[1]
    written = json.loads((done.path / "experiment.json").read_text())
    assert written["measure"] == "validation explained variance at the chosen epoch"
    assert written["question"]["columns"] == {"target": "price"}


def test_interrupted_on_rows_it_goes_on_and_other_questions_are_refused(tmp_path: Path) -> None:
    rows, out = things(tmp_path), tmp_path / "e"
    began: list[tuple[str, int]] = []

    def stop(figures: Any) -> None:
        if len(began) == 2:
            raise KeyboardInterrupt

    def note(label: str, seed: int, number: int, of: int) -> None:
        began.append((label, seed))

    settings: dict[str, Any] = {"seeds": 1, "out": out, **SETTINGS}
    part = experiment_rows(
        rows, VARY, listener=RowsListener(on_epoch=stop), on_arm=note, **settings
    )
    assert [arm.accuracies[0] is None for arm in part.arms] == [False, True]
    assert part.verdicts[0].endswith("no seed is finished in both")
    whole = experiment_rows(rows, VARY, on_arm=note, **settings)
    assert began == [
        ("learning_rate=0.02", 0),
        ("learning_rate=1e-06", 0),
        ("learning_rate=1e-06", 0),
    ]
    assert None not in [arm.accuracies[0] for arm in whole.arms]
    with pytest.raises(RunError, match="holds another experiment"):
        experiment_rows(rows, VARY, **(settings | {"target": "size"}))
    with pytest.raises(RunError, match="holds another experiment"):
        experiment_rows(rows, VARY, **(settings | {"epochs": 3}))


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({}, "nothing is varied"),
        ({"epochs": [1]}, "at least 2"),
        ({"epochs": [1, -1]}, "epochs is -1"),
        ({"cell": ["gru", "lstm"]}, "table-mlp has no cell"),
        ({"augment": ["none", "flip"]}, "changes pictures"),
    ],
)
def test_what_cannot_be_varied_is_refused_before_a_training(
    tmp_path: Path, vary: dict[str, list[Any]], message: str
) -> None:
    with pytest.raises((RecipeError, LayerscopeError), match=message):
        experiment_rows(things(tmp_path), vary, out=tmp_path / "e", target="price")
    assert not list(tmp_path.glob("e/arm-*"))
