"""`ImageSet` holds what it says, hands out the rows asked for and notices every change."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from layerscope.data.imageset import ImageSet, Skipped, Splits
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


def shown(pictures: torch.Tensor) -> list[int]:
    assert (pictures == pictures[:, :1, :1, :1]).all()
    return pictures[:, 0, 0, 0].tolist()


def test_sizes_are_those_of_the_store() -> None:
    imageset = made()
    assert (len(imageset), imageset.channels, imageset.size) == (6, 3, (2, 5))
    assert (imageset.n_classes, imageset.n_bytes) == (2, 6 * 3 * 2 * 5)
    assert imageset.class_counts() == [3, 3]
    assert made(class_names=("even", "odd", "neither")).class_counts() == [3, 3, 0]
    assert made(store=made().store[:, :1]).channels == 1


@settings(deadline=None)  # a busy machine may pause
@given(st.data())
def test_a_subset_of_a_subset_is_what_lists_say(data) -> None:
    imageset, expected = made(12), list(range(12))
    for _ in range(data.draw(st.integers(1, 3))):
        places = st.integers(0, len(expected) - 1)
        index = data.draw(st.lists(places, min_size=1, max_size=15))
        imageset = imageset.subset(torch.tensor(index))
        expected = [expected[i] for i in index]
    assert len(imageset) == len(expected)
    assert imageset.labels.tolist() == [i % 2 for i in expected]
    assert imageset.ids == tuple(f"{i}.png" for i in expected)
    assert shown(imageset.pixels) == [10 * i for i in expected]
    rows = data.draw(st.lists(st.integers(0, len(expected) - 1), max_size=5))
    index = torch.tensor(rows, dtype=torch.long)
    assert shown(imageset.take(index)) == [10 * expected[i] for i in rows]
    assert imageset.masks(index).flatten(1).all(1).tolist() == [expected[i] % 3 == 0 for i in rows]
    assert imageset.n_bytes == len(expected) * 30
    assert [imageset.picture_id(i) for i in rows] == [f"{expected[i]}.png" for i in rows]


def test_a_subset_shares_the_store_and_leaves_its_set_alone() -> None:
    imageset = made()
    part = imageset.subset(torch.tensor([4, 1]), split="test")
    assert part.store.data_ptr() == imageset.store.data_ptr()
    assert (part.split, imageset.split, len(imageset)) == ("test", "train", 6)
    assert imageset.subset(torch.tensor([4])).split == "train"
    with pytest.raises(FrozenInstanceError):
        part.split = "other"  # type: ignore[misc]


def test_a_picture_without_an_id_is_named_by_split_and_row() -> None:
    assert made(ids=()).picture_id(3) == "train/3"
    part = made(ids=()).subset(torch.tensor([5, 0]), split="test")
    assert part.picture_id(1) == "test/1" and part.ids == ()


def test_an_empty_set_is_a_set() -> None:
    imageset = made(0)
    assert (len(imageset), imageset.n_bytes, imageset.class_counts()) == (0, 0, [0, 0])
    assert imageset.fingerprint() == made(0).fingerprint()
    none = made().subset(torch.tensor([], dtype=torch.long))
    assert len(none) == 0 and none.pixels.shape == (0, 3, 2, 5)


REFUSED = {
    "floats": ({"store": torch.zeros(6, 3, 2, 5)}, r"'made' are torch.float32 .*must be uint8"),
    "three dimensions": (
        {"store": torch.zeros(6, 2, 5, dtype=torch.uint8)}, r"\(6, 2, 5\); they must be uint8",
    ),
    "two channels": (
        {"store": torch.zeros(6, 2, 2, 5, dtype=torch.uint8)}, r"2 channels; .* 1 .* or 3",
    ),
    "too few labels": ({"labels": torch.zeros(5, dtype=torch.long)}, "6 pictures but 5 labels"),
    "rows and labels": ({"rows": torch.tensor([0, 1])}, "2 pictures but 6 labels; give one each"),
    "a label too high": ({"labels": torch.tensor([0, 1, 2, 0, 1, 0])}, "0 to 2; .*lie in 0 to 1"),
    "a label too low": ({"labels": torch.tensor([0, 1, -1, 0, 1, 0])}, "-1 to 1; .*lie in 0 to 1"),
    "too few ids": ({"ids": ("0.png",)}, "6 labels but 1 ids; give one each"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_together_is_refused(case: str) -> None:
    changes, message = REFUSED[case]
    with pytest.raises(DataError, match=message):
        made(**changes)


def test_masks_are_refused_where_there_are_none() -> None:
    index = torch.tensor([0])
    assert made().masks(index).shape == (1, 2, 2, 5)
    with pytest.raises(DataError, match=r"'made' has no part masks; `creatures` has"):
        made(mask_store=None, part_names=()).masks(index)


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


def test_a_summary_is_plain_values() -> None:
    splits = Splits(made(), made(4, split="test"), (Skipped("a.png", "it is broken"),))
    assert splits.summary == {
        "name": "made",
        "train": 6,
        "test": 4,
        "channels": 3,
        "height": 2,
        "width": 5,
        "class_names": ["even", "odd"],
        "fingerprint": {
            "train": made().fingerprint(),
            "test": made(4, split="test").fingerprint(),
        },
        "skipped": 1,
    }
