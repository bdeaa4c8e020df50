"""What every benchmark writes beside its figures: commit, versions, machine."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from layerscope.training.machine import hardware, versions

RESULTS = Path(__file__).parent / "results"


def write_result(name: str, claim: str, figures: dict[str, Any]) -> Path:
    """Write a benchmark's figures as JSON, with what they depend on."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    ).stdout.strip()
    record = {
        "benchmark": name,
        "claim": claim,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "versions": versions(),
        "hardware": hardware(torch.device("cpu")),
        "figures": figures,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return path
