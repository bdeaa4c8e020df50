"""The drawn set: drawn on all cores, the same pictures on any number of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from layerscope.cores import cores_apart
from layerscope.data import creatures, embedded
from layerscope.data.embedded import draw_into
from layerscope.seed import derive_seed

N, SIZE = 30, 32


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_parts_drawn_at_once_are_written_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: None, n_threads: int
) -> None:
    torch.set_num_threads(n_threads)
    monkeypatch.setattr(embedded, "AT_ONCE", 7)
    homes = [tmp_path / "pixels", tmp_path / "masks"]
    told: list[int] = []
    draw_into(homes, N, "test", SIZE, told.append)
    assert torch.get_num_threads() == n_threads
    whole = creatures.draw(N, size=SIZE, seed=derive_seed(0, "creatures/test"))
    assert homes[0].read_bytes() == whole.pixels.numpy().tobytes()
    assert homes[1].read_bytes() == whole.masks.numpy().tobytes()
    assert told == [7, 14, 21, 28, 30]


def test_each_part_is_drawn_by_one_thread_of_torchs_and_several_at_once(threads: None) -> None:
    torch.set_num_threads(2)
    together = threading.Barrier(2, timeout=20)

    def part(_: int) -> int:
        together.wait()  # passed only by two parts that are drawn at the same time
        return torch.get_num_threads()

    with cores_apart() as pool:
        assert list(pool.map(part, range(2))) == [1, 1]
    assert torch.get_num_threads() == 2


def test_ctrl_c_leaves_the_rest_undrawn_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: None
) -> None:
    torch.set_num_threads(2)
    begun: list[int] = []

    def draw(n: int, *, size: int, seed: int, first: int) -> creatures.Drawing:
        begun.append(first)
        time.sleep(0.05)
        return creatures.Drawing(torch.zeros(n, 3, 8, 8), torch.zeros(n), torch.zeros(n, 8, 8, 8))

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(creatures, "draw", draw)
    monkeypatch.setattr(embedded, "AT_ONCE", 1)
    homes = [tmp_path / "pixels", tmp_path / "masks"]
    with pytest.raises(KeyboardInterrupt):
        draw_into(homes, 200, "test", SIZE, interrupt)
    assert len(begun) < 20
    assert not list(tmp_path.iterdir())
