"""Units are named after parts and objects because the network learned them, not by our measure.

Bau et al., "Network Dissection", 2017, section 3.2 (concepts vanish with what was learned); Adebayo
et al., "Sanity Checks for Saliency Maps", 2018, section 3 (weights, then labels made random).

Named is a unit that responds to a part or a class, where it holds in pictures, and of whose like at
most 5% would be there untrained. Seen: of `fashion-cnn` 10 of 170 units, all in its dense layer.
There most units tell some class from the rest, and most untrained ones do too (a bag is wide).
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import pytest
import torch

from claims.concepts import Concepts, concepts, first, fits, shuffled, small_run
from claims.networks import fresh_network, packaged
from layerscope.data import load
from layerscope.data.imageset import Splits
from layerscope.models import ModelSpec

MOST_BY_CHANCE = 0.05

pytestmark = pytest.mark.slow


@cache
def sets(name: str) -> Splits:
    splits = load(name, size=32 if name == "creatures" else None)
    return Splits(first(splits.train, 1000), splits.test)


@cache
def trained_on(name: str, model: str, *, shuffle: bool) -> tuple[Concepts, ModelSpec]:
    splits = sets(name)
    with tempfile.TemporaryDirectory() as folder:
        if shuffle:
            mixed = shuffled(splits, 0)
            run = small_run(mixed, model, Path(folder), seed=0, epochs=40, augment="none")
            assert fits(run, mixed.train) > 0.85  # memorised
            assert fits(run, splits.test) < 0.65  # nothing that holds for others
        else:
            run = small_run(splits, model, Path(folder), seed=0)
    found = concepts(run.model, run.spec, splits.test, pictures=200, untrained=3)
    return found, run.spec


SMALL = pytest.mark.parametrize(
    ("name", "model"), [("creatures", "compact"), ("digits", "digit-cnn")]
)


def test_concepts_are_found_where_they_were_learned() -> None:
    found, _ = trained_on("creatures", "compact", shuffle=False)
    assert found.share >= 0.25
    assert found.untrained_share <= found.share / 5


@SMALL
def test_shuffled_labels_leave_no_concepts_even_memorised(name: str, model: str) -> None:
    found, _ = trained_on(name, model, shuffle=True)
    assert found.share <= MOST_BY_CHANCE


@SMALL
def test_a_fresh_network_has_none_beside_others(name: str, model: str) -> None:
    _, spec = trained_on(name, model, shuffle=False)
    test = sets(name).test
    found = concepts(fresh_network(spec, test, 0), spec, test, pictures=200, untrained=3)
    assert found.share <= MOST_BY_CHANCE


def test_a_fresh_creatures_network_has_a_tenth_of_the_concepts_at_most() -> None:
    run = packaged("creatures-compact")
    assert run.data
    # Half of the layers: all of them take a minute.
    only = ["stages.0.3.act2", "stages.1.2", "stages.2.3.act2"]
    found = concepts(run.model, run.spec, run.data.test, pictures=200, untrained=3, only=only)
    assert found.share > 0.3
    fresh = fresh_network(run.spec, run.data.test, 0)
    beside = concepts(fresh, run.spec, run.data.test, pictures=200, untrained=3, only=only)
    assert beside.share <= found.share / 10


@pytest.mark.realdata
def test_a_fresh_fashion_network_has_a_fifth_of_the_concepts_at_most(real_data: Path) -> None:
    run = packaged("fashion-cnn")
    assert run.data
    found = concepts(run.model, run.spec, run.data.test, pictures=400, untrained=5)
    assert found.named >= 3
    fresh = fresh_network(run.spec, run.data.test, 0)
    beside = concepts(fresh, run.spec, run.data.test, pictures=400, untrained=5)
    assert beside.share <= found.share / 5


def test_shuffling_keeps_the_pictures_and_how_often_each_label_occurs() -> None:
    splits = sets("digits")
    mixed = shuffled(splits, 0)
    assert mixed.train.class_counts() == splits.train.class_counts()
    rows = torch.arange(20)
    assert torch.equal(mixed.train.take(rows), splits.train.take(rows))
    kept = (mixed.train.labels == splits.train.labels).double().mean()
    assert 0.03 < kept < 0.2  # a tenth by chance
    assert torch.equal(mixed.test.labels, splits.test.labels)
