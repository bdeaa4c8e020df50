"""Removing marked words together, on networks whose answer is known."""

from __future__ import annotations

import pytest
import torch

from helpers.planted_sentences import Bag, negation_counter, seeded, sentences
from layerscope.analysis.attribution.removal_check import removal_check
from layerscope.analysis.attribution.word_attribution import occlusion


def gen() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_the_fall_is_the_sum_of_the_removed_weights() -> None:
    net, (ids, lengths, _) = seeded(Bag), sentences(30)
    with torch.no_grad():
        net.weight.weight[0] = 0.0
    within = torch.arange(12)[None, :] < lengths[:, None]
    weights = net.weight.weight.detach()[ids, 0].double()
    named = torch.ones(30, dtype=torch.int64)
    found = removal_check(net, ids, lengths, named, weights, gen(), unknown=0)
    tops = [
        weights[n][within[n]].sort(descending=True).values[: -(-int(lengths[n]) // 5)].sum()
        for n in range(30)
    ]
    assert found.fall == pytest.approx(float(torch.stack(tops).mean()), abs=1e-5)
    share = (0.2 * lengths.double()).ceil() / lengths
    expected = ((weights * within).sum(1) * share).mean()
    assert found.random_fall == pytest.approx(float(expected), abs=0.25)
    assert found.holds and found.untrained is None and found.n == 30


def test_marks_that_know_nothing_do_not_hold_and_those_that_do_hold() -> None:
    net, (ids, lengths, _) = negation_counter(), sentences(60)
    with torch.no_grad():
        named = net(ids, lengths).argmax(1)

    negations = ((ids == 1) | (ids == 2)).double() * torch.where(named == 1, 1.0, -1.0)[:, None]
    assert removal_check(net, ids, lengths, named, negations, gen(), unknown=0).holds
    blind = torch.rand(ids.shape, generator=gen())
    assert not removal_check(net, ids, lengths, named, blind, gen(), unknown=0).holds
    # The words that matter least are worse than chance.
    least = removal_check(net, ids, lengths, named, -negations, gen(), unknown=0)
    assert least.interval is not None and least.interval[1] < 0
    one = named == 1
    marks = occlusion(net, ids[one], lengths[one], lambda o: o[:, 1], unknown=0)
    alike = removal_check(
        net, ids[one], lengths[one], named[one], marks, gen(), unknown=0, untrained=marks
    )
    assert alike.untrained == pytest.approx(1.0)
    few = removal_check(net, ids[:3], lengths[:3], named[:3], negations[:3], gen(), unknown=0)
    assert few.interval is None and not few.holds
