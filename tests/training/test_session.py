"""A training from beginning to end: it learns, repeats itself, and leaves a folder that opens."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import torch
from schemas import schema_of

from layerscope.data.imageset import ImageSet, Splits
from layerscope.errors import DataError, DeviceError, LayerscopeError, RunError
from layerscope.files import whole_file
from layerscope.formats.documents import Document, from_plain
from layerscope.formats.run_record import RunRecord
from layerscope.models.inference import set_logits
from layerscope.training.epoch_metrics import score
from layerscope.training.input.batches import make_feed
from layerscope.training.input.prepare import gather, parted, prepare
from layerscope.training.loop import fit
from layerscope.training.machine import make_fabric
from layerscope.training.runs import finish_run
from layerscope.training.runs.checkpoint import read_checkpoint
from layerscope.training.runs.evaluation import evaluation_of
from layerscope.training.runs.run_folder import Run, find_run, open_run, with_data
from layerscope.training.session import Listener, resume, train

QUICK = {"epochs": 3, "batch_size": 16, "augment": "none"}


@pytest.fixture(scope="module")
def run(striped: Splits, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(striped, model="fashion-cnn", out=tmp_path_factory.mktemp("runs"), **QUICK)


def test_it_learns_what_no_linear_model_could(run: Run) -> None:
    assert run.evaluation is not None
    assert run.evaluation.accuracy > 0.95
    history = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    best = max(row["validation_accuracy"] for row in history)
    assert run.record.results.validation_accuracy == best


def test_the_record_says_what_was_done(run: Run) -> None:
    record = json.loads((run.path / "run.json").read_text())
    jsonschema.validate(record, schema_of("run", "RunRecord"))
    assert from_plain(record, RunRecord) == Document(run.record)
    assert record["finished"] is True
    assert record["recipe"]["epochs"] == 3
    assert record["data"]["n_train"] + record["data"]["n_validation"] == 400
    assert record["versions"]["torch"].startswith("2.")
    evaluation = json.loads((run.path / "evaluation.json").read_text())
    jsonschema.validate(evaluation, schema_of("run", "Evaluation"))
    assert evaluation["n"] == 100
    assert sum(map(sum, evaluation["confusion"])) == 100


def test_an_opened_run_predicts_as_the_trained_one_did(run: Run, striped: Splits) -> None:
    again = open_run(run.path)
    assert again.spec == run.spec
    ours = set_logits(run.model, run.spec, striped.test)
    assert torch.equal(set_logits(again.model, again.spec, striped.test), ours)
    assert evaluation_of(ours, striped.test).correct == run.evaluation.correct  # type: ignore[union-attr]


def test_the_same_seed_gives_the_same_weights_and_another_one_others(
    striped: Splits, tmp_path: Path
) -> None:
    weights = [
        train(striped, model="digit-mlp", out=tmp_path, seed=seed, **QUICK).model.state_dict()
        for seed in (1, 1, 2)
    ]
    names = list(weights[0])
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in names)
    assert not all(torch.equal(weights[0][name], weights[2][name]) for name in names)


@pytest.mark.parametrize("optimiser", ["muon", "adamw", "adam", "sgd"])
@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "constant"])
def test_every_optimiser_and_schedule_trains(striped, tmp_path, optimiser, schedule) -> None:
    rate = {"muon": 0.03, "sgd": 0.05}.get(optimiser, 3e-3)
    run = train(
        striped, model="fashion-cnn", out=tmp_path, optimiser=optimiser, schedule=schedule,
        learning_rate=rate, label_smoothing_frac=0.05, gradient_clip=5.0, **QUICK,
    )  # fmt: skip
    assert run.evaluation is not None
    assert run.evaluation.accuracy > 0.8


def test_test_pictures_change_nothing_about_the_training(striped: Splits, tmp_path: Path) -> None:
    """The test split is scored once at the end: with another one the weights are the same."""
    shuffled = striped.test.subset(torch.arange(99, -1, -1)[:40])
    one = train(striped, model="digit-mlp", out=tmp_path, **QUICK)
    other = train(Splits(striped.train, shuffled), model="digit-mlp", out=tmp_path, **QUICK)
    for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_one_step_is_the_textbook_one(striped: Splits) -> None:
    """A single step of plain descent against the gradient worked out apart."""
    spec, recipe = prepare(
        gather(striped, model="fashion-cnn", fabric=make_fabric("cpu")),
        settings={
            "epochs": 1, "batch_size": 360, "optimiser": "adam", "schedule": "constant",
            "learning_rate": 0.01, "augment": "none", "precision": "float32", "weight_decay": 0.0,
        },
    )  # fmt: skip
    training, validation = parted(striped.train, recipe, 0)
    from layerscope.models import build

    trained, apart = (build(spec, torch.Generator().manual_seed(3)) for _ in range(2))
    cpu = torch.device("cpu")
    fit(
        trained, spec, recipe, make_feed(training, cpu), make_feed(validation, cpu),
        fabric=make_fabric("cpu", "float32"), shuffle=torch.Generator().manual_seed(0),
        changes=torch.Generator().manual_seed(0),
    )  # fmt: skip
    optimiser = torch.optim.Adam(apart.parameters(), lr=0.01)
    logits = apart(spec.normalise(training.pixels))
    torch.nn.functional.cross_entropy(logits, training.labels).backward()
    optimiser.step()
    for a, b in zip(trained.parameters(), apart.parameters(), strict=True):
        # Adam's first step is the sign of the gradient: where that is near zero it may flip.
        assert (torch.isclose(a, b, atol=1e-5)).float().mean() > 0.98


def test_ctrl_c_keeps_what_was_learned_and_scores_nothing(striped: Splits, tmp_path: Path) -> None:
    def interrupt(row) -> None:
        if row.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="stopped after 2 of") as stopped:
        train(
            striped, model="fashion-cnn", out=tmp_path, listener=Listener(on_epoch=interrupt),
            **QUICK,
        )  # fmt: skip
    folder = next(tmp_path.iterdir())
    assert f"layerscope train --resume {folder}" in str(stopped.value)
    assert not {"run.json", "evaluation.json", "report.html"} & {f.name for f in folder.iterdir()}
    with pytest.raises(RunError, match=f"not finished; 'layerscope train --resume {folder}'"):
        open_run(tmp_path)


def test_a_loss_that_breaks_in_the_last_steps_leaves_a_readable_run(
    striped: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from layerscope.training import loop

    scored = loop.score

    def broken(*args, **kwargs):
        sums = scored(*args, **kwargs)
        sums.sums[0] = float("nan")  # as weights do that the very last step threw away
        return sums

    monkeypatch.setattr(loop, "score", broken)
    run = train(striped, model="digit-mlp", out=tmp_path, **{**QUICK, "epochs": 1})
    record = json.loads((run.path / "run.json").read_text())
    assert record["findings"][0]["kind"] == "loss-not-finite"
    assert all(torch.isfinite(p).all() for p in open_run(run.path).model.parameters())


def test_score_counts_every_picture_once(
    run: Run, striped: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageSet, "batch_of", lambda *_: 7)
    tally = score(run.model, run.spec, make_feed(striped.test, torch.device("cpu")))
    assert tally.n == 100
    assert tally.accuracy == pytest.approx(run.evaluation.accuracy)  # type: ignore[union-attr]
    run.model.eval()


def test_broken_run_folders_are_named(run: Run, tmp_path: Path) -> None:
    import shutil

    with pytest.raises(RunError, match=r"there is no .*nowhere; name a run folder"):
        find_run(tmp_path / "nowhere")
    with pytest.raises(RunError, match="holds none; train one first"):
        find_run(tmp_path)
    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    assert find_run(tmp_path) == find_run(copy) == copy
    whole = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match=r"model\.safetensors cannot be read"):
        open_run(copy)
    (copy / "run.json").write_text('{"schema": 99}')
    with pytest.raises(RunError, match="has schema 99; this layerscope reads 1 and 2"):
        open_run(copy)
    (copy / "run.json").write_text("{")
    with pytest.raises(RunError, match=r"run\.json cannot be read"):
        open_run(copy)


def test_pictures_handed_over_in_python_cannot_be_loaded_again(run: Run) -> None:
    with pytest.raises(DataError, match="handed over in Python; hand them over again"):
        with_data(open_run(run.path))


def test_a_device_that_is_not_there_and_an_unwritable_folder(striped, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="no device 'tpu'; choose auto"):
        make_fabric("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="'cuda', but torch finds none here"):
            make_fabric("cuda")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"\(--out\)"):
        train(striped, model="digit-mlp", out=tmp_path / "file", **QUICK)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with whole_file(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(ValueError, match="stop"), whole_file(path) as temporary:
        temporary.write_text("half")
        raise ValueError("stop")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(LayerscopeError, match="cannot write"), whole_file(path / "below") as _:
        pass


@pytest.mark.parametrize("augment", ["none", "shift"])
@pytest.mark.parametrize("optimiser", ["muon", "adamw", "sgd"])
def test_a_resumed_training_ends_with_the_same_weights_bit_for_bit(
    striped: Splits, tmp_path: Path, optimiser: str, augment: str
) -> None:
    settings = {**QUICK, "epochs": 4, "optimiser": optimiser, "augment": augment}
    settings["learning_rate"] = 0.01
    whole = train(striped, model="compact", out=tmp_path / "whole", **settings)

    def interrupt(row) -> None:
        if row.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(
            striped, model="compact", out=tmp_path / "broken",
            listener=Listener(on_epoch=interrupt), **settings,
        )  # fmt: skip
    resumed = resume(next((tmp_path / "broken").iterdir()), striped)
    assert resumed.record.finished is True
    theirs = resumed.model.state_dict()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, theirs[name]), name
    rows = [
        [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
        for run in (whole, resumed)
    ]
    for ours, again in zip(*rows, strict=True):
        for key in ("epoch", "train_loss", "validation_loss", "learning_rate"):
            assert ours[key] == again[key]


def test_a_finished_run_goes_on_with_more_epochs(striped: Splits, tmp_path: Path) -> None:
    settings = {**QUICK, "epochs": 2, "schedule": "constant"}
    whole = train(striped, model="digit-mlp", out=tmp_path / "a", **{**settings, "epochs": 4})
    short = train(striped, model="digit-mlp", out=tmp_path / "b", **settings)
    with pytest.raises(RunError, match=r"is finished after 2 epochs; .* --epochs 4"):
        resume(short.path, striped)
    with pytest.raises(RunError, match=r"every run in .* is finished; name one and more epochs"):
        resume(tmp_path / "b", striped)

    def interrupt(row) -> None:
        if row.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resume(short.path, striped, epochs=4, listener=Listener(on_epoch=interrupt))
    assert open_run(short.path).record.recipe.epochs == 2  # it can be used meanwhile
    longer = resume(tmp_path / "b", striped)  # and its training is the one to go on with
    assert longer.path == short.path
    assert longer.record.recipe.epochs == 4
    # With a schedule that does not depend on its length, it is the longer training itself.
    theirs = longer.model.state_dict()
    assert all(torch.equal(v, theirs[name]) for name, v in whole.model.state_dict().items())


def test_a_finished_run_that_goes_on_keeps_its_score(
    striped: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**QUICK, "epochs": 1, "schedule": "constant", "learning_rate": 1e-4}
    scored: list[str] = []
    own = finish_run.set_logits

    def noting(model, spec, imageset, **options):
        scored.append(imageset.split)
        return own(model, spec, imageset, **options)

    monkeypatch.setattr(finish_run, "set_logits", noting)
    first = train(striped, model="digit-mlp", out=tmp_path, **settings)
    assert scored.count("test") == 1
    assert first.record.results.test_epoch is None
    files = [first.path / name for name in ("evaluation.json", "hits.safetensors")]
    before = [file.read_bytes() for file in files]
    longer = resume(first.path, striped, epochs=6)
    assert longer.record.results.best_epoch > 1  # other weights than those that were scored
    assert scored.count("test") == 1
    assert [file.read_bytes() for file in files] == before
    assert longer.record.results.test_accuracy == first.record.results.test_accuracy
    assert longer.record.results.test_epoch == 1
    longest = resume(first.path, striped, epochs=7)
    assert longest.record.results.test_epoch == 1
    # Other test pictures have not been scored yet.
    other = replace(striped.test, labels=striped.test.labels.flip(0))
    again = resume(first.path, Splits(striped.train, other), epochs=8)
    assert scored.count("test") == 2
    assert again.record.results.test_epoch is None


def test_a_full_disk_leaves_the_last_good_checkpoint(
    striped: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**QUICK, "epochs": 3}
    whole = train(striped, model="fashion-cnn", out=tmp_path / "whole", **settings)
    save, written = torch.save, []

    def until_full(value, path) -> None:
        if value["epoch"] == 2:
            Path(path).write_bytes(b"half of a checkpoint")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(value, path)
        written.append(value["epoch"])

    monkeypatch.setattr(torch, "save", until_full)
    with pytest.raises(LayerscopeError, match=r"checkpoint\.pt: No space left on device; choose"):
        train(striped, model="fashion-cnn", out=tmp_path / "full", **settings)
    monkeypatch.undo()
    assert written == [1]
    folder = next((tmp_path / "full").iterdir())
    kept = read_checkpoint(folder)
    assert kept is not None
    assert kept.epoch == 1
    assert not list(folder.rglob("*.part"))
    resumed = resume(folder, striped)
    theirs = resumed.model.state_dict()
    assert all(torch.equal(v, theirs[name]) for name, v in whole.model.state_dict().items())


def test_what_cannot_be_resumed_says_why(run: Run, striped: Splits, tmp_path: Path) -> None:
    import shutil

    with pytest.raises(RunError, match=r"is finished after \d+ epochs; there is nothing"):
        resume(run.path, striped)
    with pytest.raises(RunError, match=r"has no plan\.json"):
        resume(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    (copy / "run.json").unlink()
    with pytest.raises(DataError, match="hand them over again"):
        resume(copy)
    other = striped.train.subset(torch.arange(399))
    with pytest.raises(DataError, match="are not those that copy began with"):
        resume(copy, Splits(other, striped.test))
    whole = (copy / "checkpoint.pt").read_bytes()
    (copy / "checkpoint.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match=r"checkpoint\.pt cannot be read"):
        resume(copy, striped)
    (copy / "plan.json").write_text("{")
    with pytest.raises(RunError, match=r"plan\.json cannot be read"):
        resume(copy, striped)


def test_a_checkpoint_that_runs_code_is_not_read(run: Run, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (Path(tmp_path / "ran").touch, ())

    torch.save({"epoch": Evil()}, tmp_path / "checkpoint.pt")
    with pytest.raises(RunError, match="cannot be read"):
        read_checkpoint(tmp_path)
    assert not (tmp_path / "ran").exists()
