"""A run folder is trained by one process at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from layerscope.errors import RunError
from layerscope.training.runs.run_lock import LOCK, is_trained, trained_here

HOLDS = """
import sys, time
from pathlib import Path
from layerscope.training.runs.run_lock import trained_here
with trained_here(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_another_process_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    assert not is_trained(tmp_path)
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    with other, other.stdout:
        assert other.stdout.readline() == "held\n"
        assert is_trained(tmp_path)
        with pytest.raises(RunError, match="another process trains"), trained_here(tmp_path):
            pass
        other.kill()
        other.wait()
    # Killed, it left its file; nobody holds it.
    assert (tmp_path / LOCK).exists()
    assert not is_trained(tmp_path)
    with trained_here(tmp_path):
        assert is_trained(tmp_path)
    assert not list(tmp_path.iterdir())


def test_of_several_processes_one_holds_it(tmp_path: Path) -> None:
    with trained_here(tmp_path), trained_here(tmp_path, first_process=False):
        assert is_trained(tmp_path)
