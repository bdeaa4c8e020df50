"""Ctrl-C in a command, as a terminal sends it: what it says, and what comes after it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from atlases import check_same_atlas
from command_output import error_lines

from layerscope.atlas.atlas_folder import load_atlas

NETWORK = """
import torch
from torch import nn

def make():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(96, 10),
    )
"""


def command(home: Path, out: str, *only: str) -> list[str]:
    layers = [word for layer in only for word in ("--only", layer)]
    network, told = str(home / "net.py:make"), ("--data", "digits", "--scale", "0..1", "--quick")
    look = (sys.executable, "-m", "layerscope", "look")
    return [*look, network, *told, *layers, "--out", str(home / out)]


def looked(home: Path, out: str, *only: str) -> Path:
    """The atlas of a look that was let finish."""
    done = subprocess.run(
        command(home, out, *only), check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return home / out / "atlas"


def heeding() -> None:
    """As in a terminal: what a shell runs in the background is born deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def started(words: list[str], cwd: Path) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, cwd=cwd, stdout=pipe, stderr=pipe, text=True, preexec_fn=heeding
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def interrupted(process: subprocess.Popen[str], when: Callable[[], bool]) -> tuple[str, str]:
    """Send Ctrl-C once something has happened.

    Returns:
        What the process said, on one line, and its complaint.
    """
    deadline = time.monotonic() + 300
    while not when():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    (line,) = error_lines(complaint)
    return " ".join(said.split()), line


def test_ctrl_c_in_a_training_says_how_to_go_on(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "layerscope", "train", "digits", "--model", "digit-mlp"]
    with started([*words, "--epochs", "400"], tmp_path) as training:
        said, line = interrupted(training, lambda: any(tmp_path.glob("runs/*/checkpoint.pt")))
    told = re.fullmatch(
        r"layerscope: stopped after \d+ of 400 epochs; go on with: "
        r"layerscope train --resume (runs/\S+)",
        line,
    )
    assert told, line
    assert "test accuracy" not in said
    assert (tmp_path / told[1] / "plan.json").exists()


@pytest.mark.slow
def test_a_look_after_an_interrupted_one_of_other_layers_is_as_if_there_had_been_none(
    tmp_path: Path,
) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    # What is kept of one layer could be taken for another's from then on.
    kept = "one/**/kept/*/stage.json"
    with started(command(tmp_path, "one", "1", "3"), tmp_path) as first:
        said, line = interrupted(first, lambda: len(list(tmp_path.glob(kept))) >= 3)
    assert line == "layerscope: stopped"
    assert "goes on where it stopped" in said

    after = looked(tmp_path, "one", "3")
    measured = [layer.name for layer in load_atlas(after).record.layers if layer.units]
    assert measured == ["3"]
    check_same_atlas(after, looked(tmp_path, "fresh", "3"))
