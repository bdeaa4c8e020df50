"""What the command line asks of its own process: threads that yield, memory that stays, text that
any terminal can show. A program that imports layerscope is left as it is."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from layerscope.cli.process.turns import Turn, turn_in
from layerscope.memory import keep_freed_memory

if TYPE_CHECKING:
    from torch import nn

    from layerscope.data import Splits
    from layerscope.models import ModelSpec
    from layerscope.training.recipe import Recipe
    from layerscope.training.runs.progress import Progress
    from layerscope.training.session import Listener

# GNU OpenMP lets a waiting thread spin 300,000 times before it sleeps: with `pause` at 140 cycles
# some 20 ms, in which nothing else can run on its core.
SPINS = "1000"
# Multiply-adds of a step. Below this, threads wait for each other longer than they work.
ONE_THREAD_BELOW = 5e7


def settle_process() -> None:
    """Prepare this process, before torch is loaded: OpenMP reads the environment as it loads.

    What the user has set is left as it is.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    keep_freed_memory()
    show_any_text()


def show_any_text() -> None:
    """Let a terminal or file that lacks a character show a "?" in its place, and go on.

    A redirect on Windows writes in cp1252, which has no Cyrillic, and a class may be named so.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors="replace")


@contextlib.contextmanager
def sharing_cores(listener: Listener, device: str) -> Iterator[Listener]:
    """See to it that trainings at the same moment share the cores.

    Each training gets the threads that its network needs; those with several take turns.

    Args:
        listener: what is told of the training.
        device: as the user named it.

    Yields:
        The listener to train with.
    """
    import torch

    from layerscope.data.downloads.places import cache_folder
    from layerscope.device import choose_device
    from layerscope.models import build

    turn: Turn | None = None

    def on_start(spec: ModelSpec, recipe: Recipe, splits: Splits, folder: Path) -> None:
        nonlocal turn
        threads = fit_threads(build(spec, torch.Generator()), spec, recipe.batch_size)
        # Processes that train one network together wait for each other, so none may wait alone.
        together = torch.distributed.is_available() and torch.distributed.is_initialized()
        if threads > 1 and choose_device(device).type == "cpu" and not together:
            turn = turn or turn_in(cache_folder())
        listener.on_start(spec, recipe, splits, folder)
        if turn:
            turn.go_on()

    def on_progress(progress: Progress) -> None:
        listener.on_progress(progress)
        if turn:
            turn.go_on()

    try:
        yield replace(listener, on_start=on_start, on_progress=on_progress)
    finally:
        if turn:
            turn.end()


def fit_threads(model: nn.Module, spec: ModelSpec, batch_size: int = 128) -> int:
    """Give a network as many threads as do its work faster than one would.

    The choice follows from the network alone, so that a training goes the same way however busy the
    machine is. OMP_NUM_THREADS, where the user has set it, decides instead.

    Args:
        model, spec: the network, and what it takes.
        batch_size: pictures a step.

    Returns:
        The number of threads that torch has now.
    """
    import torch

    from layerscope.models.summary import summarise

    if "OMP_NUM_THREADS" not in os.environ and torch.get_num_threads() > 1:
        size = {"channels": spec.channels, "height": spec.height, "width": spec.width}
        if summarise(model, **size).multiply_adds * batch_size < ONE_THREAD_BELOW:
            torch.set_num_threads(1)
    return torch.get_num_threads()
