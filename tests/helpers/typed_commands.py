"""Commands as a user types them, in a process of their own; refusals, in this one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import torch

from helpers.command_output import error_lines
from layerscope.cli import main as command_line

OUTSIDE = ("DISPLAY", "LAYERSCOPE_DATA")  # a command that needs one has to be given it


def layerscope(
    *arguments: object, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does, with warnings as errors, without a screen or real data."""
    inherited = {k: v for k, v in os.environ.items() if k not in OUTSIDE}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "layerscope", *map(str, arguments)],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def refusal(*arguments: object, cwd: Path, **environment: str) -> str:
    """What a refused command says: one line, status 2, no traceback.

    The command's whole entry point runs, in this process: to import torch in another takes longer
    than any refusal.
    """
    errors, n_threads = io.StringIO(), torch.get_num_threads()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stderr(errors),
        redirect_stdout(io.StringIO()),
    ):
        patch.setattr(command_line, "settle_process", lambda: None)
        patch.setattr(sys, "argv", ["layerscope", *map(str, arguments)])
        patch.chdir(cwd)
        for name in OUTSIDE:
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            with pytest.raises(SystemExit) as ended:
                command_line.main()
        finally:
            torch.set_num_threads(n_threads)
    return refused_line(ended.value.code, errors.getvalue())


def refused_line(status: object, stderr: str) -> str:
    """The one line of a refusal, whose status is 2."""
    assert status == 2, stderr
    assert "Traceback" not in stderr
    lines = error_lines(stderr)
    assert len(lines) == 1, stderr
    return lines[0]
