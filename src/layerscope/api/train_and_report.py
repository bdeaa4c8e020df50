"""Train, look through what was learned, and leave a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from torch import nn

from layerscope.api.look_and_report import look
from layerscope.api.shown_progress import training_shown
from layerscope.data.imageset import Splits
from layerscope.pipeline.effort import QUICK
from layerscope.training import session
from layerscope.training.recipe import Recipe
from layerscope.training.runs.run_folder import Run
from layerscope.training.session import Listener
from layerscope.training.train_settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable


def train(
    data: str | Path | Splits,
    *,
    model: str | nn.Module = "compact",
    preset: str = "default",
    recipe: Recipe | None = None,
    size: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | None = None,
    out: Path | str = "runs",
    device: str = "auto",
    seed: int = 0,
    report: bool = True,
    progress: bool = True,
    listener: Listener | None = None,
    **settings: Unpack[Settings],
) -> Run:
    """Train a classifier; write its run folder, and a report of what it has learned.

    Args:
        data: a set's name, a folder or zip of class folders, or pictures already loaded.
        model: a network's name (`layerscope.models.model_names()`), or one of a library's:
            "torchvision:resnet18", "timm:…". Or a module of your own that gives logits; it is
            copied, and begins with the weights that it has.
        preset: "default", "quick", "best" or "tutorial" (see `presets.make_preset`).
        recipe: every choice, instead of a preset.
        size: side of the pictures in pixels; None takes the set's own, for a library's network
            the one that it was made for.
        weights: what a library's network begins with: a file (.safetensors, .pth, .pt), "none", or
            None for its published weights.
        data_dir: a folder that is looked at first for named sets.
        out: the folder of runs.
        device: as `layerscope.device.choose_device` names it.
        seed: of everything that is drawn: the validation split, weights, order, augmentation.
        report: whether the layers are looked through afterwards (`QUICK`) and `report.html` is
            written into the run's folder (`Run.report`).
        progress: whether a line and the figures of each epoch are shown.
        listener: told how it goes, instead.
        **settings: fields of `Recipe` and of `NetShape`, such as `epochs=3, pooling="avg"`.

    Returns:
        The run, with its model in evaluation mode.

    Raises:
        DataError, ModelError, RecipeError, RunError: what was asked for cannot be had.
        TrainingStopped: Ctrl-C; `resume` goes on.

    Example:
        >>> run = train("digits", model="digit-mlp", epochs=2, report=False)
        >>> run.evaluation.n, run.evaluation.accuracy > 0.8
        (359, True)
    """

    def go_on(listener: Listener) -> Run:
        return session.train(
            data,
            model=model,
            preset=preset,
            recipe=recipe,
            size=size,
            weights=weights,
            data_dir=data_dir,
            out=out,
            device=device,
            seed=seed,
            listener=listener,
            **settings,
        )

    return trained(go_on, report=report, progress=progress, listener=listener, seed=seed)


def resume(
    run: Path | str,
    data: Splits | None = None,
    *,
    model: nn.Module | None = None,
    epochs: int | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
    report: bool = True,
    progress: bool = True,
    listener: Listener | None = None,
) -> Run:
    """Go on with an interrupted training from its last finished epoch, or with more epochs.

    On the same machine's processor an interrupted one ends with the very weights, bit for bit, that
    it would have had without the interruption.

    Args:
        run: its folder, or a folder of runs: its latest unfinished one.
        data: the pictures, where they were handed over in Python; None loads them again.
        model: the module that was trained, where one of your own was handed over.
        epochs: how many there shall be in all; None leaves it.
        data_dir, device, report, progress, listener: those of `train`.

    Raises:
        RunError: there is nothing to resume, or its files are damaged.
        DataError: the pictures are gone or have changed.

    Example:
        >>> run = train("digits", model="digit-mlp", epochs=1, report=False)
        >>> len(resume(run.path, epochs=2, report=False).history)
        2
    """

    def go_on(listener: Listener) -> Run:
        return session.resume(
            Path(run),
            data,
            model=model,
            epochs=epochs,
            data_dir=data_dir,
            device=device,
            listener=listener,
        )

    return trained(go_on, report=report, progress=progress, listener=listener, seed=0)


def trained(
    go_on: Callable[[Listener], Run],
    *,
    report: bool,
    progress: bool,
    listener: Listener | None,
    seed: int,
) -> Run:
    """Train with the progress shown, then look through the run."""
    with training_shown(progress and listener is None) as shown:
        run = go_on(listener or shown)
    if report and run.evaluation is not None:  # of several processes the first alone has scored it
        look(run, effort=QUICK, seed=seed, progress=progress)
    return run
