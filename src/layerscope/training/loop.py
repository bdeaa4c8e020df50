"""The training loop, read from top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from layerscope.formats.run_figures import EpochFigures
from layerscope.formats.run_record import Finding, HandChange
from layerscope.seed import derive_seed
from layerscope.training.diagnostics.detectors import Evidence, find_faults, largest_spike
from layerscope.training.diagnostics.recorder import Recorder
from layerscope.training.epoch_metrics import Clock, EpochSums, dead_units, score
from layerscope.training.input.augment import Share, augment
from layerscope.training.input.batches import AnyFeed, read_batches, shuffled, steps_per_epoch
from layerscope.training.optim.freezing import begin_epoch
from layerscope.training.optim.optimiser import make_optimiser, set_rate
from layerscope.training.optim.pool_before_relu import pool_first
from layerscope.training.optim.schedule import has_stalled, learning_rate, plateau_frac
from layerscope.training.processes import check_shares, share_buffers
from layerscope.training.recipe import Recipe
from layerscope.training.runs.checkpoint import State, copy_weights
from layerscope.training.runs.progress import Progress, Setback
from layerscope.training.training_objective import Spec, objective_of
from layerscope.training.watch import Watch, rate_by_hand

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Fitted:
    """What a training leaves: its history, the epoch chosen on validation, that epoch's weights.

    `stopped` says that the user ended it before its time; `findings` what went wrong in it,
    `by_hand` which learning rates were changed meanwhile.
    """

    history: tuple[EpochFigures, ...]
    best_epoch: int
    best_weights: dict[str, torch.Tensor]
    stopped: bool
    findings: tuple[Finding, ...] = ()
    by_hand: tuple[HandChange, ...] = ()


class NotFiniteError(Exception):
    """The loss is infinite or no number. Never leaves `fit`."""

    def __init__(self, step: int, rate: float) -> None:
        self.step, self.rate = step, rate


def fit(
    model: nn.Module,
    spec: Spec,
    recipe: Recipe,
    train: AnyFeed,
    validation: AnyFeed,
    *,
    fabric: Fabric,
    shuffle: torch.Generator,
    changes: torch.Generator,
    recorder: Recorder | None = None,
    watch: Watch | None = None,
    start: State | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_epoch: Callable[[EpochFigures], None] = lambda figures: None,
    on_finding: Callable[[Finding], None] = lambda finding: None,
    on_state: Callable[[State], None] = lambda state: None,
) -> Fitted:
    """Train a network by a recipe.

    Each epoch: learn from every batch, score the validation split, keep the weights if they are the
    best so far, hand on where the training stands. A loss that stops being finite takes the
    training back to the last epoch's end, once, with a tenth of the learning rate.

    Args:
        model: the network, trained in place.
        spec: what it takes.
        recipe: every choice.
        train, validation: the pictures, or rows, to learn from and to choose by.
        fabric: device, precision and processes.
        shuffle, changes: random streams for the order of pictures and for augmentation; from the
            seed of the second follows what is dropped.
        recorder: looks at chosen steps; None records nothing. Of several processes, only the first
            has one.
        watch: asked between batches; None is asked nothing.
        start: where an earlier training stood; this one goes on as if it had never stopped.
        on_progress: called a few times a second.
        on_epoch: called after each epoch.
        on_finding: called when something goes wrong, once for each kind.
        on_state: called after each epoch with all that the rest depends on.

    Returns:
        The history and the best weights. Ctrl-C ends the training; `stopped` says so.
    """
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    plain_optimiser = make_optimiser(model, recipe)
    reordered = pool_first(model)
    wrapped, optimiser = fabric.setup(reordered, plain_optimiser)
    steps = steps_per_epoch(len(train), recipe.batch_size)
    check_shares(recipe.batch_size, len(train), fabric)
    state = start or State.of(model, plain_optimiser, shuffle, changes)
    state.restore(model, plain_optimiser, shuffle, changes)
    by_hand = state.by_hand
    if watch:
        watch.take_up(by_hand)
    started = time.perf_counter() - state.elapsed_s
    found: dict[str, Finding] = {}
    by_loss = objective_of(spec).choose_by_loss
    stopped = False
    try:
        while state.epoch < recipe.epochs:
            if has_stalled(recipe, [row.merit(by_loss=by_loss) for row in state.history]):
                break
            epoch = state.epoch + 1
            losses = [row.validation_loss for row in state.history]
            lowered = state.rate_frac * plateau_frac(recipe, losses)
            clock = Clock(
                recipe.epochs, steps, epoch, started, fabric.world_size, on_progress,
                look_often=fabric.device.type == "cpu" and fabric.world_size == 1,
            )  # fmt: skip
            begin_epoch(wrapped, model, recipe, plain_optimiser, epoch)
            try:
                with dropout_drawn(changes, epoch, fabric):
                    seen = learn(
                        wrapped, spec, recipe, train, optimiser, clock, rate_frac=lowered,
                        fabric=fabric, shuffle=shuffle, changes=changes, recorder=recorder,
                        watch=watch, by_hand=by_hand,
                    )  # fmt: skip
                started = clock.started  # later, where it was paused
                speed = clock.images_per_s(seen)
                share_buffers(model, fabric)
                scored = score(reordered, spec, validation, fabric=fabric)
                scored.share(fabric)
                if not math.isfinite(scored.loss):  # the last steps of the epoch broke it
                    last = epoch * steps - 1
                    raise NotFiniteError(last, lowered * recipe.learning_rate)
            except NotFiniteError as fault:
                state = set_back(state, fault, epoch, clock.first_step, recorder)
                by_hand = state.by_hand
                if watch:
                    watch.take_up(by_hand)
                state.restore(model, plain_optimiser, shuffle, changes)
                if recorder:
                    recorder.forget(epoch)
                tell(found, recipe, spec, recorder, state, on_finding)
                if len(state.setbacks) > 1:
                    break
                continue
            seen.share(fabric)
            by_hand = watch.changes if watch else by_hand
            last_rate = lowered * learning_rate(recipe, epoch * steps - 1, recipe.epochs * steps)
            figures = EpochFigures(
                epoch=epoch,
                train_loss=seen.loss,
                train_accuracy=seen.accuracy,
                validation_loss=scored.loss,
                validation_accuracy=scored.accuracy,
                learning_rate=rate_by_hand(by_hand, last_rate),
                images_per_s=speed,
                elapsed_s=time.perf_counter() - started,
                dead_frac=dead_units(model, spec, validation, fabric),
            )
            if recorder:
                recorder.write(epoch)
            state = state.after(
                figures, model, plain_optimiser, shuffle, changes, by_loss=by_loss, by_hand=by_hand
            )
            on_state(state)
            on_epoch(figures)
            tell(found, recipe, spec, recorder, state, on_finding)
    except KeyboardInterrupt:
        stopped = True

    return Fitted(
        history=state.history,
        best_epoch=state.best_epoch,
        best_weights=state.best_weights if state.best_epoch else copy_weights(model),
        stopped=stopped,
        findings=find_faults(evidence_of(recipe, spec, recorder, state)),
        by_hand=state.by_hand,
    )


@contextmanager
def dropout_drawn(changes: torch.Generator, epoch: int, fabric: Fabric) -> Iterator[None]:
    """Draw what an epoch drops from a stream of its own, and leave torch's own as it was.

    Dropout takes no generator: it draws from torch's global one, which nobody has seeded. A stream
    for each epoch, so that a training that goes on drops what it would have dropped.

    Args:
        changes: the stream of augmentation; its first seed is that of the run, and nothing is
            drawn from it.
        epoch: from 1.
        fabric: device and process; each process drops something else.
    """
    purpose = f"dropout of epoch {epoch}, process {fabric.global_rank}"
    devices = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        # The streams of other devices than the one that trains stay as they are.
        streams = torch.default_generator if fabric.device.type == "cpu" else torch.random
        streams.manual_seed(derive_seed(changes.initial_seed(), purpose))
        yield


def learn(
    wrapped: nn.Module,
    spec: Spec,
    recipe: Recipe,
    train: AnyFeed,
    optimiser: torch.optim.Optimizer,
    clock: Clock,
    *,
    rate_frac: float,
    fabric: Fabric,
    shuffle: torch.Generator,
    changes: torch.Generator,
    recorder: Recorder | None,
    watch: Watch | None = None,
    by_hand: tuple[HandChange, ...] = (),
) -> EpochSums:
    """One epoch: read a batch, change it a little, predict, send the error back, move the weights.

    Returns:
        Loss and hits over the epoch's batches, of this process.

    Raises:
        NotFiniteError: the loss stopped being finite.
    """
    seen, right = EpochSums(train.device), objective_of(spec).right
    batches = shuffled(
        len(train),
        recipe.batch_size,
        shuffle,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
    )
    # Each process has a share of every batch; together they step as one that had it all.
    whole = Share(min(recipe.batch_size, len(train)), fabric.global_rank, fabric.world_size)
    for step, (pixels, labels) in enumerate(read_batches(train, batches), start=clock.first_step):
        rate = rate_by_hand(by_hand, rate_frac * learning_rate(recipe, step, clock.total_steps))
        if watch:
            scheduled = rate_frac * learning_rate(recipe, step, clock.total_steps)
            rate, waited_s = watch.before(step, clock.epoch, scheduled)
            clock.skip(waited_s)
        set_rate(optimiser, rate)
        logits, loss = batch_loss(wrapped, spec, recipe, pixels, labels, changes, share=whole)
        optimiser.zero_grad()
        # Gradients are averaged over processes, whose shares may differ by a picture.
        fabric.backward(loss * (len(labels) * whole.world_size / whole.n))
        if recipe.gradient_clip:
            fabric.clip_gradients(wrapped, optimiser, max_norm=recipe.gradient_clip)
        recorded = recorder is not None and (
            recorder.wants(step) or (watch is not None and watch.wants_frame())
        )
        if recorder and recorded:
            recorder.before()
        optimiser.step()
        if recorder and recorded:
            recorder.after(step, clock.epoch, loss, logits, labels)
        with torch.no_grad():
            seen.add(loss, right(logits, labels))
        if clock.is_due(step + 1) and not seen.is_finite(fabric):
            raise NotFiniteError(step, rate)
        clock.tell(step + 1, seen)
    return seen


def batch_loss(
    network: nn.Module,
    spec: Spec,
    recipe: Recipe,
    pixels: torch.Tensor,
    labels: torch.Tensor,
    changes: torch.Generator,
    *,
    share: Share | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Change a batch as the recipe says, and see what the network makes of it.

    Args:
        network: in training mode.
        spec, recipe: what it takes, and how it is trained.
        pixels, labels: uint8 (B, C, H, W) and int64 (B,), or rows and what they shall give.
        changes: the random stream of augmentation.
        share: this process's part of a larger batch; None is all of it.

    Returns:
        logits (B, K or 1) and the loss, a scalar.
    """
    objective = objective_of(spec)
    images = augment(objective.inputs(pixels), recipe.augment, changes, share=share)
    logits = network(images)
    return logits, objective.loss(logits, labels, recipe.label_smoothing_frac)


def set_back(
    state: State, fault: NotFiniteError, epoch: int, step: int, recorder: Recorder | None
) -> State:
    """The last good state, with a tenth of the schedule's learning rate and a note of why."""
    by_hand = state.by_hand
    if by_hand and (rate := by_hand[-1].rate) is not None:
        by_hand = (*by_hand, HandChange(step=step, epoch=epoch, rate_before=rate, rate=None))
    setback = Setback(
        step=fault.step,
        epoch=epoch,
        learning_rate=fault.rate,
        lowered_to=fault.rate / 10,
        spike=largest_spike(recorder.vitals) if recorder else None,
    )
    return replace(
        state,
        rate_frac=state.rate_frac / 10,
        setbacks=(*state.setbacks, setback),
        by_hand=by_hand,
    )


def evidence_of(recipe: Recipe, spec: Spec, recorder: Recorder | None, state: State) -> Evidence:
    """What is known of a training so far."""
    objective = objective_of(spec)
    return Evidence(
        recipe=recipe,
        n_classes=objective.classes,
        vitals=recorder.vitals if recorder else (),
        history=state.history,
        setbacks=state.setbacks,
        fixed_layout=objective.fixed_layout,
        unused_fields=objective.unused_fields,
        rows_guessing_loss=objective.guessing_loss if objective.of_rows else None,
    )


def tell(
    found: dict[str, Finding],
    recipe: Recipe,
    spec: Spec,
    recorder: Recorder | None,
    state: State,
    on_finding: Callable[[Finding], None],
) -> None:
    """Report what has newly gone wrong."""
    for finding in find_faults(evidence_of(recipe, spec, recorder, state)):
        if finding.kind not in found:
            found[finding.kind] = finding
            on_finding(finding)
