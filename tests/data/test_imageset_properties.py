"""What a fingerprint tells of a set, and sets at their limits."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from layerscope.data.imageset import ImageSet
from layerscope.errors import DataError


def made(n: int = 6, **changes) -> ImageSet:
    """Six pictures of 2 x 5 px, the i-th filled with 10 i, the classes in turn."""
    fields = {
        "name": "made",
        "split": "train",
        "store": (torch.arange(n) * 10).to(torch.uint8).view(n, 1, 1, 1).repeat(1, 3, 2, 5),
        "labels": torch.arange(n) % 2,
        "class_names": ("even", "odd"),
        "ids": tuple(f"{i}.png" for i in range(n)),
        "mask_store": (torch.arange(n) % 3 == 0).view(n, 1, 1, 1).repeat(1, 2, 2, 5),
        "part_names": ("ear", "tail"),
    }
    return ImageSet(**{**fields, **changes})


def test_a_subset_shares_the_store_and_leaves_its_set_alone() -> None:
    imageset = made()
    part = imageset.subset(torch.tensor([4, 1]), split="test")
    assert part.store.data_ptr() == imageset.store.data_ptr()
    assert (part.split, imageset.split, len(imageset)) == ("test", "train", 6)
    assert imageset.subset(torch.tensor([4])).split == "train"
    with pytest.raises(FrozenInstanceError):
        part.split = "other"  # type: ignore[misc]


def test_an_empty_set_is_a_set() -> None:
    imageset = made(0)
    assert (len(imageset), imageset.n_bytes, imageset.class_counts()) == (0, 0, [0, 0])
    assert imageset.fingerprint() == made(0).fingerprint()
    none = made().subset(torch.tensor([], dtype=torch.long))
    assert len(none) == 0 and none.pixels.shape == (0, 3, 2, 5)


def changed(tensor: torch.Tensor, at: tuple[int, ...], value: int) -> torch.Tensor:
    copy = tensor.clone()
    copy[at] = value
    return copy


def test_the_fingerprint_tells_every_change_and_nothing_else() -> None:
    imageset = made()
    same = imageset.fingerprint()
    assert len(same) == 16 and int(same, 16) >= 0
    assert made().fingerprint() == same
    # How a set is stored does not matter, nor what its files are called.
    again = imageset.subset(torch.arange(5, -1, -1)).subset(torch.arange(5, -1, -1))
    assert again.fingerprint() == same
    assert replace(imageset, ids=()).fingerprint() == same
    different = [
        made(store=changed(imageset.store, (5, 2, 1, 4), 1)),
        made(labels=changed(imageset.labels, (3,), 0)),
        made(name="other"),
        made(split="test"),
        made(class_names=("odd", "even")),
        imageset.subset(torch.arange(5)),
        imageset.subset(torch.tensor([2, 1, 0, 3, 4, 5])),
    ]
    prints = [same, *(other.fingerprint() for other in different)]
    assert len(set(prints)) == len(prints)


def test_of_a_large_set_a_sample_of_pictures_and_every_label_count() -> None:
    n = 5000  # every second picture is looked at
    store = torch.zeros(n, 1, 2, 2, dtype=torch.uint8)
    labels = torch.zeros(n, dtype=torch.long)
    large = ImageSet("large", "train", store, labels, ("a", "b"))
    same = large.fingerprint()
    assert replace(large, store=changed(store, (4998, 0, 1, 1), 1)).fingerprint() != same
    assert replace(large, store=changed(store, (4999, 0, 1, 1), 1)).fingerprint() == same
    for row in (0, 1, 4999):
        assert replace(large, labels=changed(labels, (row,), 1)).fingerprint() != same


def test_rows_must_be_as_many_as_labels() -> None:
    rows = torch.tensor([0, 1])
    assert len(made(rows=rows, labels=torch.tensor([0, 1]), ids=())) == 2
    with pytest.raises(DataError, match="2 pictures but 6 labels; give one each"):
        made(rows=rows)
