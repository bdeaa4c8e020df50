"""Sheets of an atlas: equal pictures share a tile, and every picture reads back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from layerscope.atlas.sprite_tiles import tiles as read_tiles
from layerscope.pipeline.recording.sprite_files import without_repeats, written_sprite


@given(numbers=st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_each_distinct_tile_is_kept_once_in_the_order_in_which_they_come(
    numbers: list[int],
) -> None:
    tiles = torch.tensor(numbers, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    distinct, places = without_repeats(tiles)
    assert distinct[:, 0, 0, 0].tolist() == list(dict.fromkeys(numbers))
    assert (distinct[list(places)] == tiles).all()


@pytest.mark.parametrize("repeats", [False, True])
def test_every_picture_of_a_sheet_reads_back(tmp_path: Path, repeats: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (23, 1, 6, 5), dtype=torch.uint8, generator=generator)
    if repeats:
        pictures = pictures[torch.randint(0, 23, (40,), generator=generator)]
    sprite = written_sprite(tmp_path, "a.webp", pictures, columns=4, quality=None)
    assert (sprite.tiles is None) is not repeats
    assert sprite.count == len(pictures.unique(dim=0))
    found = read_tiles(tmp_path, sprite, range(len(pictures)))
    assert all((a == b.numpy()).all() for a, b in zip(found, pictures[:, 0], strict=True))
