"""Trainings on words and numbers from beginning to end, on planted rows."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from rich.console import Console
from rich.table import Table

from layerscope.cli.rows.print_rows import fold_table
from layerscope.errors import DataError, ModelError, RecipeError, RunError
from layerscope.formats.run_files import read_run_record
from layerscope.training.rows.predict_rows import continue_text, predict_rows
from layerscope.training.rows.rows_run import RowsRun, is_rows_run, open_rows_run
from layerscope.training.rows.rows_session import RowsListener, resume_rows, train_rows
from layerscope.training.runs.run_folder import open_run
from layerscope.training.session import TrainingStopped

FILLERS = ("it was", "we saw", "they made", "here is", "this is", "there was")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


@pytest.fixture(scope="module")
def reviews(home: Path) -> Path:
    """What a sentence says follows from its last word alone, unless "not" stands before it."""
    lines = ["text,mood"]
    for i in range(240):
        good, negated = i % 2, (i // 2) % 2
        words = f"{FILLERS[i % 6]} {'not ' if negated else ''}{'good' if good else 'bad'}"
        lines.append(f"{words},{'up' if good != negated else 'down'}")
    path = home / "reviews.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(reviews: Path, home: Path) -> RowsRun:
    return train_rows(
        reviews, text="text", out=home / "runs", device="cpu", epochs=12, batch_size=16,
        learning_rate=0.02, embedding=8, hidden=8, dropout_frac=0.0,
    )  # fmt: skip


def test_order_is_learned_where_a_bag_of_words_cannot(run: RowsRun) -> None:
    accuracy = run.evaluation.figures[0]
    assert accuracy.name == "accuracy"
    assert accuracy.network.value == 1.0
    assert accuracy.baselines[0].value < 0.8, "an exclusive or of two words is not linear"
    said = predict_rows(run, ["it was not bad", "it was bad", "we saw good", "we saw not good"])
    assert [row.label for row in said] == ["up", "down", "up", "down"]
    assert predict_rows(run, ["it was GOOD, gruesomely"])[0].unknown == (",", "gruesomely")
    with pytest.raises(DataError, match="the text is empty"):
        predict_rows(run, [""])
    with pytest.raises(DataError, match="none of the words of 'zyxw' came up"):
        predict_rows(run, ["zyxw"])


def test_an_opened_run_says_the_same(run: RowsRun) -> None:
    opened = open_rows_run(run.path)
    assert opened.encoding == run.encoding
    assert opened.spec == run.spec
    one, two = (predict_rows(r, ["they made not good"])[0].probs for r in (run, opened))
    assert one == two
    assert not list(run.path.rglob("*.pkl"))
    assert is_rows_run(run.path.parent)
    with pytest.raises(RunError, match="is a run on words or numbers"):
        open_run(run.path)
    with pytest.raises(RunError, match="run on pictures"):
        open_rows_run("digit-cnn")
    damaged = json.loads((run.path / "encoding.json").read_text("utf-8"))
    assert damaged["words"][:2] == ["<padding>", "<unknown>"]


def test_interrupted_and_resumed_is_the_same(reviews: Path, home: Path, run: RowsRun) -> None:
    def stop(row) -> None:
        if row.epoch == 5:
            raise KeyboardInterrupt

    given = {"epochs": 12, "batch_size": 16, "learning_rate": 0.02, "embedding": 8, "hidden": 8,
             "dropout_frac": 0.0}  # fmt: skip
    with pytest.raises(TrainingStopped) as stopped:
        told = RowsListener(on_epoch=stop)
        train_rows(reviews, text="text", out=home / "stopped", device="cpu", listener=told, **given)
    resumed = resume_rows(stopped.value.folder, device="cpu")
    for name, weight in run.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name
    assert resumed.evaluation == run.evaluation
    with pytest.raises(RunError, match="there is nothing to resume"):
        resume_rows(resumed.path)
    with pytest.raises(RunError, match="is a run on words or numbers"):
        read_run_record(resumed.path)
    longer = resume_rows(resumed.path, epochs=13, device="cpu")
    assert len(longer.history) == 13
    assert longer.evaluation == run.evaluation, "the test rows are scored once"


def test_what_is_dropped_follows_from_the_seed(reviews: Path, home: Path) -> None:
    """Dropout draws from torch's global stream: neither depend on it nor move it."""
    given = {"epochs": 2, "hidden": 4, "embedding": 4, "dropout_frac": 0.5, "device": "cpu"}

    def stop(row) -> None:
        if row.epoch == 1:
            raise KeyboardInterrupt

    torch.random.manual_seed(1)
    before = torch.random.get_rng_state()
    whole = train_rows(reviews, text="text", out=home / "dropped", **given)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.random.manual_seed(2)
    with pytest.raises(TrainingStopped) as stopped:
        told = RowsListener(on_epoch=stop)
        train_rows(reviews, text="text", out=home / "dropped", listener=told, **given)
    resumed = resume_rows(stopped.value.folder, device="cpu")
    other = train_rows(reviews, text="text", out=home / "dropped", seed=1, **given)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name
    assert whole.history[0].train_loss != other.history[0].train_loss


def test_rows_that_have_changed_are_not_gone_on_with(reviews: Path, home: Path) -> None:
    path = home / "changing.csv"
    path.write_bytes(reviews.read_bytes())
    run = train_rows(
        path, text="text", out=home / "changing", epochs=1, hidden=4, embedding=4, device="cpu"
    )
    path.write_text(path.read_text("utf-8").replace("good", "fine"), encoding="utf-8")
    with pytest.raises(DataError, match="are not those that"):
        resume_rows(run.path, epochs=2)


def str_of(table: Table) -> str:
    written = io.StringIO()
    Console(width=100, file=written).print(table)
    return written.getvalue()


def test_a_unit_is_cut_off_and_another_one_refused(home: Path) -> None:
    path = home / "trips.csv"
    rows = [f"{i % 13} min,{3 * (i % 13)} km" for i in range(80)]
    path.write_text("\n".join(["time,way", *rows]), encoding="utf-8")
    run = train_rows(
        path, out=home / "trips", device="cpu", epochs=1, hidden=4, layers=1, folds=False
    )
    assert run.evaluation.figures[0].unit == "way, km"
    opened = open_rows_run(run.path)
    bare = predict_rows(opened, [{"time": 5}])[0].value
    assert predict_rows(opened, [{"time": "5 min"}])[0].value == bare
    with pytest.raises(DataError, match="time is '5 h'; it must be a number"):
        predict_rows(opened, [{"time": "5 h"}])
    other = home / "other.csv"
    other.write_text("time\n1 h\n2 h\n3 h\n", encoding="utf-8")
    with pytest.raises(DataError, match="time is in h; the network learned it in min"):
        predict_rows(opened, [str(other)])


def test_a_table_is_told_in_its_own_units(home: Path) -> None:
    """y = 3 size + 10 where red: a linear model knows it too, and the mean does not."""
    rows = [(i % 13, ("red", "blue")[i % 2]) for i in range(120)]
    path = home / "table.csv"
    lines = [f"{size},{colour},{3 * size + 10 * (colour == 'red')}" for size, colour in rows]
    path.write_text("\n".join(["size,colour,price", *lines]), encoding="utf-8")
    run = train_rows(path, out=home / "tables", epochs=12, hidden=16, layers=1, device="cpu",
                     learning_rate=0.03, dropout_frac=0.0)  # fmt: skip
    absolute = run.evaluation.figures[0]
    assert (absolute.name, absolute.unit) == ("mean absolute error", "price")
    assert absolute.network.value < 1.5
    by_name = {b.name: b for b in absolute.baselines}
    assert by_name["linear regression"].value < 1e-3
    assert by_name["the mean"].value > 7
    folds = run.evaluation.cross_validated
    assert folds is not None
    assert folds.n == 120
    assert folds.figures[0].network.value < 2
    # Over all rows an error is the folds' mean, each by its rows.
    assert [fold.n for fold in folds.by_fold] == [24] * 5
    each = [fold.figure.network for fold in folds.by_fold]
    assert folds.figures[0].network.value == pytest.approx(sum(one.value for one in each) / 5)
    assert all(one.interval[0] < one.value < one.interval[1] for one in each)
    assert "fold 5" in str_of(fold_table(folds))
    told = predict_rows(run, [{"size": 4, "colour": "red"}])[0]
    assert told.value == pytest.approx(22, abs=3)
    assert told.interval is not None
    assert told.interval[0] < told.value < told.interval[1]
    with pytest.raises(DataError, match="colour is 'green', which never came up"):
        predict_rows(run, [{"size": 4, "colour": "green"}])
    with pytest.raises(DataError, match="has no column 'colour'"):
        predict_rows(run, [{"size": 4}])
    with pytest.raises(DataError, match="size is 'big'; it must be a number"):
        predict_rows(run, [{"size": "big", "colour": "red"}])
    with pytest.raises(DataError, match="is no file of rows"):
        predict_rows(run, ["a sentence"])


def test_the_next_word_is_said_step_by_step(home: Path) -> None:
    """A text whose third word follows from the first, not from the second."""
    lines = ["cats like milk .", "dogs like bones ."] * 200
    path = home / "likes.txt"
    order = torch.randperm(400, generator=torch.Generator().manual_seed(0)).tolist()
    path.write_text("\n".join(lines[i] for i in order), encoding="utf-8")
    run = train_rows(path, out=home / "words", epochs=25, embedding=8, hidden=16, device="cpu",
                     learning_rate=0.02, dropout_frac=0.0, batch_size=4)  # fmt: skip
    perplexity = run.evaluation.figures[0]
    assert perplexity.name == "perplexity"
    bigrams = next(b for b in perplexity.baselines if b.name == "bigrams")
    assert bigrams.difference_interval is not None
    assert bigrams.difference_interval[1] < 0, "what stands two words back helps"
    steps = continue_text(run, "dogs like")
    assert [step.word for step in steps] == ["bones", "."]
    assert sum(p for _, p in steps[0].probs) == pytest.approx(1, abs=1e-3)
    assert predict_rows(run, ["cats"])[0].label == "like milk ."


def test_what_makes_no_training_is_refused(reviews: Path, home: Path) -> None:
    for settings, error, message in (
        ({"model": "table-mlp"}, ModelError, "table-mlp does not take reviews, which is a text"),
        ({"model": "text-rn"}, ModelError, "did you mean 'text-rnn'"),
        ({"augment": "flip"}, RecipeError, "changes pictures"),
        ({"pooling": "max"}, RecipeError, "no field 'pooling'"),
        ({"validation_frac": 0.9}, RecipeError, "validation_frac is 0.9"),
        ({"epochs": 0}, RecipeError, "epochs is 0"),
        ({"freeze": "rnn"}, RecipeError, "freeze is 'rnn'"),
    ):
        with pytest.raises(error, match=message):
            train_rows(reviews, text="text", out=home / "refused", **settings)
    assert not (home / "refused").exists()
