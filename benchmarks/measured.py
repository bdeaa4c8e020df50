"""What every benchmark writes beside its figures: commit, versions, machine."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from layerscope.files import write_json
from layerscope.formats.documents import plain
from layerscope.training.machine import hardware, versions

RESULTS = Path(__file__).parent / "results"


def write_result(name: str, claim: str, figures: dict[str, Any]) -> Path:
    """Write a benchmark's figures as JSON, with what they depend on."""
    record = {
        "benchmark": name,
        "claim": claim,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": head(),
        "versions": versions(),
        "hardware": plain(hardware(torch.device("cpu"))),
        "figures": figures,
    }
    path = RESULTS / f"{name}.json"
    write_json(path, record)  # whole: an interrupted benchmark keeps its rows
    return path


def head() -> str:
    """The commit that is checked out."""
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    ).stdout.strip()
