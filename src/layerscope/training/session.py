"""One training from beginning to end: data in, run folder out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import nn

from layerscope.data import load
from layerscope.data.imageset import Splits, in_channels
from layerscope.errors import DataError, RecipeError
from layerscope.files import remove_parts
from layerscope.formats.run_figures import EpochFigures
from layerscope.formats.run_record import Finding
from layerscope.models import ModelSpec
from layerscope.seed import make_generator
from layerscope.training.diagnostics.recorded_steps import chosen_steps
from layerscope.training.diagnostics.recorder import Recorder
from layerscope.training.diagnostics.recording import vitals_of
from layerscope.training.input.batches import make_feed, steps_per_epoch
from layerscope.training.input.prepare import (
    Gathered,
    first_network,
    gather,
    parted_rows,
    prepare,
    same_network,
)
from layerscope.training.loop import fit
from layerscope.training.machine import make_fabric
from layerscope.training.processes import agree_on
from layerscope.training.recipe import Recipe
from layerscope.training.runs.checkpoint import read_checkpoint, write_checkpoint
from layerscope.training.runs.finish_run import write_run
from layerscope.training.runs.progress import Progress
from layerscope.training.runs.resume_plan import Plan, read_plan, unfinished_run, write_plan
from layerscope.training.runs.run_folder import Run, new_run_folder, open_run
from layerscope.training.runs.run_lock import trained_here
from layerscope.training.train_settings import Settings
from layerscope.training.watch import Watch

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Listener:
    """What a training tells while it runs; every field may be left out.

    `watch` is asked between batches, so that it can be paused and its learning rate changed.
    """

    on_pictures: Callable[[int, int], None] = lambda done, total: None
    on_start: Callable[[ModelSpec, Recipe, Splits, Path], None] = (
        lambda spec, recipe, splits, folder: None
    )
    on_progress: Callable[[Progress], None] = lambda _: None
    on_epoch: Callable[[EpochFigures], None] = lambda _: None
    on_finding: Callable[[Finding], None] = lambda _: None
    watch: Watch | None = None


class TrainingStopped(KeyboardInterrupt):
    """Ctrl-C in a training: what is finished is kept, and the test split stays unscored."""

    def __init__(self, folder: Path, epoch: int, epochs: int, command: str = "train") -> None:
        super().__init__(
            f"stopped after {epoch} of {epochs} epochs; go on with: layerscope {command} --resume "
            f"{folder}"
        )
        self.folder, self.epoch, self.epochs = folder, epoch, epochs


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
    listener: Listener | None = None,
    **settings: Unpack[Settings],
) -> Run:
    """Train a classifier and write its run folder: `layerscope.train` without its report.

    Args, Returns, Raises: those of `api.train_and_report.train`.
    """
    gathered = gather(
        data,
        model=model,
        fabric=make_fabric(device),
        size=size,
        weights=weights,
        data_dir=data_dir,
        progress=listener.on_pictures if listener else lambda done, total: None,
    )
    return begin(
        gathered,
        preset=preset,
        recipe=recipe,
        settings=settings,
        seed=seed,
        out=out,
        device=device,
        listener=listener,
    )


def begin(
    gathered: Gathered,
    *,
    preset: str = "default",
    recipe: Recipe | None = None,
    settings: Settings | None = None,
    seed: int = 0,
    out: Path | str = "runs",
    device: str = "auto",
    listener: Listener | None = None,
) -> Run:
    """Train on pictures that are gathered already; see `train`."""
    spec, recipe = prepare(gathered, preset=preset, recipe=recipe, settings=settings, seed=seed)
    fabric = make_fabric(device, recipe.precision, freezes=bool(recipe.freeze))
    splits = gathered.splits
    plan = Plan(
        source=gathered.source,
        size=gathered.size,
        seed=seed,
        spec=spec,
        recipe=recipe,
        fingerprint=splits.train.fingerprint(),
    )
    folder = Path(out)
    if fabric.is_global_zero:
        folder = new_run_folder(folder, splits.train.name, spec.name)
        write_plan(folder, plan)
    own = gathered.model if isinstance(gathered.model, nn.Module) else None
    folder = agree_on(folder, fabric)
    with trained_here(folder, first_process=fabric.is_global_zero):
        return carry_out(plan, splits, folder, fabric, listener or Listener(), own=own)


def resume(
    folder: Path,
    data: Splits | None = None,
    *,
    model: nn.Module | None = None,
    epochs: int | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
    listener: Listener | None = None,
) -> Run:
    """Go on with an interrupted training from its last finished epoch, or with more epochs.

    On the same machine's processor an interrupted one ends with the very weights, bit for bit, that
    it would have had without the interruption. A finished one goes on in its folder from its last
    weights, with the learning rate that the schedule of the longer training has there.

    Args:
        folder: the run folder, or one of runs: its latest unfinished one.
        data: the pictures, where they were handed over in Python; None loads them again.
        model: the module that was trained, where one of your own was handed over.
        epochs: how many there shall be in all; None leaves it.
        data_dir: a folder that is looked at first for named sets.
        device: as `layerscope.device.choose_device` names it.
        listener: told how it goes.

    Raises:
        RunError: there is nothing to resume, another process trains it, or its files are damaged.
        DataError: the pictures are gone or have changed.
    """
    folder = unfinished_run(folder)
    plan = read_plan(folder, epochs=epochs)
    if data is None and plan.source is None:
        raise DataError(
            f"{folder.name} was trained on pictures handed over in Python; hand them over again"
        )
    fabric = make_fabric(device, plan.recipe.precision, freezes=bool(plan.recipe.freeze))
    with fabric.rank_zero_first():
        splits = data or load(str(plan.source), size=plan.size, data_dir=data_dir)
    if splits.train.fingerprint() != plan.fingerprint:
        raise DataError(
            f"the pictures of {plan.source or splits.train.name} are not those that {folder.name} "
            "began with; put the old ones back, or train anew"
        )
    with trained_here(folder, first_process=fabric.is_global_zero):
        if fabric.is_global_zero:
            remove_parts(folder)
        if epochs is not None and fabric.is_global_zero:
            write_plan(folder, plan)
        return carry_out(plan, splits, folder, fabric, listener or Listener(), own=model)


def carry_out(
    plan: Plan,
    splits: Splits,
    folder: Path,
    fabric: Fabric,
    listener: Listener,
    *,
    own: nn.Module | None = None,
) -> Run:
    """Train as planned, from the beginning or from the folder's checkpoint; write the run.

    `own` is the module that was handed over, where the network has no name.
    """
    spec, recipe, seed = plan.spec, plan.recipe, plan.seed
    listener = listener if fabric.is_global_zero else Listener()
    watch = listener.watch
    if watch and fabric.world_size > 1:
        raise RecipeError("a training of several processes cannot be watched; leave --watch out")
    rows, held_out = parted_rows(splits.train, recipe, seed)
    found, splits = splits, in_channels(splits, spec.channels)
    training = splits.train.subset(rows)
    validation = splits.train.subset(held_out, split="validation")
    listener.on_start(spec, recipe, splits, folder)
    start = read_checkpoint(folder)
    model = same_network(spec, seed, own) if start else first_network(spec, seed, own)
    feed = make_feed(validation, fabric.device)
    steps = chosen_steps(steps_per_epoch(len(training), recipe.batch_size), recipe.epochs)
    recorder = None
    if fabric.is_global_zero:
        recorder = Recorder(
            model, spec, feed, steps, fabric=fabric, folder=folder,
            on_frame=watch.frame if watch else None,
        )  # fmt: skip
        if watch:
            watch.begin(
                beginning(plan, splits, folder, tuple(recorder.weights), recorder.probe_labels),
                {"pixels": recorder.probe},
            )
    if start and recorder:
        recorder.vitals = vitals_of(folder, through_epoch=start.epoch)
    fitted = fit(
        model,
        spec,
        recipe,
        make_feed(training, fabric.device),
        feed,
        fabric=fabric,
        shuffle=make_generator(seed, "shuffle"),
        changes=make_generator(seed, "augment"),
        recorder=recorder,
        watch=watch,
        start=start,
        on_progress=listener.on_progress,
        on_epoch=listener.on_epoch,
        on_finding=listener.on_finding,
        on_state=lambda state: write_checkpoint(folder, state) if recorder else None,
    )
    if fitted.stopped:
        raise TrainingStopped(folder, len(fitted.history), recipe.epochs)
    run = None
    if fabric.is_global_zero:
        run = write_run(
            plan, found, folder, fabric, fitted, held_out, own, on_finding=listener.on_finding
        )
    fabric.barrier()  # the others wait for the files
    return run or open_run(folder, device=str(fabric.device), model=own)


def beginning(
    plan: Plan, splits: Splits, folder: Path, layers: tuple[str, ...], probe_labels: torch.Tensor
) -> dict[str, Any]:
    """What those who watch are told first."""
    H, W = splits.train.size
    return {
        "network": plan.spec.name,
        "data": splits.train.name,
        "run": folder.name,
        "epochs": plan.recipe.epochs,
        "optimiser": plan.recipe.optimiser,
        "schedule": plan.recipe.schedule,
        "batch_size": plan.recipe.batch_size,
        "class_names": list(plan.spec.class_names),
        "layers": list(layers),
        "input": {"channels": plan.spec.channels, "height": H, "width": W},
        "probe_labels": [int(label) for label in probe_labels],
    }
