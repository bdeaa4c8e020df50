"""Stages of a long look: what is finished is kept, so that an interrupted look goes on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from layerscope.files import write_json

FOLDER = "unfinished"


@dataclass(frozen=True)
class Stages:
    """The finished stages of one look.

    Args:
        folder: of the atlas.
        key: of everything that the results depend on; results of another key are not used.
    """

    folder: Path
    key: str

    def run(self, name: str, make: Callable[[], Any]) -> Any:
        """A stage's result: plain values for JSON, read where they are there, else made and kept.

        Args:
            name: of the stage, fit for a file name.
            make: works it out.
        """
        path = self.folder / FOLDER / f"{name}.json"
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["key"] == self.key:
                return kept["result"]
        except (OSError, ValueError, KeyError, TypeError):
            pass  # not there, cut off, or something else: it is made again
        result = make()
        write_json(path, {"key": self.key, "result": result})
        return json.loads(json.dumps(result))  # the very types that a resumed look reads

    def clear(self) -> None:
        """Forget the stages; the atlas is whole."""
        shutil.rmtree(self.folder / FOLDER, ignore_errors=True)


def digest(model: nn.Module, *others: Any) -> str:
    """A fingerprint of a network's weights and of plain values."""
    found = hashlib.sha256()
    for name, value in model.state_dict().items():
        found.update(name.encode())
        found.update(value.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
    found.update(json.dumps(others, sort_keys=True, default=str).encode())
    return found.hexdigest()
