"""A set is parted so that every class is in both parts, by chance and reproducibly."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from layerscope.data import stratified
from layerscope.data.imageset import ImageSet


def numbered(labels: list[int], *, n_classes: int = 4) -> ImageSet:
    """A set whose i-th picture is named i, and shows it in two bytes."""
    n = len(labels)
    pixels = torch.stack([torch.arange(n) // 256, torch.arange(n) % 256], 1).to(torch.uint8)
    return ImageSet(
        "numbered", "train", pixels.view(n, 1, 1, 2), torch.tensor(labels, dtype=torch.long),
        tuple("abcd"[:n_classes]), ids=tuple(map(str, range(n))),
    )  # fmt: skip


def numbers(imageset: ImageSet) -> list[int]:
    """Which pictures a part has, read from its pixels."""
    pixels = imageset.pixels.flatten(1).long()
    return (pixels[:, 0] * 256 + pixels[:, 1]).tolist()


def part(labels: list[int], frac: float, seed: int = 0) -> tuple[ImageSet, ImageSet]:
    return stratified(numbered(labels), frac, torch.Generator().manual_seed(seed))


labellings = st.lists(st.integers(0, 3), min_size=1, max_size=80)
shares = st.floats(0.01, 0.99)


@settings(deadline=None)  # a busy machine may pause
@given(labellings, shares, st.integers(0, 9))
def test_every_picture_is_in_one_part_with_its_own_label_and_id(labels, frac, seed) -> None:
    rest, taken = part(labels, frac, seed)
    assert sorted(numbers(rest) + numbers(taken)) == list(range(len(labels)))
    for half in (rest, taken):
        assert half.ids == tuple(map(str, numbers(half)))
        assert half.labels.tolist() == [labels[i] for i in numbers(half)]
        assert numbers(half) == sorted(numbers(half))  # in the set's order


@settings(deadline=None)  # a busy machine may pause
@given(labellings, shares)
def test_each_class_gives_its_share_to_the_nearest_picture(labels, frac) -> None:
    rest, taken = part(labels, frac)
    for k in range(4):
        n, count = labels.count(k), taken.class_counts()[k]
        assert rest.class_counts()[k] == n - count
        if n < 2:
            assert count == 0
        elif 1 <= Fraction(frac) * n <= n - 1:
            assert abs(count - Fraction(frac) * n) <= Fraction(1, 2)
        else:  # one is the fewest that either part can have
            assert count == (1 if Fraction(frac) * n < 1 else n - 1)


@settings(deadline=None)  # a busy machine may pause
@given(labellings, shares, st.integers(0, 9))
def test_the_same_generator_parts_alike(labels, frac, seed) -> None:
    assert numbers(part(labels, frac, seed)[1]) == numbers(part(labels, frac, seed)[1])


@settings(deadline=None)  # a busy machine may pause
@given(st.integers(2, 40), st.integers(0, 40), st.integers(0, 9))
def test_more_of_a_later_class_moves_nothing_of_an_earlier_one(n, more, seed) -> None:
    before = part([0] * n, 0.3, seed)[1]
    after = part([0] * n + [1] * more, 0.3, seed)[1]
    assert [i for i in numbers(after) if i < n] == numbers(before)


def test_every_picture_is_taken_as_often_as_any_other() -> None:
    times = torch.zeros(20)
    for seed in range(2000):
        times[numbers(part([0] * 12 + [1] * 8, 0.25, seed)[1])] += 1
    # 3 of 12 and 2 of 8: a quarter of 2,000 each, give or take five standard deviations.
    assert (times - 500).abs().max() < 5 * (2000 * 0.25 * 0.75) ** 0.5


def test_the_parts_are_named_and_share_the_pictures_of_the_set() -> None:
    whole = numbered([0, 0, 1, 1])
    rest, taken = stratified(whole, 0.5, torch.Generator().manual_seed(0))
    assert (rest.split, taken.split) == ("train", "validation")
    assert rest.store.data_ptr() == taken.store.data_ptr() == whole.store.data_ptr()
    _, test = stratified(whole, 0.5, torch.Generator().manual_seed(0), part="test")
    assert test.split == "test"
    assert len(whole) == 4 and whole.split == "train"


def test_a_part_can_be_parted_again() -> None:
    rest, _ = part([0, 1] * 50, 0.2)
    again, taken = stratified(rest, 0.25, torch.Generator().manual_seed(1))
    assert (again.class_counts(), taken.class_counts()) == ([30, 30, 0, 0], [10, 10, 0, 0])
    assert sorted(numbers(again) + numbers(taken)) == numbers(rest)


@pytest.mark.parametrize("labels", [[], [2], [0, 1, 2, 3]])
def test_where_no_class_has_two_nothing_is_taken(labels: list[int]) -> None:
    rest, taken = part(labels, 0.5)
    assert (len(rest), len(taken)) == (len(labels), 0)
    assert taken.labels.dtype == torch.long
    assert [len(half) for half in part([1, 1], 0.5)] == [1, 1]
