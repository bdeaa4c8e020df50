"""One training from beginning to end: data in, run folder out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layerscope.data import load, stratified
from layerscope.data.imageset import ImageSet, Splits, in_channels
from layerscope.data.ink import measure_ink
from layerscope.errors import DataError
from layerscope.files import write_json
from layerscope.models import ModelSpec, build, make_spec
from layerscope.models.backbone import native_size
from layerscope.models.spec import Weights
from layerscope.models.weights import NONE, choose_weights, load_weights
from layerscope.seed import make_generator
from layerscope.training.batches import channel_statistics, make_feed
from layerscope.training.checkpoint import read_checkpoint, write_checkpoint
from layerscope.training.evaluate import Evaluation, evaluate, predict_logits
from layerscope.training.freezing import check_freeze
from layerscope.training.loop import EpochFigures, Fitted, Progress, fit
from layerscope.training.machine import hardware, make_fabric, versions
from layerscope.training.plan import PLAN, Plan, read_plan
from layerscope.training.recipe import Recipe, default_recipe
from layerscope.training.run import (
    SCHEMA,
    Run,
    new_run_folder,
    write_evaluation,
    write_history,
    write_weights,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import nn


@dataclass(frozen=True)
class Listener:
    """What a training tells while it runs; every field may be left out."""

    on_start: Callable[[ModelSpec, Recipe, Splits, Path], None] = lambda *_: None
    on_progress: Callable[[Progress], None] = lambda _: None
    on_epoch: Callable[[EpochFigures], None] = lambda _: None


def train(
    data: str | Path | Splits,
    *,
    model: str = "compact",
    recipe: Recipe | None = None,
    shape: dict[str, Any] | None = None,
    size: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | None = None,
    out: Path | str = "runs",
    device: str = "auto",
    seed: int = 0,
    listener: Listener | None = None,
    **changes: Any,
) -> Run:
    """Train a classifier and write its run folder.

    Args:
        data: a set's name, a folder or zip of class folders, or pictures already loaded.
        model: a network's name (`layerscope.models.model_names()`), or one of a library's:
            "torchvision:resnet18", "timm:…".
        recipe: every choice; None takes the default of this set and network.
        shape: changes to the network, such as `{"pooling": "avg"}`.
        size: side of the pictures in pixels; None takes the set's own, for a library's network
            the one that it was made for.
        weights: what a library's network begins with: a file (.safetensors, .pth, .pt), "none", or
            None for its published weights.
        data_dir: a folder that is looked at first for named sets.
        out: the folder of runs.
        device: "auto", "cpu", "cuda" or "mps".
        seed: of everything that is drawn: the validation split, weights, order, augmentation.
        listener: told how it goes.
        **changes: recipe fields, such as `epochs=3`.

    Returns:
        The run, with its model in evaluation mode.

    Raises:
        DataError, ModelError, RecipeError, RunError: what was asked for cannot be had.

    Example:
        >>> run = train("digits", model="digit-mlp", epochs=2)      # doctest: +SKIP
        >>> run.evaluation.accuracy                                  # doctest: +SKIP
    """
    chosen = choose_weights(model, weights)  # before pictures are decoded for nothing
    size = size or native_size(model)
    splits = data if isinstance(data, Splits) else load(data, size=size, data_dir=data_dir)
    spec, recipe, _, _ = prepare(
        splits, model=model, recipe=recipe, shape=shape or {}, seed=seed, changes=changes,
        weights=chosen,
    )  # fmt: skip
    # Refuses pictures that are too small, weights of another network, a layer that is not there.
    check_freeze(first_network(spec, seed), recipe)
    fabric = make_fabric(device, recipe.precision, freezes=bool(recipe.freeze))
    folder = new_run_folder(Path(out), splits.train.name, spec.name)
    plan = Plan(
        source=None if isinstance(data, Splits) else str(data),
        size=size,
        seed=seed,
        spec=spec,
        recipe=recipe,
        fingerprint=splits.train.fingerprint(),
    )
    write_json(folder / PLAN, plan.to_json())
    return carry_out(plan, splits, folder, fabric, listener or Listener())


def resume(
    folder: Path,
    data: Splits | None = None,
    *,
    data_dir: Path | None = None,
    device: str = "auto",
    listener: Listener | None = None,
) -> Run:
    """Go on with a training that was interrupted, from its last finished epoch.

    On the same machine's processor it ends with the very weights, bit for bit, that it would have
    had without the interruption.

    Args:
        folder: the run folder.
        data: the pictures, where they were handed over in Python; None loads them again.
        data_dir: a folder that is looked at first for named sets.
        device: "auto", "cpu", "cuda" or "mps".
        listener: told how it goes.

    Raises:
        RunError: there is nothing to resume, or its files are damaged.
        DataError: the pictures are gone or have changed.
    """
    plan = read_plan(folder)
    if data is None and plan.source is None:
        raise DataError(
            f"{folder.name} was trained on pictures handed over in Python; hand them over again"
        )
    splits = data or load(str(plan.source), size=plan.size, data_dir=data_dir)
    if splits.train.fingerprint() != plan.fingerprint:
        raise DataError(
            f"the pictures of {plan.source or splits.train.name} are not those that {folder.name} "
            "began with; put the old ones back, or train anew"
        )
    fabric = make_fabric(device, plan.recipe.precision, freezes=bool(plan.recipe.freeze))
    return carry_out(plan, splits, folder, fabric, listener or Listener())


def carry_out(plan: Plan, splits: Splits, folder: Path, fabric: Fabric, listener: Listener) -> Run:
    """Train as planned, from the beginning or from the folder's checkpoint; write the run."""
    spec, recipe, seed = plan.spec, plan.recipe, plan.seed
    ink = measure_ink(parted(splits.train, recipe, seed)[0])  # of grey pictures, before repeating
    found, splits = splits, in_channels(splits, spec.channels)
    training, validation = parted(splits.train, recipe, seed)
    start = read_checkpoint(folder)
    listener.on_start(spec, recipe, splits, folder)
    fitted = fit(
        build(spec, make_generator(seed, "weights")) if start else first_network(spec, seed),
        spec,
        recipe,
        make_feed(training, fabric.device),
        make_feed(validation, fabric.device),
        fabric=fabric,
        shuffle=make_generator(seed, "shuffle"),
        changes=make_generator(seed, "augment"),
        start=start,
        on_progress=listener.on_progress,
        on_epoch=listener.on_epoch,
        on_state=lambda state: write_checkpoint(folder, state),
    )
    # A fresh network with the chosen weights: the very one that an opened run will have.
    network = build(spec, make_generator(seed, "weights"))
    network.load_state_dict(fitted.best_weights)
    network.eval()
    evaluation = evaluate(predict_logits(network, spec, splits.test), splits.test)
    record = {
        "schema": SCHEMA,
        "name": folder.name,
        "finished": not fitted.stopped,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {
            **found.summary,
            "train": len(training),
            "validation": len(validation),
            "source": plan.source,
            "size": plan.size,
            "ink": ink.to_json() if ink else None,
        },
        "model": spec.to_json(),
        "recipe": recipe.to_json(),
        "seeds": {"run": seed},
        "versions": versions(),
        "hardware": hardware(fabric.device),
        "results": results(fitted, evaluation),
    }
    write_weights(folder / "model.safetensors", fitted.best_weights)
    write_history(folder / "history.jsonl", fitted.history)
    write_evaluation(folder, evaluation, splits.test)
    write_json(folder / "run.json", record)  # last: a folder with it is complete
    return Run(folder, spec, network, record, splits, evaluation)


def prepare(
    splits: Splits,
    *,
    model: str,
    recipe: Recipe | None,
    shape: dict[str, Any],
    seed: int,
    changes: dict[str, Any],
    weights: Weights | None = None,
) -> tuple[ModelSpec, Recipe, ImageSet, ImageSet]:
    """Settle every choice of a training before it begins.

    Returns:
        The network's description, the recipe, and the training pictures parted into those to learn
        from and those to choose by.
    """
    pictures = splits.train
    recipe = recipe or default_recipe(
        pictures.name,
        model,
        channels=pictures.channels,
        n_pictures=len(pictures),
        published=weights is not None and weights.source != NONE,
    )
    recipe = recipe.with_changes(**changes)
    training, validation = parted(pictures, recipe, seed)
    mean, std = channel_statistics(training)
    H, W = pictures.size
    spec = make_spec(
        model,
        class_names=pictures.class_names,
        channels=pictures.channels,
        height=H,
        width=W,
        mean=mean,
        std=std,
    ).with_shape(**shape)
    return replace(spec, weights=weights), recipe, training, validation


def first_network(spec: ModelSpec, seed: int) -> nn.Module:
    """The network that a training begins with: fresh, but for the weights that it was given."""
    model = build(spec, make_generator(seed, "weights"))
    load_weights(model, spec)
    return model


def parted(pictures: ImageSet, recipe: Recipe, seed: int) -> tuple[ImageSet, ImageSet]:
    """The pictures to learn from, and those to choose by."""
    return stratified(pictures, recipe.validation_frac, make_generator(seed, "validation"))


def results(fitted: Fitted, evaluation: Evaluation) -> dict[str, Any]:
    """What the record says of the outcome."""
    chosen = next((row for row in fitted.history if row.epoch == fitted.best_epoch), None)
    return {
        "test_accuracy": evaluation.accuracy,
        "test_interval": list(evaluation.interval),
        "validation_accuracy": chosen.validation_accuracy if chosen else None,
        "best_epoch": fitted.best_epoch,
        "train_s": fitted.history[-1].elapsed_s if fitted.history else 0.0,
    }
