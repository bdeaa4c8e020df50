"""Where a training stands, on disk after every epoch, so that it can go on as if never stopped."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from layerscope.errors import RunError
from layerscope.files import whole_file

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class State:
    """Everything that the rest of a training depends on.

    Args:
        epoch: the last one that is finished; 0 before the first.
        weights: the network's, by name.
        optimiser: the optimiser's state dictionary.
        shuffle, changes: the states of the random streams.
        history: the rows so far, as plain values.
        best_accuracy, best_epoch, best_weights: the epoch chosen so far.
        elapsed_s: training time so far.
    """

    epoch: int
    weights: dict[str, torch.Tensor]
    optimiser: dict[str, Any]
    shuffle: torch.Tensor
    changes: torch.Tensor
    history: list[dict[str, Any]]
    best_accuracy: float
    best_epoch: int
    best_weights: dict[str, torch.Tensor]
    elapsed_s: float


def write_checkpoint(folder: Path, state: State) -> None:
    """Write where a training stands; the last checkpoint stays until the new one is whole.

    Raises:
        LayerscopeError: the folder cannot be written, or the disk is full.
    """
    with whole_file(folder / CHECKPOINT) as temporary:
        torch.save(vars(state), temporary)


def read_checkpoint(folder: Path) -> State | None:
    """Read where a training stood; None where it never finished an epoch.

    Only tensors and plain values are read, no code: `weights_only`.

    Raises:
        RunError: the file is damaged or of another version.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        return State(**torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, OSError, EOFError, TypeError, pickle.UnpicklingError) as error:
        raise RunError(
            f"{path} cannot be read ({str(error).splitlines()[0]}); it is damaged or of another "
            "version: train again"
        ) from error
