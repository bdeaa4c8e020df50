"""The tutorials' networks, trained a little, saved as their authors would, opened again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PICTURES = 4000  # of the training part, so that it takes seconds


@pytest.fixture(autouse=True)
def benchmark_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the benchmarks' modules be imported as their own programs import them."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def trained(program: str, given: Path, out: Path) -> dict:
    """What a program says of itself after an epoch."""
    command = [sys.executable, "-W", "ignore", BENCHMARKS / "tutorials" / "train_and_save.py"]
    words = [program, given, out, "--epochs", "1"]
    subprocess.run(
        [str(word) for word in (*command, *words)], check=True, cwd=BENCHMARKS / "tutorials",
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )  # fmt: skip
    return json.loads((out / f"{program}.json").read_text())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("program", ["catdog", "mnist-cnn"])
def test_a_saved_network_is_as_right_as_its_own_program_says(
    real_data: Path, tmp_path: Path, program: str
) -> None:
    from open_saved import opened, words_for
    from tutorials.arrays import write_arrays

    given = real_data
    if program == "catdog":
        pytest.importorskip("keras")
        whole = tmp_path / "whole.npz"
        write_arrays(real_data, whole)
        with np.load(whole) as arrays:
            few = {
                name: values if name.startswith("test") else values[:PICTURES]
                for name, values in arrays.items()
            }
        given = tmp_path / "few.npz"
        np.savez(given, **few)
    own = trained(program, given, tmp_path)
    name, pictures, options = words_for(program, tmp_path, tmp_path / "photos")
    found = opened(name, pictures, options, real_data)
    assert (found["opened_correct"], found["opened_n"]) == (own["correct"], own["n"])
    assert own["correct"] > 0.5 * own["n"]
    # Fed by another range of values it says something else, so that the feeding is held here.
    # (Values 255 times as large would hardly matter to a network of ReLUs.)
    wrong = [("--scale", "-1..1"), *zip(options[2::2], options[3::2], strict=True)]
    wrong = [(word, value) for word, value in wrong if word not in ("--mean", "--std")]
    other = opened(name, pictures, [word for pair in wrong for word in pair], real_data)
    assert other["opened_correct"] != own["correct"]
