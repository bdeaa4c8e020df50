"""Sums over an epoch, the clock beside them, and the scoring of a split."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn

from layerscope.device import has_float64
from layerscope.graph.activation_hooks import trace
from layerscope.training.input.batches import AnyFeed, in_order, read_batches
from layerscope.training.runs.progress import Progress
from layerscope.training.training_objective import Spec, objective_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric


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
        *,
        look_often: bool,
    ) -> None:
        self.epochs, self.epoch = epochs, epoch
        self.total_steps = epochs * steps
        self.first_step = (epoch - 1) * steps
        self.started, self.world_size, self.on_progress = started, world_size, on_progress
        self.look_often = look_often
        self.epoch_started = time.perf_counter()
        self.told = 0.0

    def images_per_s(self, seen: EpochSums) -> float:
        """Pictures a second in this epoch, over all processes."""
        return seen.n * self.world_size / (time.perf_counter() - self.epoch_started)

    def skip(self, seconds: float) -> None:
        """Leave out a time in which the training stood still."""
        self.started += seconds
        self.epoch_started += seconds

    def is_due(self, step: int) -> bool:
        """Whether to look at the loss: at every step where that is free, else now and then."""
        last = step - self.first_step == self.total_steps // self.epochs
        return self.look_often or step % 50 == 0 or last

    def tell(self, step: int, seen: EpochSums) -> None:
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


class EpochSums:
    """Sums of loss and hits that stay on the device until they are asked for."""

    def __init__(self, device: torch.device) -> None:
        # loss, hits, pictures
        dtype = torch.float64 if has_float64(device) else torch.float32
        self.sums: torch.Tensor = torch.zeros(3, dtype=dtype, device=device)

    def add(self, loss: torch.Tensor, right: torch.Tensor) -> None:
        """Count one batch in; `loss` is its mean, `right` float (B,), what `Objective` says."""
        with torch.no_grad():
            self.sums[0] += loss.detach() * len(right)
            self.sums[1] += right.sum()
            self.sums[2] += len(right)

    def share(self, fabric: Fabric) -> None:
        """Add up what all processes counted."""
        if fabric.world_size > 1:
            summed = fabric.all_reduce(self.sums, reduce_op="sum")
            assert isinstance(summed, torch.Tensor), "a tensor is reduced to a tensor"
            self.sums = summed

    def is_finite(self, fabric: Fabric) -> bool:
        """Whether the loss is a number so far, in every process."""
        if fabric.world_size == 1:
            return bool(torch.isfinite(self.sums[0]))
        together = fabric.all_reduce(self.sums[0].clone(), reduce_op="sum")
        assert isinstance(together, torch.Tensor), "a tensor is reduced to a tensor"
        return bool(torch.isfinite(together))

    @property
    def n(self) -> int:
        return int(self.sums[2])

    @property
    def loss(self) -> float:
        return float(self.sums[0] / self.sums[2].clamp(min=1))

    @property
    def accuracy(self) -> float:
        # Of numbers the share of explained variance falls below 0 where the mean is better.
        return max(0.0, float(self.sums[1] / self.sums[2].clamp(min=1)))


def score(
    model: nn.Module,
    spec: Spec,
    feed: AnyFeed,
    *,
    fabric: Fabric | None = None,
) -> EpochSums:
    """Loss and accuracy on a split, in evaluation mode, without changing anything.

    Of several processes each scores a share, without overlap; `EpochSums.share` adds them up.
    """
    rank, world_size = (fabric.global_rank, fabric.world_size) if fabric else (0, 1)
    tally, objective = EpochSums(feed.device), objective_of(spec)
    model.eval()
    precision = fabric.autocast() if fabric else contextlib.nullcontext()
    with torch.inference_mode(), precision:
        batch_size = feed.batch_of(512)
        batches = in_order(len(feed), batch_size, rank=rank, world_size=world_size)
        for pixels, labels in read_batches(feed, batches):
            logits = model(objective.inputs(pixels)).float()
            tally.add(objective.loss(logits, labels, 0.0), objective.right(logits, labels))
    return tally


def dead_units(
    model: nn.Module, spec: Spec, validation: AnyFeed, fabric: Fabric, *, n: int = 256
) -> dict[str, float]:
    """The share of each ReLU layer's units that are zero for every one of some pictures.

    Args:
        model: the network.
        spec: what it takes.
        validation: the pictures; the first `n` of them are looked at.
        fabric: its precision is used.
        n: how many pictures.

    Returns:
        ReLU layer -> share of its units. A unit of a convolution is dead where it is zero at every
        place.
    """
    paths = [path for path, module in model.named_modules() if isinstance(module, nn.ReLU)]
    if not paths:
        return {}
    largest: dict[str, torch.Tensor] = {}
    objective = objective_of(spec)
    batches = in_order(min(n, len(validation)), validation.batch_of(512))
    with torch.inference_mode(), fabric.autocast(), trace(model, paths, copy=False) as seen:
        for index in batches:
            model(objective.inputs(validation.read(index)[0]))
            for path, values in seen.items():
                now = values.transpose(0, 1).flatten(1).amax(1)
                largest[path] = torch.maximum(largest[path], now) if path in largest else now
    return {path: float((values <= 0).float().mean()) for path, values in largest.items()}
