"""Batches cover every picture once, and processes share them without overlap."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from layerscope.data.imageset import ImageSet
from layerscope.training.input.batches import (
    channel_statistics,
    in_order,
    make_feed,
    shuffled,
    steps_per_epoch,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(1, 200), st.integers(1, 64), st.integers(1, 4))
def test_processes_together_see_the_batches_of_one(n: int, batch_size: int, world: int) -> None:
    whole = list(shuffled(n, batch_size, generator()))
    shares = [
        list(shuffled(n, batch_size, generator(), rank=rank, world_size=world))
        for rank in range(world)
    ]
    assert len(whole) == steps_per_epoch(n, batch_size)
    for step, batch in enumerate(whole):
        together = torch.cat([share[step] for share in shares])
        assert sorted(together.tolist()) == sorted(batch.tolist())
    seen = torch.cat(whole).tolist()
    assert len(set(seen)) == len(seen)
    assert len(seen) >= n - batch_size + 1 or len(seen) == n


@given(st.integers(0, 200), st.integers(1, 64))
def test_in_order_covers_everything_once(n: int, batch_size: int) -> None:
    assert [i for batch in in_order(n, batch_size) for i in batch.tolist()] == list(range(n))


def test_each_epoch_has_another_order_and_each_seed_too() -> None:
    one = generator(1)
    first, second = (torch.cat(list(shuffled(64, 16, one))).tolist() for _ in range(2))
    other = torch.cat(list(shuffled(64, 16, generator(2)))).tolist()
    assert first != second
    assert first != other
    assert first == torch.cat(list(shuffled(64, 16, generator(1)))).tolist()


def test_feed_reads_the_same_pictures_from_the_device_and_from_the_store(striped) -> None:
    some = striped.train.subset(torch.tensor([5, 3, 9, 1]))
    held = make_feed(some, torch.device("cpu"))
    streamed = make_feed(some, torch.device("cpu"), budget_bytes=0)
    assert held.pixels is not None
    assert streamed.pixels is None
    index = torch.tensor([2, 0])
    for feed in (held, streamed):
        pixels, labels = feed.read(index)
        assert torch.equal(pixels, striped.train.store[[9, 5]])
        assert torch.equal(labels, striped.train.labels[[9, 5]])


def test_channel_statistics_against_plain_numpy() -> None:
    pixels = torch.randint(0, 256, (1500, 3, 5, 4), generator=generator(), dtype=torch.uint8)
    pixels[:, 2] = 255  # a channel that never changes
    some = ImageSet("noise", "train", pixels, torch.zeros(1500, dtype=torch.long), ("a", "b"))
    mean, std = channel_statistics(some)
    whole = pixels.numpy() / 255
    assert mean == pytest.approx(whole.mean((0, 2, 3)))
    assert std == pytest.approx([*whole.std((0, 2, 3))[:2], 1.0])
