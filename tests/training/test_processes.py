"""Two processes step as one process with the same batches would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from layerscope.data.imageset import Splits
from layerscope.errors import DataError, RecipeError
from layerscope.training.input.augment import Share, augment
from layerscope.training.input.batches import Feed, in_order, make_feed, read_batches, shuffled
from layerscope.training.machine import make_fabric
from layerscope.training.processes import check_shares
from layerscope.training.runs.checkpoint import read_checkpoint
from layerscope.training.runs.run_folder import open_run
from layerscope.training.session import train


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


SETTINGS = ["--epochs", "2", "--batch-size", "61", "--set", "precision=float32"]


LAUNCHER = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def torchrun(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in two processes, each on one thread."""
    return subprocess.run(
        [*LAUNCHER, "-m", "layerscope", *words],
        cwd=folder,
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        timeout=300,
    )


def stopped_after_an_epoch(folder: Path, *words: str) -> Path:
    """The run folder of a training in two processes that was ended once it had a checkpoint."""
    started = subprocess.Popen(
        [*LAUNCHER, "-m", "layerscope", *words],
        cwd=folder,
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not (found := list(folder.glob("*/*/checkpoint.pt"))):
            assert started.poll() is None, "it ended before it could be stopped"
            time.sleep(0.02)
    finally:
        started.terminate()  # the launcher ends its processes with itself
        started.wait(60)
    return found[0].parent


@pytest.mark.slow
def test_two_processes_end_where_one_does(tmp_path: Path) -> None:
    # 61 pictures a batch: the shares differ by one, and each must count for what it is.
    words = ["train", "digits", "--model", "digit-cnn", *SETTINGS, "--augment", "shift"]
    done = torchrun(tmp_path, *words, "--no-report", "--out", "two")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test accuracy") == 1  # one speaks
    folders = list((tmp_path / "two").iterdir())
    assert len(folders) == 1  # one writes
    assert not list(folders[0].rglob("*.part"))
    two = open_run(folders[0])
    one = train(
        "digits", model="digit-cnn", epochs=2, batch_size=61, precision="float32", augment="shift",
        out=tmp_path / "one",
    )  # fmt: skip
    theirs, ours = dict(two.model.named_parameters()), dict(one.model.named_parameters())
    for name, weight in ours.items():
        # Sums are taken in another order: float32 rounds to 6e-8, and 40 Muon steps spread that.
        assert torch.allclose(theirs[name], weight, atol=2e-4), name
    rows = [
        [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
        for run in (two, one)
    ]
    for mine, other in zip(*rows, strict=True):
        assert mine["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)
        assert mine["validation_accuracy"] == pytest.approx(other["validation_accuracy"], abs=0.008)
        # A share of pictures is a whole number of them.
        assert mine["train_accuracy"] * 61 * 21 == pytest.approx(
            round(mine["train_accuracy"] * 61 * 21), abs=1e-6
        )


@pytest.mark.slow
def test_several_processes_resume_and_batch_norms_agree(tmp_path: Path) -> None:
    words = ["train", "digits", "--model", "compact", *SETTINGS, "--epochs", "3", "--no-report"]
    cut = stopped_after_an_epoch(tmp_path, *words, "--out", "cut")
    assert not (cut / "run.json").exists()
    kept = read_checkpoint(cut)
    assert kept is not None
    assert torchrun(tmp_path, *words, "--out", "whole").returncode == 0
    whole = next((tmp_path / "whole").iterdir())
    done = torchrun(tmp_path, "train", "--resume", str(cut), "--no-report")
    assert done.returncode == 0, done.stderr
    # The first epoch took as long as before: it was not trained again.
    row = json.loads((cut / "history.jsonl").read_text().splitlines()[0])
    assert row["elapsed_s"] == pytest.approx(kept.history[0].elapsed_s)
    again, first = open_run(cut).model.state_dict(), open_run(whole).model.state_dict()
    assert all(torch.equal(again[name], value) for name, value in first.items())


def test_more_processes_than_pictures_are_refused() -> None:
    check_shares(1, 10, make_fabric("cpu", "float32"))

    class Two:
        world_size = 2

    with pytest.raises(RecipeError, match="a batch has 1 pictures for 2 processes"):
        check_shares(1, 10, Two())  # type: ignore[arg-type]


@given(
    B=st.integers(1, 40), world=st.integers(1, 5), kind=st.sampled_from(["flip-shift", "strong"])
)
def test_an_image_is_changed_alike_however_many_processes_there_are(
    B: int, world: int, kind: str
) -> None:
    images = torch.randn(B, 2, 12, 12, generator=generator(B))
    whole = augment(images, kind, generator(7))
    for rank in range(min(world, B)):
        mine = augment(images[rank::world], kind, generator(7), share=Share(B, rank, world))
        assert torch.allclose(mine, whole[rank::world], atol=1e-5)


@given(n=st.integers(0, 100), size=st.integers(1, 30), world=st.integers(1, 5))
def test_what_is_scored_is_shared_out_without_overlap(n: int, size: int, world: int) -> None:
    shares = [
        [i for batch in in_order(n, size, rank=rank, world_size=world) for i in batch.tolist()]
        for rank in range(world)
    ]
    assert sorted(i for share in shares for i in share) == list(range(n))


def test_a_streamed_set_is_read_in_the_same_order_by_a_thread_that_ends(striped: Splits) -> None:
    held = make_feed(striped.train, torch.device("cpu"))
    streamed = make_feed(striped.train, torch.device("cpu"), budget_bytes=0)
    ours, theirs = (
        list(read_batches(feed, shuffled(400, 32, generator(5)))) for feed in (streamed, held)
    )
    assert len(ours) == len(theirs) == 12
    for (pixels, labels), (same, alike) in zip(ours, theirs, strict=True):
        assert torch.equal(pixels, same)
        assert torch.equal(labels, alike)
    assert not [t for t in threading.enumerate() if t.name.startswith("read-ahead")]
    batches = read_batches(streamed, shuffled(400, 32, generator(5)))
    next(batches)
    batches.close()  # as an interrupted epoch does
    assert not [t for t in threading.enumerate() if t.name.startswith("read-ahead")]


def test_what_goes_wrong_while_reading_ahead_is_raised(striped: Splits) -> None:
    class Broken(Feed):
        def read(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            raise DataError("the cable was pulled")

    feed = Broken(striped.train, None, striped.train.labels, torch.device("cpu"))
    with pytest.raises(DataError, match="the cable was pulled"):
        list(read_batches(feed, in_order(10, 3)))


def test_a_streamed_training_ends_with_the_same_weights(
    striped: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = train(striped, model="digit-mlp", epochs=2, out=tmp_path)
    monkeypatch.setenv("LAYERSCOPE_MEMORY_GB", "0")
    streamed = train(striped, model="digit-mlp", epochs=2, out=tmp_path)
    pairs = zip(held.model.parameters(), streamed.model.parameters(), strict=True)
    assert all(torch.equal(mine, theirs) for mine, theirs in pairs)
    monkeypatch.setenv("LAYERSCOPE_MEMORY_GB", "much")
    with pytest.raises(DataError, match="LAYERSCOPE_MEMORY_GB is 'much'"):
        train(striped, model="digit-mlp", epochs=2, out=tmp_path)
