"""Experiments and comparisons: pairs, tables, folders that go on, refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from layerscope.cli.settings import parse_variations
from layerscope.data.imageset import Splits
from layerscope.errors import LayerscopeError, ModelError, RecipeError, RunError
from layerscope.formats.run_files import read_run_record
from layerscope.training.experiments.arms import Experiment, experiment, grid
from layerscope.training.experiments.arms_plot import plot_arms
from layerscope.training.experiments.comparison import compare
from layerscope.training.experiments.paired_differences import over_seeds
from layerscope.training.session import Listener, train

QUICK = {"model": "digit-cnn", "epochs": 2, "batch_size": 16, "augment": "none"}


@pytest.fixture(scope="module")
def done(striped: Splits, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    out = tmp_path_factory.mktemp("work") / "rates"
    return experiment(striped, {"learning_rate": [0.03, 1e-5]}, seeds=3, out=out, **QUICK)


def test_arms_are_trained_on_every_seed_and_paired(done: Experiment, striped: Splits) -> None:
    assert [arm.label for arm in done.arms] == ["learning_rate=0.03", "learning_rate=1e-05"]
    records = [[read_run_record(Path(run)) for run in arm.runs] for arm in done.arms]
    assert [r.seed for r in records[1]] == [0, 1, 2]
    assert {r.recipe.learning_rate for r in records[1]} == {1e-5}
    for arm, rows in zip(done.arms, records, strict=True):
        assert arm.accuracies == tuple(r.results.validation_accuracy for r in rows)
    good, bad = (arm.accuracies for arm in done.arms)
    expected = over_seeds([a for a in bad if a], [a for a in good if a])
    assert done.differences == (expected,)
    assert done.verdicts[0].endswith(": worse")
    # The same seed begins from the same weights and the same validation pictures.
    alone = train(striped, seed=1, learning_rate=0.03, out=done.path.parent / "runs", **QUICK)
    assert alone.record.results.validation_accuracy == good[1]


def test_what_is_finished_is_not_trained_again(
    done: Experiment, striped: Splits, tmp_path: Path
) -> None:
    began: list[tuple[str, int]] = []
    copy = tmp_path / "copy"
    shutil.copytree(done.path, copy)
    shutil.rmtree(copy / "arm-1" / "seed-2")
    again = experiment(
        striped, {"learning_rate": [0.03, 1e-5]}, seeds=3, out=copy,
        on_arm=lambda label, seed, number, of: began.append((label, seed)), **QUICK,
    )  # fmt: skip
    assert began == [("learning_rate=1e-05", 2)]
    assert [arm.accuracies for arm in again.arms] == [arm.accuracies for arm in done.arms]
    written = json.loads((copy / "experiment.json").read_text())
    assert written["verdicts"] == list(done.verdicts)
    assert written["arms"][0]["accuracies"] == list(done.arms[0].accuracies)


def test_interrupted_it_keeps_what_is_finished_and_goes_on(striped: Splits, tmp_path: Path) -> None:
    def stop(figures) -> None:
        if figures.epoch == 1 and len(began) == 3:
            raise KeyboardInterrupt

    began: list[str] = []
    settings = {"vary": {"pooling": ["max", "avg"]}, "seeds": 2, "out": tmp_path / "p", **QUICK}
    part = experiment(
        striped, listener=Listener(on_epoch=stop),
        on_arm=lambda label, seed, number, of: began.append(label), **settings,
    )  # fmt: skip
    assert [arm.accuracies[1] for arm in part.arms] == [None, None]
    assert part.differences[0] is not None
    assert part.differences[0].n == 1
    whole = experiment(striped, **settings)
    assert all(None not in arm.accuracies for arm in whole.arms)
    assert whole.arms[0].accuracies[0] == part.arms[0].accuracies[0]


def test_another_question_needs_another_folder(done: Experiment, striped: Splits) -> None:
    with pytest.raises(RunError, match="holds another experiment"):
        experiment(striped, {"learning_rate": [0.03, 1e-4]}, seeds=3, out=done.path, **QUICK)
    with pytest.raises(RunError, match="is not empty and holds no experiment"):
        experiment(striped, {"epochs": [1, 2]}, out=done.path.parent, model="digit-mlp")


def test_a_rejected_experiment_does_not_block_the_corrected_one(
    striped: Splits, tmp_path: Path
) -> None:
    settings = {"model": "digit-mlp", "epochs": 1, "seeds": 1, "out": tmp_path / "e"}
    with pytest.raises(LayerscopeError, match="pooling would change nothing"):
        experiment(striped, {"pooling": ["max", "avg"]}, **settings)
    turns: list[tuple[int, int]] = []
    found = experiment(
        striped, {"learning_rate": [0.03, 0.01]}, **settings,
        on_arm=lambda label, seed, number, of: turns.append((number, of)),
    )  # fmt: skip
    assert all(None not in arm.accuracies for arm in found.arms)
    assert turns == [(1, 2), (2, 2)]


def test_fields_are_crossed_the_first_values_being_the_baseline() -> None:
    arms = grid({"pooling": ["max", "none"], "epochs": [1, 2, 3]})
    assert len(arms) == 6
    assert arms[0].label == "pooling=max, epochs=1"
    assert arms[-1].changes == {"pooling": "none", "epochs": 3}


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({}, "nothing is varied"),
        ({"epochs": [1]}, "epochs has 1 value"),
        ({"epochs": [1, 2, 1]}, "epochs has the same value twice"),
    ],
)
def test_what_is_no_experiment_is_refused(vary, message) -> None:
    with pytest.raises(RecipeError, match=message):
        grid(vary)


def test_bad_values_are_refused_before_anything_is_trained(striped: Splits, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="pooling is 'mx'"):
        experiment(striped, {"pooling": ["max", "mx"]}, out=tmp_path / "a", **QUICK)
    with pytest.raises(ModelError, match="no field 'colour'"):
        experiment(striped, {"colour": [1, 2]}, out=tmp_path / "b", **QUICK)
    with pytest.raises(RecipeError, match="seeds is 0"):
        experiment(striped, {"epochs": [1, 2]}, seeds=0, out=tmp_path / "c", model="digit-mlp")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("pooling=max,none", {"pooling": ["max", "none"]}),
        ("epochs=1,2", {"epochs": [1, 2]}),
        ("batch_norm=true,false", {"batch_norm": [True, False]}),
        ("layers=2,3", {"layers": [2, 3]}),
        ("widths=32,64;32,64,128", {"widths": [(32, 64), (32, 64, 128)]}),
    ],
)
def test_variations_are_read(text: str, values) -> None:
    assert parse_variations([text]) == values


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["pooling"], "has no '='"),
        (["poling=max,avg"], "did you mean 'pooling'"),
        (["epochs=1,two"], "epochs is 'two'; write a whole number"),
        (["widths=32,64"], "widths takes lists; part them by ';'"),
        (["epochs=1,2", "epochs=3,4"], "epochs is varied twice"),
    ],
)
def test_variations_that_say_nothing_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_variations(texts)


def test_the_figure_is_a_picture(done: Experiment, tmp_path: Path) -> None:
    accuracies = [arm.accuracies for arm in done.arms]
    plot_arms(["a", "b"], [*accuracies[:1], (0.5, None, 0.6)], tmp_path / "arms.png")
    with Image.open(tmp_path / "arms.png") as picture:
        assert picture.width >= 600
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 20


def test_finished_runs_are_grouped_by_what_differs(done: Experiment) -> None:
    runs = [run for arm in done.arms for run in arm.runs]
    found = compare(runs)
    assert [group.label for group in found.groups] == [arm.label for arm in done.arms]
    assert found.on_validation == done.differences
    assert found.on_test == (None,)
    assert found.verdicts == done.verdicts


def test_two_single_runs_are_compared_picture_by_picture(done: Experiment) -> None:
    found = compare([done.arms[0].runs[0], done.arms[1].runs[1]])
    assert found.on_validation == (None,)  # no seed in common
    difference = found.on_test[0]
    assert difference is not None
    records = [
        json.loads((Path(run) / "run.json").read_text())["results"]["test_accuracy"]
        for run in (done.arms[1].runs[1], done.arms[0].runs[0])
    ]
    assert difference.mean == pytest.approx(records[0] - records[1])
    assert "100 test pictures" in found.verdicts[0]


def test_runs_that_differ_in_their_seed_alone_are_told_apart_by_it(done: Experiment) -> None:
    found = compare(done.arms[0].runs[:2])
    assert [group.label for group in found.groups] == ["seed 0", "seed 1"]
    assert found.on_test[0] is not None


def test_runs_that_began_with_other_weights_are_told_apart_by_them(
    done: Experiment, tmp_path: Path
) -> None:
    first, copy = Path(done.arms[0].runs[0]), tmp_path / "copy"
    shutil.copytree(first, copy)
    record = json.loads((copy / "run.json").read_text())
    record["model"]["weights"] = {"source": "file", "file": "a.pth", "sha256": 32 * "ab"}
    (copy / "run.json").write_text(json.dumps(record))
    labels = [group.label for group in compare([first, copy]).groups]
    assert labels == ["weights=none", "weights=abababababab"]


def test_a_folder_of_runs_stands_for_the_finished_ones_in_it(
    done: Experiment, tmp_path: Path
) -> None:
    first, second = (Path(arm.runs[0]) for arm in done.arms)
    shutil.copytree(first, tmp_path / "a")
    shutil.copytree(second, tmp_path / "b")
    (tmp_path / "unfinished").mkdir()
    shutil.copy(first / "plan.json", tmp_path / "unfinished")
    here = compare([tmp_path])
    assert {Path(run).name for group in here.groups for run in group.runs} == {"a", "b"}
    assert here.on_test == compare([first, second]).on_test
    shutil.rmtree(tmp_path / "b")
    with pytest.raises(RunError, match=r"one finished run was given \(.*a\); .* at least two"):
        compare([tmp_path])


def test_what_cannot_be_compared_is_refused(
    done: Experiment, striped: Splits, tmp_path: Path
) -> None:
    first = Path(done.arms[0].runs[0])
    with pytest.raises(RunError, match="needs at least two"):
        compare([first, first])
    with pytest.raises(RunError, match="is no run folder"):
        compare([first, tmp_path])
    other = train("digits", model="digit-mlp", epochs=1, out=tmp_path)
    with pytest.raises(RunError, match=r"different pictures \(digits, stripes\)"):
        compare([first, other.path])
    copy = tmp_path / "copy"
    shutil.copytree(first, copy)
    with pytest.raises(RunError, match="the same settings and seed 0"):
        compare([first, copy, done.arms[1].runs[0]])
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**record, "finished": False}))
    with pytest.raises(RunError, match="is not finished"):
        compare([first, copy])
