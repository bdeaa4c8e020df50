"""The training loop, read from top to bottom."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from layerscope.models import ModelSpec, loss_of, predicted
from layerscope.training.augment import augment
from layerscope.training.batches import Feed, in_order, shuffled, steps_per_epoch
from layerscope.training.checkpoint import State
from layerscope.training.evaluate import as_images
from layerscope.training.freezing import begin_epoch
from layerscope.training.optimiser import make_optimiser
from layerscope.training.recipe import Recipe
from layerscope.training.schedule import learning_rate

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Progress:
    """Where a training stands: reported every few steps."""

    epoch: int
    epochs: int
    step: int
    total_steps: int
    loss: float
    accuracy: float
    images_per_s: float
    left_s: float


@dataclass(frozen=True)
class EpochFigures:
    """One row of the history: the figures of one pass over the training pictures."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    images_per_s: float
    elapsed_s: float

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Fitted:
    """What a training leaves: its history, the epoch chosen on validation, that epoch's weights.

    `stopped` says that the user ended it before its time.
    """

    history: tuple[EpochFigures, ...]
    best_epoch: int
    best_weights: dict[str, torch.Tensor]
    stopped: bool


def fit(
    model: nn.Module,
    spec: ModelSpec,
    recipe: Recipe,
    train: Feed,
    validation: Feed,
    *,
    fabric: Fabric,
    shuffle: torch.Generator,
    changes: torch.Generator,
    start: State | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_epoch: Callable[[EpochFigures], None] = lambda figures: None,
    on_state: Callable[[State], None] = lambda state: None,
) -> Fitted:
    """Train a network by a recipe.

    Each epoch: learn from every batch, score the validation split, keep the weights if they are the
    best so far, hand on where the training stands.

    Args:
        model: the network, trained in place.
        spec: what it takes.
        recipe: every choice.
        train, validation: the pictures to learn from and to choose by.
        fabric: device, precision and processes.
        shuffle, changes: random streams for the order of pictures and for augmentation.
        start: where an earlier training stood; this one goes on as if it had never stopped.
        on_progress: called a few times a second.
        on_epoch: called after each epoch.
        on_state: called after each epoch with all that the rest depends on.

    Returns:
        The history and the best weights. Ctrl-C ends the training and keeps what it has; before the
        first epoch's end those are the weights of that moment.
    """
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = make_optimiser(model, recipe)
    if start:
        restore(start, model, optimiser, shuffle, changes)
    wrapped, optimiser = fabric.setup(model, optimiser)
    steps = steps_per_epoch(len(train), recipe.batch_size)
    history = [EpochFigures(**row) for row in start.history] if start else []
    best = (start.best_accuracy, start.best_epoch, start.best_weights) if start else None
    started = time.perf_counter() - (start.elapsed_s if start else 0.0)
    stopped = False
    try:
        for epoch in range(start.epoch + 1 if start else 1, recipe.epochs + 1):
            clock = Clock(recipe.epochs, steps, epoch, started, fabric.world_size, on_progress)
            seen = learn(
                wrapped, spec, recipe, train, optimiser, clock,
                fabric=fabric, shuffle=shuffle, changes=changes,
            )  # fmt: skip
            speed = clock.images_per_s(seen)
            seen.share(fabric)
            scored = score(wrapped, spec, validation)
            figures = EpochFigures(
                epoch=epoch,
                train_loss=seen.loss,
                train_accuracy=seen.accuracy,
                validation_loss=scored.loss,
                validation_accuracy=scored.accuracy,
                learning_rate=learning_rate(recipe, epoch * steps - 1, recipe.epochs * steps),
                images_per_s=speed,
                elapsed_s=time.perf_counter() - started,
            )
            history.append(figures)
            weights = copy_weights(model)
            if best is None or figures.validation_accuracy >= best[0]:
                best = (figures.validation_accuracy, epoch, weights)
            on_state(
                State(
                    epoch=epoch,
                    weights=weights,
                    optimiser=optimiser.state_dict(),
                    shuffle=shuffle.get_state(),
                    changes=changes.get_state(),
                    history=[row.to_json() for row in history],
                    best_accuracy=best[0],
                    best_epoch=best[1],
                    best_weights=best[2],
                    elapsed_s=figures.elapsed_s,
                )
            )
            on_epoch(figures)
    except KeyboardInterrupt:
        stopped = True

    _, best_epoch, weights = best or (0.0, 0, copy_weights(model))
    return Fitted(tuple(history), best_epoch, weights, stopped)


def learn(
    wrapped: nn.Module,
    spec: ModelSpec,
    recipe: Recipe,
    train: Feed,
    optimiser: torch.optim.Optimizer,
    clock: Clock,
    *,
    fabric: Fabric,
    shuffle: torch.Generator,
    changes: torch.Generator,
) -> Tally:
    """One epoch: read a batch, change it a little, predict, send the error back, move the weights.

    Returns:
        Loss and hits over the epoch's batches, of this process.
    """
    begin_epoch(wrapped, recipe, optimiser, clock.epoch)
    seen = Tally(train.device)
    batches = shuffled(
        len(train),
        recipe.batch_size,
        shuffle,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
    )
    for step, index in enumerate(batches, start=clock.first_step):
        rate = learning_rate(recipe, step, clock.total_steps)
        for group in optimiser.param_groups:
            group["lr"] = rate * group.get("rate_frac", 1.0)
        pixels, labels = train.read(index)
        images = augment(as_images(spec, pixels), recipe.augment, changes)
        logits = wrapped(images)
        loss = loss_of(logits, labels, label_smoothing_frac=recipe.label_smoothing_frac)
        optimiser.zero_grad()
        fabric.backward(loss)
        if recipe.gradient_clip:
            fabric.clip_gradients(wrapped, optimiser, max_norm=recipe.gradient_clip)
        optimiser.step()
        seen.add(loss, logits, labels)
        clock.tell(step + 1, seen)
    return seen


def restore(
    state: State,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    shuffle: torch.Generator,
    changes: torch.Generator,
) -> None:
    """Put a training back to where it stood, in place."""
    model.load_state_dict(state.weights)
    optimiser.load_state_dict(state.optimiser)
    shuffle.set_state(state.shuffle)
    changes.set_state(state.changes)


class Clock:
    """How far an epoch is, how fast, and how long the training still takes."""

    def __init__(
        self,
        epochs: int,
        steps: int,
        epoch: int,
        started: float,
        world_size: int,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.epochs, self.epoch = epochs, epoch
        self.total_steps = epochs * steps
        self.first_step = (epoch - 1) * steps
        self.started, self.world_size, self.on_progress = started, world_size, on_progress
        self.epoch_started = time.perf_counter()
        self.told = 0.0

    def images_per_s(self, seen: Tally) -> float:
        """Pictures a second in this epoch, over all processes."""
        return seen.n * self.world_size / (time.perf_counter() - self.epoch_started)

    def tell(self, step: int, seen: Tally) -> None:
        """Report progress, at most five times a second: reading the sums waits for the device."""
        now = time.perf_counter()
        if now - self.told < 0.2:
            return
        self.told = now
        per_step = (now - self.started) / step
        self.on_progress(
            Progress(
                epoch=self.epoch,
                epochs=self.epochs,
                step=step,
                total_steps=self.total_steps,
                loss=seen.loss,
                accuracy=seen.accuracy,
                images_per_s=self.images_per_s(seen),
                left_s=per_step * (self.total_steps - step),
            )
        )


class Tally:
    """Sums of loss and hits that stay on the device until they are asked for."""

    def __init__(self, device: torch.device) -> None:
        # loss, hits, pictures
        self.sums: torch.Tensor = torch.zeros(3, dtype=torch.float64, device=device)

    def add(self, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Count one batch in; `loss` is its mean."""
        with torch.no_grad():
            self.sums[0] += loss.detach() * len(labels)
            self.sums[1] += (predicted(logits) == labels).sum()
            self.sums[2] += len(labels)

    def share(self, fabric: Fabric) -> None:
        """Add up what all processes counted."""
        if fabric.world_size > 1:
            summed = fabric.all_reduce(self.sums, reduce_op="sum")
            assert isinstance(summed, torch.Tensor), "a tensor is reduced to a tensor"
            self.sums = summed

    @property
    def n(self) -> int:
        return int(self.sums[2])

    @property
    def loss(self) -> float:
        return float(self.sums[0] / self.sums[2].clamp(min=1))

    @property
    def accuracy(self) -> float:
        return float(self.sums[1] / self.sums[2].clamp(min=1))


def score(model: nn.Module, spec: ModelSpec, feed: Feed, *, batch_size: int = 512) -> Tally:
    """Loss and accuracy on a whole split, in evaluation mode, without changing anything."""
    tally = Tally(feed.device)
    model.eval()
    with torch.inference_mode():
        for index in in_order(len(feed), feed.imageset.batch_of(batch_size)):
            pixels, labels = feed.read(index)
            logits = model(as_images(spec, pixels)).float()
            tally.add(loss_of(logits, labels), logits, labels)
    return tally


def copy_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """The network's weights and buffers as they are now, on the CPU."""
    return {
        name: copy.deepcopy(value.detach()).cpu().contiguous()
        for name, value in model.state_dict().items()
    }
