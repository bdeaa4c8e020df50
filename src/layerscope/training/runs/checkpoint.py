"""Where a training stands, on disk after every epoch, so that it can go on as if never stopped."""

from __future__ import annotations

import copy
import pickle
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import nn

from layerscope.errors import RunError, first_line
from layerscope.files import whole_file
from layerscope.formats.documents import plain
from layerscope.formats.run_figures import EpochFigures
from layerscope.formats.run_record import HandChange
from layerscope.training.runs.progress import Setback

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class State:
    """Everything that the rest of a training depends on.

    Args:
        epoch: the last one that is finished; 0 before the first.
        weights: the network's, by name.
        optimiser: the optimiser's state dictionary.
        shuffle, changes: the states of the random streams.
        history: the rows so far.
        best_accuracy, best_epoch, best_weights: the epoch chosen so far.
        elapsed_s: training time so far.
        rate_frac: what is left of the recipe's learning rate after setbacks.
        setbacks: losses that stopped being finite.
        by_hand: learning rates that were changed while the training ran.
    """

    epoch: int
    weights: dict[str, torch.Tensor]
    optimiser: dict[str, Any]
    shuffle: torch.Tensor
    changes: torch.Tensor
    history: tuple[EpochFigures, ...]
    best_accuracy: float
    best_epoch: int
    best_weights: dict[str, torch.Tensor]
    elapsed_s: float
    rate_frac: float = 1.0
    setbacks: tuple[Setback, ...] = ()
    by_hand: tuple[HandChange, ...] = ()

    @classmethod
    def of(
        cls,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        shuffle: torch.Generator,
        changes: torch.Generator,
    ) -> State:
        """Where a training stands before its first step."""
        return cls(
            epoch=0,
            weights=copy_weights(model),
            optimiser=copy.deepcopy(optimiser.state_dict()),
            shuffle=shuffle.get_state(),
            changes=changes.get_state(),
            history=(),
            best_accuracy=0.0,
            best_epoch=0,
            best_weights={},
            elapsed_s=0.0,
        )

    def after(
        self,
        figures: EpochFigures,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        shuffle: torch.Generator,
        changes: torch.Generator,
        *,
        by_loss: bool = False,
        by_hand: tuple[HandChange, ...] = (),
    ) -> State:
        """Where the training stands an epoch later; `by_loss` as `Objective.choose_by_loss`."""
        weights = copy_weights(model)
        better = not self.best_epoch or (
            figures.merit(by_loss=by_loss)
            >= self.history[self.best_epoch - 1].merit(by_loss=by_loss)
        )
        return replace(
            self,
            epoch=figures.epoch,
            weights=weights,
            # A copy: the training goes on in the tensors themselves, and may have to come back.
            optimiser=copy.deepcopy(optimiser.state_dict()),
            shuffle=shuffle.get_state(),
            changes=changes.get_state(),
            history=(*self.history, figures),
            best_accuracy=figures.validation_accuracy if better else self.best_accuracy,
            best_epoch=figures.epoch if better else self.best_epoch,
            best_weights=weights if better else self.best_weights,
            elapsed_s=figures.elapsed_s,
            by_hand=by_hand,
        )

    def restore(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        shuffle: torch.Generator,
        changes: torch.Generator,
    ) -> None:
        """Put a training back to this state, in place."""
        model.load_state_dict(self.weights)
        optimiser.load_state_dict(copy.deepcopy(self.optimiser))
        shuffle.set_state(self.shuffle)
        changes.set_state(self.changes)


def copy_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """The network's weights and buffers as they are now, on the CPU."""
    return {
        name: value.detach().cpu().clone().contiguous()
        for name, value in model.state_dict().items()
    }


def write_checkpoint(folder: Path, state: State) -> None:
    """Write where a training stands; the last checkpoint stays until the new one is whole.

    Raises:
        LayerscopeError: the folder cannot be written, or the disk is full.
    """
    values = {
        **vars(state),
        "history": plain(state.history),
        "setbacks": [asdict(setback) for setback in state.setbacks],
        "by_hand": plain(state.by_hand),
    }
    with whole_file(folder / CHECKPOINT) as temporary:
        torch.save(values, temporary)


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
        values = torch.load(path, map_location="cpu", weights_only=True)
        history = tuple(EpochFigures(**row) for row in values.pop("history"))
        setbacks = msgspec.convert(values.pop("setbacks"), tuple[Setback, ...])
        by_hand = msgspec.convert(values.pop("by_hand", []), tuple[HandChange, ...])
        return State(**values, history=history, setbacks=setbacks, by_hand=by_hand)
    except (
        RuntimeError,
        OSError,
        EOFError,
        TypeError,
        KeyError,
        AttributeError,
        msgspec.ValidationError,
        pickle.UnpicklingError,
    ) as error:
        raise RunError(
            f"{path} cannot be read ({first_line(error)}); it is damaged or of another "
            "version: train again"
        ) from error
