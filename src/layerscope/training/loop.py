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
from layerscope.training.evaluate import as_images
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
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_epoch: Callable[[EpochFigures], None] = lambda figures: None,
) -> Fitted:
    """Train a network by a recipe.

    Each step: read a batch, change it a little, predict, compare with the labels, send the error
    back, move the weights. After each epoch the validation split is scored; the weights of the best
    epoch are the ones that count.

    Args:
        model: the network, trained in place.
        spec: what it takes.
        recipe: every choice.
        train, validation: the pictures to learn from and to choose by.
        fabric: device, precision and processes.
        shuffle, changes: random streams for the order of pictures and for augmentation.
        on_progress: called a few times a second.
        on_epoch: called after each epoch.

    Returns:
        The history and the best weights. Ctrl-C ends the training and keeps what it has; before the
        first epoch's end those are the weights of that moment.
    """
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = make_optimiser(model, recipe)
    wrapped, optimiser = fabric.setup(model, optimiser)
    steps = steps_per_epoch(len(train), recipe.batch_size)
    total_steps = steps * recipe.epochs
    history: list[EpochFigures] = []
    best: tuple[float, int, dict[str, torch.Tensor]] | None = None
    step, started = 0, time.perf_counter()
    stopped = False

    try:
        for epoch in range(1, recipe.epochs + 1):
            wrapped.train()
            seen = Tally(train.device)
            epoch_started, told = time.perf_counter(), 0.0
            batches = shuffled(
                len(train),
                recipe.batch_size,
                shuffle,
                rank=fabric.global_rank,
                world_size=fabric.world_size,
            )
            rate = 0.0
            for index in batches:
                rate = learning_rate(recipe, step, total_steps)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                pixels, labels = train.read(index)
                images = augment(as_images(spec, pixels), recipe.augment, changes)
                logits = wrapped(images)
                loss = loss_of(logits, labels, label_smoothing_frac=recipe.label_smoothing_frac)
                optimiser.zero_grad()
                fabric.backward(loss)
                if recipe.gradient_clip:
                    fabric.clip_gradients(wrapped, optimiser, max_norm=recipe.gradient_clip)
                optimiser.step()
                step += 1
                seen.add(loss, logits, labels)

                now = time.perf_counter()
                if now - told > 0.2:
                    told = now
                    per_step = (now - started) / step
                    on_progress(
                        Progress(
                            epoch=epoch,
                            epochs=recipe.epochs,
                            step=step,
                            total_steps=total_steps,
                            loss=seen.loss,
                            accuracy=seen.accuracy,
                            images_per_s=seen.n * fabric.world_size / (now - epoch_started),
                            left_s=per_step * (total_steps - step),
                        )
                    )
            speed = seen.n * fabric.world_size / (time.perf_counter() - epoch_started)
            seen.share(fabric)
            scored = score(wrapped, spec, validation)
            figures = EpochFigures(
                epoch=epoch,
                train_loss=seen.loss,
                train_accuracy=seen.accuracy,
                validation_loss=scored.loss,
                validation_accuracy=scored.accuracy,
                learning_rate=rate,
                images_per_s=speed,
                elapsed_s=time.perf_counter() - started,
            )
            history.append(figures)
            on_epoch(figures)
            if best is None or figures.validation_accuracy >= best[0]:
                best = (figures.validation_accuracy, epoch, copy_weights(model))
    except KeyboardInterrupt:
        stopped = True

    _, best_epoch, weights = best or (0.0, 0, copy_weights(model))
    return Fitted(tuple(history), best_epoch, weights, stopped)


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
        for index in in_order(len(feed), batch_size):
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
