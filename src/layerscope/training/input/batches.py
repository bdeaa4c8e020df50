"""Batches of a set: shuffled, shared out between processes, moved to the device."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import torch

from layerscope.data.imageset import ImageSet
from layerscope.errors import DataError


class AnyFeed(Protocol):
    """What a training reads its batches from: pictures (`Feed`) or rows (`rows.rows_feed`)."""

    @property
    def labels(self) -> torch.Tensor: ...
    @property
    def device(self) -> torch.device: ...
    @property
    def is_whole(self) -> bool: ...
    def __len__(self) -> int: ...
    def batch_of(self, most: int) -> int: ...
    def read(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]: ...


@dataclass(frozen=True)
class Feed:
    """A set made ready to be read in batches on a device.

    A set that fits `budget_bytes` lies on the device whole, as uint8; a larger one is read batch
    by batch from its (memory-mapped) store.

    Args:
        imageset: the pictures.
        pixels: uint8 (N, C, H, W) on the device, or None where they are read per batch.
        labels: int64 (N,) on the device.
        device: where the batches go.
    """

    imageset: ImageSet
    pixels: torch.Tensor | None
    labels: torch.Tensor
    device: torch.device

    def __len__(self) -> int:
        return len(self.imageset)

    @property
    def is_whole(self) -> bool:
        """Whether all of it lies on the device."""
        return self.pixels is not None

    def batch_of(self, most: int) -> int:
        """How many pictures are worked on at once, `most` of small ones."""
        return self.imageset.batch_of(most)

    def read(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Read some pictures.

        Args:
            index: int64 (B,), positions in the set, on the CPU.

        Returns:
            pixels uint8 (B, C, H, W) and labels int64 (B,), both on the device.
        """
        on_device = index.to(self.device)
        if self.pixels is None:
            pixels = self.imageset.take(index).to(self.device, non_blocking=True)
        else:
            pixels = self.pixels[on_device]
        return pixels, self.labels[on_device]


def read_batches(
    feed: AnyFeed, batches: Iterable[torch.Tensor], *, ahead: int = 2
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Read batches in order; those of a streamed set are read while the last one is worked on.

    Args:
        feed: the set.
        batches: int64 (b,) positions each.
        ahead: how many batches a thread may be ahead.

    Yields:
        pixels uint8 (b, C, H, W) and labels int64 (b,), both on the device. What goes wrong while
        reading is raised here. The thread ends with the iterator, however that ends.
    """
    if feed.is_whole:
        yield from map(feed.read, batches)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:
        waiting: deque[Future[tuple[torch.Tensor, torch.Tensor]]] = deque()
        for index in batches:
            waiting.append(reader.submit(feed.read, index))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def make_feed(imageset: ImageSet, device: torch.device, *, budget_bytes: int | None = None) -> Feed:
    """Make a set ready to be read in batches, whole on the device where it fits the budget.

    Args:
        imageset: the pictures.
        device: where the batches go.
        budget_bytes: None takes LAYERSCOPE_MEMORY_GB, or 2 GiB where that is not set.

    Raises:
        DataError: LAYERSCOPE_MEMORY_GB is no number.
    """
    if budget_bytes is None:
        named = os.environ.get("LAYERSCOPE_MEMORY_GB", "2")
        try:
            budget_bytes = int(float(named) * (1 << 30))
        except (ValueError, OverflowError) as error:
            raise DataError(
                f"LAYERSCOPE_MEMORY_GB is {named!r}; set it to a number such as 0.5, or unset it"
            ) from error
    fits = imageset.n_bytes <= budget_bytes
    return Feed(
        imageset=imageset,
        pixels=imageset.pixels.to(device) if fits else None,
        labels=imageset.labels.to(device),
        device=device,
    )


def shuffled(
    n: int,
    batch_size: int,
    generator: torch.Generator,
    *,
    rank: int = 0,
    world_size: int = 1,
) -> Iterator[torch.Tensor]:
    """Yield the batches of one epoch in a random order.

    Every process draws the same order and takes its own share of each batch, so that several
    processes together see the very batches that one would see. The last, shorter batch is left
    out (its few pictures come up in other epochs), unless it is the only one.

    Args:
        n: pictures in the set.
        batch_size: pictures a step, over all processes.
        generator: draws the order; the same on every process.
        rank, world_size: this process, and how many there are.

    Yields:
        int64 (b,) positions.
    """
    order = torch.randperm(n, generator=generator)
    for start in range(0, max(1, n - batch_size + 1), batch_size):
        yield order[start : start + batch_size][rank::world_size]


def in_order(
    n: int, batch_size: int, *, rank: int = 0, world_size: int = 1
) -> Iterator[torch.Tensor]:
    """Yield all positions in order, the last batch being shorter; of several processes, a share."""
    mine = torch.arange(n)[rank::world_size]
    yield from mine.split(batch_size) if len(mine) else ()


def steps_per_epoch(n: int, batch_size: int) -> int:
    """How many batches `shuffled` yields."""
    return max(1, n // batch_size)


def channel_statistics(imageset: ImageSet) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of `pixels / 255` over all pictures, one of each per channel.

    Returns:
        Two lists of C numbers. A channel that never changes has a deviation of 1, so that
        dividing by it is harmless.
    """
    total = torch.zeros(imageset.channels, dtype=torch.float64)
    squares = torch.zeros(imageset.channels, dtype=torch.float64)
    for index in in_order(len(imageset), imageset.batch_of(1024)):
        # Sums of integers in float64 are exact, whatever the batches.
        pixels = imageset.take(index).transpose(0, 1).flatten(1).double()  # (C, B*H*W)
        total += pixels.sum(1)
        squares += pixels.square().sum(1)
    count = len(imageset) * imageset.size[0] * imageset.size[1]
    mean = total / count
    std = (squares / count - mean**2).clamp(min=0).sqrt()
    std = torch.where(std < 1e-3 * 255, torch.full_like(std, 255.0), std)
    return (mean / 255).tolist(), (std / 255).tolist()
