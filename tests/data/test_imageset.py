"""`ImageSet` hands out the rows that were asked for, and refuses what does not fit together."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from layerscope.data.imageset import ImageSet
from layerscope.errors import DataError

N = 12


def numbered(**changes) -> ImageSet:
    """Picture i is filled with i; classes and ids follow from it."""
    pixels = torch.arange(N, dtype=torch.uint8).view(N, 1, 1, 1).expand(N, 1, 2, 3).contiguous()
    plain = ImageSet(
        "numbers", "train", pixels, torch.arange(N) % 3, ("a", "b", "c"),
        ids=tuple(f"{i}.png" for i in range(N)), mask_store=pixels.bool(), part_names=("ink",),
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)


@given(st.lists(st.integers(0, N - 1), min_size=1), st.data())
def test_a_subset_of_a_subset_reads_the_same_rows_as_indexing_twice(rows, data) -> None:
    again = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1))
    whole = numbered()
    part = whole.subset(torch.tensor(rows)).subset(torch.tensor(again), split="test")
    expected = torch.tensor([rows[i] for i in again])
    assert part.split == "test"
    assert torch.equal(part.pixels, whole.store[expected])
    assert torch.equal(part.take(torch.arange(len(again))), whole.store[expected])
    assert torch.equal(part.labels, expected % 3)
    assert part.ids == tuple(f"{i}.png" for i in expected.tolist())
    assert torch.equal(part.masks(torch.arange(len(again)))[:, 0, 0, 0], expected > 0)
    assert part.store.data_ptr() == whole.store.data_ptr()  # nothing was copied


def test_the_fingerprint_changes_with_a_pixel_a_label_and_the_order() -> None:
    whole = numbered()
    assert whole.fingerprint() == numbered().fingerprint()
    pixels = whole.store.clone()
    pixels[7, 0, 1, 2] += 1
    labels = whole.labels.clone()
    labels[7] = (labels[7] + 1) % 3
    others = [
        numbered(store=pixels),
        numbered(labels=labels),
        whole.subset(torch.arange(N).flip(0)),
    ]
    prints = {other.fingerprint() for other in [whole, *others]}
    assert len(prints) == 4


def test_figures_of_a_set() -> None:
    whole = numbered()
    assert (len(whole), whole.channels, whole.size, whole.n_classes) == (N, 1, (2, 3), 3)
    assert whole.n_bytes == whole.store.numel()
    assert whole.subset(torch.tensor([0, 1, 3])).class_counts() == [2, 1, 0]
    assert whole.picture_id(4) == "4.png"
    assert numbered(ids=()).picture_id(4) == "train/4"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"store": torch.zeros(N, 1, 2, 3)}, "must be uint8"),
        ({"store": torch.zeros(N, 2, 3, dtype=torch.uint8)}, r"must be uint8 \(N, C, H, W\)"),
        ({"store": torch.zeros(N, 2, 2, 3, dtype=torch.uint8)}, "have 2 channels"),
        ({"labels": torch.zeros(N - 1, dtype=torch.long)}, "12 pictures but 11 labels"),
        ({"labels": torch.full((N,), 3)}, "must lie in 0 to 2"),
        ({"labels": torch.full((N,), -1)}, "must lie in 0 to 2"),
        ({"ids": ("only one",)}, "12 labels but 1 ids"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message: str) -> None:
    numbered()
    with pytest.raises(DataError, match=message):
        numbered(**changes)


def test_masks_are_refused_where_there_are_none() -> None:
    index = torch.tensor([0])
    assert numbered().masks(index).shape == (1, 1, 2, 3)
    with pytest.raises(DataError, match="has no part masks"):
        numbered(mask_store=None).masks(index)


@pytest.mark.parametrize(
    ("side", "most", "expected"), [(28, 512, 512), (96, 512, 227), (192, 512, 56), (224, 256, 41),
                                   (512, 256, 16), (512, 4, 4)],
)  # fmt: skip
def test_fewer_large_pictures_are_put_through_a_network_at_once(
    side: int, most: int, expected: int
) -> None:
    pixels = torch.zeros(1, 1, side, side, dtype=torch.uint8)
    found = ImageSet("a", "test", pixels, torch.zeros(1, dtype=torch.int64), ("x", "y"))
    assert found.batch_of(most) == expected


def test_pictures_without_classes_have_no_labels() -> None:
    store = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    found = ImageSet("mine", "test", store, torch.full((3,), -1), ())
    assert found.class_counts() == []
    assert not found.subset(torch.tensor([1])).is_labelled
    with pytest.raises(DataError, match="has labels but no class names"):
        ImageSet("mine", "test", store, torch.zeros(3, dtype=torch.int64), ())
    with pytest.raises(DataError, match="run from -1"):
        ImageSet("mine", "test", store, torch.full((3,), -1), ("cat", "dog"))
