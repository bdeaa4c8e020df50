"""Units are named after parts and objects because the network learned them, not by our measure.

Bau et al., "Network Dissection", 2017, section 3.2 (concepts vanish with what was learned); Adebayo
et al., "Sanity Checks for Saliency Maps", 2018, section 3 (weights, then labels made random).

Seen, units with a part's or an object's name, by the atlas's own path:

    creatures-compact  546 of 738 (400 pictures); fresh networks of its shape 0 of 1,476
    fashion-cnn        8 of 170 (400 pictures), seven of them outputs; fresh networks 0 of 340
    small compact, 1,000 creatures, 5 epochs   126 and 110 of 242; labels shuffled 0; fresh 0
    digit-cnn, `digits`, 5 epochs              10 and 4 of 234; labels shuffled 0; fresh 0

fashion-cnn has hardly any such unit before its output: on these pictures an untrained unit tells
some class from the rest nearly as well (trousers have few bright pixels, bags have many).
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import pytest
import torch

from claims.concepts import Concepts, concepts, first, shuffled, small_run
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
        labelled = shuffled(splits, 0) if shuffle else splits
        run = small_run(labelled, model, Path(folder), seed=0)
    found = concepts(run.model, run.spec, splits.test, pictures=200, untrained=3)
    return found, run.spec


SMALL = pytest.mark.parametrize(
    ("name", "model"), [("creatures", "compact"), ("digits", "digit-cnn")]
)


def test_concepts_are_found_where_they_were_learned() -> None:
    found, _ = trained_on("creatures", "compact", shuffle=False)
    assert found.share >= 0.25
    assert found.untrained_share <= found.share / 10


@SMALL
def test_shuffled_labels_leave_no_concepts(name: str, model: str) -> None:
    found, _ = trained_on(name, model, shuffle=True)
    assert found.share <= MOST_BY_CHANCE


@SMALL
def test_a_fresh_network_has_none_beside_others(name: str, model: str) -> None:
    _, spec = trained_on(name, model, shuffle=False)
    test = sets(name).test
    found = concepts(fresh_network(spec, test, 0), spec, test, pictures=200, untrained=3)
    assert found.share <= MOST_BY_CHANCE


def test_untrained_creatures_networks_have_a_tenth_of_the_concepts_at_most() -> None:
    run = packaged("creatures-compact")
    assert run.data
    # Half of the layers: all of them take a minute.
    only = ["stages.0.3.act2", "stages.1.2", "stages.2.3.act2"]
    found = concepts(run.model, run.spec, run.data.test, pictures=200, untrained=3, only=only)
    assert found.share > 0.3
    assert found.untrained_share <= found.share / 10


@pytest.mark.realdata
def test_untrained_fashion_networks_have_a_tenth_of_the_concepts_at_most(real_data: Path) -> None:
    run = packaged("fashion-cnn")
    assert run.data
    found = concepts(run.model, run.spec, run.data.test, pictures=400, untrained=5)
    assert found.named >= 3
    assert found.untrained_share <= found.share / 10
    hidden = [count for layer, (count, _) in found.layers.items() if layer != "classifier.3"]
    assert sum(hidden) <= 4  # see above


def test_shuffling_keeps_the_pictures_and_how_often_each_label_occurs() -> None:
    splits = sets("digits")
    mixed = shuffled(splits, 0)
    assert mixed.train.class_counts() == splits.train.class_counts()
    rows = torch.arange(20)
    assert torch.equal(mixed.train.take(rows), splits.train.take(rows))
    kept = (mixed.train.labels == splits.train.labels).double().mean()
    assert 0.03 < kept < 0.2  # a tenth by chance
    assert torch.equal(mixed.test.labels, splits.test.labels)
