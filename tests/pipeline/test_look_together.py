"""Two processes that look together write the atlas that one process writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from atlases import contents
from planted_networks import small_network, spec_of

from layerscope.data.imageset import ImageSet
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look

LITTLE = Effort(
    pictures=24, untrained=3, ablation_pictures=12, featurevis_steps=2, dependence_patches=1,
    dependence_copies=1,
)  # fmt: skip
SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from test_look_together import look_here
from layerscope.training.machine import fabric_of_torchrun

fabric = fabric_of_torchrun()
assert fabric is not None and fabric.world_size == 2
atlas = look_here(Path({out!r}), fabric=fabric)
assert atlas.layers == ["0", "1", "2", "3", "4", "5", "6"]  # in each of the two
"""


def look_here(out: Path, **settings: Any) -> Any:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (600, 1, 16, 16), generator=generator, dtype=torch.uint8)
    pictures = ImageSet("noise", "test", pixels, torch.arange(600) % 2, ("a", "b"))
    return look(small_network(), pictures, spec=spec_of(1, 16), out=out, effort=LITTLE, **settings)


def torchrun(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Two processes, each on one thread."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.run(
        [*launcher, "--nproc-per-node=2", *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )


def check_alike(one: Any, other: Any, where: str = "") -> None:
    """Fail where two records differ by more than the last of six digits."""
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for name, value in one.items():
            check_alike(value, other[name], f"{where}.{name}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for i, value in enumerate(one):
            check_alike(value, other[i], f"{where}[{i}]")
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-5, abs=1e-9), where
    else:
        assert one == other, where


@pytest.mark.slow
def test_two_processes_write_the_atlas_of_one(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(path=sys.path, out=str(tmp_path / "two")))
    done = torchrun(tmp_path, str(script))
    assert done.returncode == 0, done.stderr
    look_here(tmp_path / "one")
    two, one = contents(tmp_path / "two"), contents(tmp_path / "one")
    check_alike(json.loads(two.pop("atlas.json")), json.loads(one.pop("atlas.json")))
    assert two == one
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "script.py", "two"]


@pytest.mark.slow
def test_of_two_processes_one_speaks_and_writes(tmp_path: Path) -> None:
    words = ["look", "digit-cnn", "--data", "digits", "--quick", "--only", "features.1"]
    done = torchrun(tmp_path, "-m", "layerscope", *words, "--out", "here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("report.html") == 1
    homes = [path.parent for path in (tmp_path / "here").rglob("report.html")]
    assert len(homes) == 1
    assert sorted(path.name for path in homes[0].iterdir()) == ["atlas", "report.html"]
