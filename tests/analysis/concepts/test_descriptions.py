"""Descriptions and the ladder, from measures that are made up so that every figure is known."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import t as student_t

from layerscope.analysis.concepts.descriptions import FLOORS, KindMeasures, describe_units
from layerscope.analysis.concepts.headline import headline
from layerscope.analysis.concepts.layer_ladder import ladder
from layerscope.analysis.pictures.picture_check import PictureCheck

U = 40


def measures(
    edges: list[float], auroc: float = 0.9, classes: list[float] | None = None
) -> KindMeasures:
    """A layer whose units have such edge (and class) strengths, padded with units of none."""
    values = {"edge": padded(edges), "class": padded(classes or [])}
    clear = {kind: torch.where(value > 0, auroc, 0.5).double() for kind, value in values.items()}
    return KindMeasures(
        values=values,
        words={"edge": ["edge at 45°"] * U, "class": ["cat"] * U},
        holds={kind: figure >= 0.7 for kind, figure in clear.items()},
        auroc=clear,
        intervals={"edge": (values["edge"] - 0.1, values["edge"] + 0.1)},
        checks={
            kind: PictureCheck(figure, {"contrast": figure - 0.2}) for kind, figure in clear.items()
        },
    )


def padded(values: list[float]) -> torch.Tensor:
    return torch.tensor(values + [0.0] * (U - len(values)))


def test_a_unit_lists_every_kind_that_it_reaches() -> None:
    found = describe_units(measures([0.6, 0.9, 0.1], classes=[0.9]), [])
    assert [[one.kind for one in unit] for unit in found[:4]] == [
        ["class", "edge"],  # each by its share of the way from its floor to 1
        ["edge"],
        [],  # under the floor
        [],
    ]
    first = found[1][0]
    assert (first.words, first.strength) == ("edge at 45°", pytest.approx(0.9))
    assert first.interval == pytest.approx((0.8, 1.0))
    assert (first.rival, first.rival_auroc) == ("contrast", pytest.approx(0.7))
    assert (first.base_rate, first.q, first.training) == (None, None, None)


def test_a_part_comes_before_the_class_that_it_tells_where_both_are_supported_alike() -> None:
    both = measures([0.3], classes=[0.9])
    names = {"edge": "part", "class": "class"}  # the same figures, the first kind's as a part's

    def renamed(values):
        return {names[kind]: value for kind, value in values.items()}

    def described(holds):
        found = KindMeasures(
            renamed(both.values), renamed(both.words), renamed(holds), renamed(both.auroc)
        )
        return [one.kind for one in describe_units(found, [])[0]]

    assert described(both.holds) == ["part", "class"]
    nowhere = {**both.holds, "edge": torch.zeros(U, dtype=torch.bool)}
    assert described(nowhere) == ["class", "part"]


def test_what_does_not_hold_in_pictures_comes_last_and_is_not_called_trained() -> None:
    mixed = measures([0.9], classes=[0.6])
    holds = {"edge": torch.zeros(U, dtype=torch.bool), "class": mixed.holds["class"]}
    found = describe_units(
        KindMeasures(mixed.values, mixed.words, holds, mixed.auroc), [measures([])] * 3
    )
    assert [(one.kind, one.holds) for one in found[0]] == [("class", True), ("edge", False)]
    assert found[0][1].training is None
    assert found[0][1].auroc is None  # no figures were kept


def test_training_is_a_number_beside_the_description_not_a_gate() -> None:
    trained = measures([0.8] * 20)
    alike = describe_units(trained, [measures([0.8] * 20)] * 5)
    assert alike[0][0].training == "untrained alike"
    assert alike[0][0].kind == "edge"  # it does respond to edges, and is described so
    by_training = describe_units(trained, [measures([0.3])] * 5)
    assert by_training[0][0].training == "training"
    # The base rate of a count of one, and its standard error: as much again.
    assert by_training[0][0].base_rate == pytest.approx(1 / (1 + 5 * U))
    assert by_training[0][0].q == pytest.approx(2 * by_training[0][0].base_rate / 0.5, rel=0.1)


def test_the_ladder_by_hand() -> None:
    copies = [{"relu": measures([0.5] * n)} for n in (2, 4, 6)]
    (rung,) = ladder({"relu": measures([0.5] * 20 + [0.1])}, copies)
    edge = rung.shares["edge"]
    assert (edge.count, edge.share) == (20, 0.5)
    assert edge.untrained == (0.05, 0.1, 0.15)
    assert edge.untrained_mean == pytest.approx(0.1)
    assert edge.untrained_sd == pytest.approx(0.05)
    assert edge.excess == pytest.approx(0.4)
    reach = student_t.ppf(0.975, 2) * 0.05 * math.sqrt(4 / 3)
    assert edge.excess_interval == pytest.approx((0.4 - reach, 0.4 + reach))
    assert edge.p == pytest.approx(student_t.sf(0.4 / (0.05 * math.sqrt(4 / 3)), 2))
    assert rung.shares["undescribed"].count == 20
    assert rung.synthetic["edge"].count == 20
    assert rung.shares["class"].count == 0


def test_what_is_seen_in_synthetic_stimuli_only_is_counted_apart() -> None:
    hidden = measures([0.5] * 20, auroc=0.6)
    (rung,) = ladder({"relu": hidden}, [])
    assert (rung.shares["edge"].count, rung.synthetic["edge"].count) == (0, 20)
    assert rung.shares["edge"].untrained_mean is None
    assert rung.shares["edge"].q is None


def test_copies_that_agree_do_not_make_chance_certain() -> None:
    copies = [{"relu": measures([])} for _ in range(20)]
    (rung,) = ladder({"relu": measures([0.5])}, copies)
    edge = rung.shares["edge"]  # one unit of forty, after none of eight hundred
    assert edge.p is not None
    assert edge.p > 0.02
    assert edge.excess_interval is not None
    assert edge.excess_interval[0] <= 0


def test_the_headline_says_what_exceeds_the_control() -> None:
    copies = [{"relu": measures([0.5] * n)} for n in (2, 4, 6) * 4]
    rungs = ladder({"relu": measures([0.5] * 24, classes=[0.9] * 10)}, copies)
    said = headline(rungs, {"relu": "ReLU 1"}, ["cat", "dog"])
    assert said == (
        "ReLU 1 responds to edges and lines (60% of units; 10 ± 4% untrained); "
        "ReLU 1 separates cat from dog (25%; 0 ± 0%)."
    )
    nothing = ladder({"relu": measures([0.5] * 4)}, copies)
    assert "no" in headline(nothing, {"relu": "ReLU 1"}, ["cat", "dog"]).lower()


def test_floors_are_those_of_every_kind() -> None:
    assert all(0 < floor < 1 for floor in FLOORS.values())
