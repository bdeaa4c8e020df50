"""What the shell offers after Tab."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from layerscope.cli.reference import completions
from layerscope.data.catalogue import set_names
from layerscope.models import model_names
from layerscope.models.spec import LIBRARIES
from layerscope.pipeline.effort import Effort
from layerscope.training.presets import PRESETS
from layerscope.training.recipe import AUGMENTATIONS, OPTIMISERS
from layerscope.training.runs.run_folder import packaged_names

TAB = """
import sys
sys.argv = ["layerscope"]
from layerscope.cli.main import app
try:
    app(prog_name="layerscope")
finally:
    assert "torch" not in sys.modules
"""


def offered(line: str, cwd: Path) -> list[str]:
    """What bash gets for a line that ends where Tab is pressed."""
    words = line.split(" ")
    asked = {
        "_LAYERSCOPE_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", TAB],
        env={**os.environ, **asked},
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_names_are_those_of_the_rooms_that_own_them() -> None:
    assert set_names() == completions.SETS
    assert model_names() == completions.NETWORKS
    assert tuple(f"{name}:" for name in LIBRARIES) == completions.LIBRARIES
    assert (completions.PRESETS, completions.OPTIMISERS) == (PRESETS, OPTIMISERS)
    assert completions.AUGMENTATIONS == AUGMENTATIONS
    assert get_args(get_type_hints(Effort)["ablation_baseline"]) == completions.BASELINES
    assert get_args(get_type_hints(Effort)["directions"]) == completions.DIRECTIONS
    offers = completions.subjects("")
    assert set(packaged_names()) <= set(offers) and "hf:" in offers


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("layerscope train m", ["mnist"]),
        ("layerscope train c", ["creatures", "cifar10", "cats-vs-dogs"]),
        ("layerscope train photos/", []),  # the shell looks for files itself
        ("layerscope train mnist --model digit-", ["digit-mlp", "digit-cnn"]),
        ("layerscope experiment mnist --model fa", ["fashion-cnn"]),
        ("layerscope train mnist --preset q", ["quick"]),
        ("layerscope train mnist --optimizer ad", ["adamw", "adam"]),
        ("layerscope look fash", ["fashion-cnn"]),
        ("layerscope look fashion-cnn --data fash", ["fashion-mnist"]),
        ("layerscope data show dig", ["digits"]),
        ("layerscope find", ["find-rate"]),
    ],
)
def test_tab_offers_what_begins_so_without_loading_torch(
    tmp_path: Path, line: str, names: list[str]
) -> None:
    assert offered(line, tmp_path) == names


def test_tab_offers_runs_and_no_other_folder(tmp_path: Path) -> None:
    for name in ("runs/a", "runs/b", "rubble/c"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "runs" / "a" / "plan.json").touch()
    assert offered("layerscope open ru", tmp_path) == ["runs/"]
    assert offered("layerscope open runs/", tmp_path) == ["runs/a"]
    assert offered("layerscope train --resume runs/a", tmp_path) == ["runs/a"]
    assert offered("layerscope open nowhere/", tmp_path) == []
