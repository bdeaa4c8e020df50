"""What the command line asks of its own process: threads that yield, memory that stays, text that
any terminal can show. A program that imports layerscope is left as it is."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from layerscope.memory import keep_freed_memory

if TYPE_CHECKING:
    from torch import nn

    from layerscope.data import Splits
    from layerscope.models import ModelSpec
    from layerscope.training.recipe import Recipe
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


def with_threads(listener: Listener) -> Listener:
    """The same listener, which also gives each training the threads that its network needs."""
    import torch

    from layerscope.models import build

    def on_start(spec: ModelSpec, recipe: Recipe, splits: Splits, folder: Path) -> None:
        fit_threads(build(spec, torch.Generator()), spec, recipe.batch_size)
        listener.on_start(spec, recipe, splits, folder)

    return replace(listener, on_start=on_start)


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
