"""Processes killed at random moments lose nothing that was finished, and mix nothing."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from atlases import check_same_atlas
from planted_networks import small_network, spec_of
from safetensors.torch import load_file

from layerscope.data.imageset import ImageSet, Splits
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.training.session import resume, train

# Fewer where time is short; the long run is what counts.
KILLS = int(os.environ.get("LAYERSCOPE_KILLS", "50"))
LITTLE = Effort(
    pictures=24, untrained=2, stimuli="coarse", ablation_pictures=12, featurevis_steps=2,
    dependence_patches=1, dependence_copies=1,
)  # fmt: skip
# Looks that differ in what they are asked, at one atlas.
ASKED: list[dict[str, Any]] = [
    {"only": ["0", "3"]},
    {"only": ["3"], "seed": 1},
    {"only": ["3"], "effort": replace(LITTLE, pictures=20, ablation_baseline="zero")},
]


def noise(n: int, split: str) -> ImageSet:
    generator = torch.Generator().manual_seed(n)
    pixels = torch.randint(0, 256, (n, 1, 16, 16), generator=generator, dtype=torch.uint8)
    return ImageSet("noise", split, pixels, torch.arange(n) % 2, ("a", "b"))


def look_once(out: Path, which: int) -> None:
    settings = {"effort": LITTLE, **ASKED[which]}
    look(small_network(), noise(40, "test"), spec=spec_of(1, 16), out=out, **settings)


def train_once(runs: Path) -> None:
    """Go on with the training that was begun, or begin one."""
    splits = Splits(noise(600, "train"), noise(60, "test"))
    begun = [plan.parent for plan in runs.glob("*/plan.json")]
    if begun:
        resume(begun[0], data=splits)
    else:
        train(splits, model="digit-mlp", epochs=6, batch_size=32, out=runs)


def run_for(seconds: float | None, work: Callable[..., None], *args: Any) -> bool:
    """Do some work in a process of its own, killed after some seconds; whether it was finished.

    A copy of this very process would wait for ever: torch's threads, which may have been started
    here, are not in it. The server has imported everything and started nothing.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["layerscope.pipeline.look", "layerscope.training.session"])
    process = context.Process(target=work, args=args)
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


def timed(work: Callable[..., None], *args: Any) -> float:
    """How long some work takes in a process of its own."""
    assert run_for(None, time.sleep, 0)  # the server is there by then
    started = time.perf_counter()
    assert run_for(None, work, *args)
    return time.perf_counter() - started


@pytest.mark.slow
def test_fifty_kills_of_a_look_lose_nothing_and_mix_nothing(tmp_path: Path) -> None:
    draw = random.Random(0)
    whole = [timed(look_once, tmp_path / f"alone-{i}", i) for i in range(len(ASKED))]
    out = tmp_path / "home" / "atlas"
    kills, finished, there = 0, 0, b""
    kept: set[str] = set()
    while kills < KILLS or finished < 4:
        which = draw.randrange(len(ASKED))
        if run_for(draw.uniform(0, 1.1) * max(whole), look_once, out, which):
            check_same_atlas(out, tmp_path / f"alone-{which}")
            there, kept = (out / "atlas.json").read_bytes(), set()
            finished += 1
            continue
        kills += 1
        # The atlas before is whole as long as the next is not, and finished stages stay.
        if (out / "atlas.json").is_file() and (out / "atlas.json").read_bytes() != there:
            check_same_atlas(out, tmp_path / f"alone-{which}")  # killed as it ended
            there, kept = (out / "atlas.json").read_bytes(), set()
            continue
        now = {p.name for p in (out.parent / "atlas.unfinished" / "kept").glob("*")}
        assert kept <= now
        kept = now
    for which in range(len(ASKED)):
        look_once(out, which)
        check_same_atlas(out, tmp_path / f"alone-{which}")
    assert [path.name for path in out.parent.iterdir()] == ["atlas"]


def outcome(run: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, torch.Tensor]]:
    """What a training left, without dates, times and the folder's name."""
    record = json.loads((run / "run.json").read_text())
    rows = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    for row in rows:
        del row["elapsed_s"], row["images_per_s"]
    results = {k: v for k, v in record["results"].items() if not k.endswith("_s")}
    return results, rows, load_file(run / "model.safetensors")


@pytest.mark.slow
def test_fifty_kills_of_a_training_lose_nothing_and_mix_nothing(tmp_path: Path) -> None:
    draw = random.Random(1)
    whole = timed(train_once, tmp_path / "alone")
    (alone,) = (tmp_path / "alone").iterdir()
    expected = outcome(alone)
    runs = tmp_path / "runs"
    kills, finished = 0, 0
    while kills < KILLS or finished < 4:
        if not run_for(draw.uniform(0, 1.1) * whole, train_once, runs):
            kills += 1
            continue
        (run,) = [record.parent for record in runs.glob("*/run.json")]
        results, rows, weights = outcome(run)
        assert (results, rows) == expected[:2]
        assert all(torch.equal(weights[name], value) for name, value in expected[2].items())
        assert not list(run.rglob("*.part"))
        shutil.rmtree(runs)
        finished += 1
