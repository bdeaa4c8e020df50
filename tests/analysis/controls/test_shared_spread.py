"""Few copies: variances that are shared, held against draws whose scatter is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import polygamma

from layerscope.analysis.concepts.descriptions import KindMeasures
from layerscope.analysis.concepts.headline import found_in, headline
from layerscope.analysis.concepts.layer_ladder import ladder
from layerscope.analysis.controls.shared_spread import ALONE, inverse_trigamma, shared_spread

KINDS = ("edge", "corner", "spot", "texture")


@pytest.mark.parametrize("value", [1e-3, 0.1, 1.0, 30.0])
def test_the_inverse_of_trigamma(value: float) -> None:
    assert float(polygamma(1, inverse_trigamma(value))) == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize(("ratio", "prior"), [(1.0, 8.0), (2.5, 20.0)])
def test_the_prior_that_variances_were_drawn_from_is_found_again(
    ratio: float, prior: float
) -> None:
    random, freedom = np.random.default_rng(0), 6
    true = ratio * prior / random.chisquare(prior, 4000)
    found = shared_spread((true * random.chisquare(freedom, 4000) / freedom).tolist(), freedom)
    assert found.ratio == pytest.approx(ratio, rel=0.1)
    assert found.freedom == pytest.approx(prior, rel=0.3)
    own, total = found.moderated(9.0, freedom)
    assert ratio < own < 9.0
    assert total == pytest.approx(found.freedom + freedom)


def test_variances_that_are_alike_are_one_and_few_stand_for_themselves() -> None:
    random = np.random.default_rng(0)
    alike = shared_spread((random.chisquare(9, 300) / 9).tolist(), 9)
    assert alike.ratio == pytest.approx(1.0, rel=0.1)
    assert alike.freedom > 50
    assert shared_spread([1.0, 4.0], 2) == ALONE
    assert ALONE.moderated(4.0, 2) == (4.0, 2)


def network(generator: torch.Generator, share: float = 0.1, edges: float | None = None):
    """Five layers of 40 units, of which some respond to each kind by chance."""
    layers = {}
    for i in range(5):
        on = {kind: torch.rand(40, generator=generator) < share for kind in KINDS}
        if i == 0 and edges is not None:
            on["edge"] = torch.arange(40) < 40 * edges
        layers[f"relu {i}"] = KindMeasures(
            {kind: found.float() for kind, found in on.items()},
            {}, dict.fromkeys(KINDS, torch.ones(40, dtype=torch.bool)), {},
        )  # fmt: skip
    return layers


def test_three_copies_are_enough_for_what_is_plain_and_for_nothing_else() -> None:
    generator = torch.Generator().manual_seed(0)
    copies = [network(generator) for _ in range(3)]
    rungs = ladder(network(generator, edges=0.5), copies)
    titles = {rung.layer: rung.layer for rung in rungs}
    said = headline(rungs, titles, ["cat", "dog"])
    assert said.startswith("relu 0 responds to edges and lines (50% of units;")
    false = sum(
        bool(found_in(ladder(network(generator), [network(generator) for _ in range(3)])))
        for _ in range(60)
    )
    assert false <= 3  # of 60: 5%


def test_copies_that_scatter_far_still_rule_a_headline_out() -> None:
    generator = torch.Generator().manual_seed(1)
    copies = [network(generator, share) for share in (0.02, 0.3, 0.6)]
    rungs = ladder(network(generator, 0.1, edges=0.7), copies)
    assert not found_in(rungs)
    assert all(math.isfinite(share.p or 0) for rung in rungs for share in rung.shares.values())
