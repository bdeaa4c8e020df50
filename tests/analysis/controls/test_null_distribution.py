"""P-values by counting, discoveries against scipy, names on measures with known answers."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import false_discovery_control, t, ttest_1samp

from layerscope.analysis.concepts.layer_ladder import ladder, untrained_names
from layerscope.analysis.concepts.unit_names import Measured, name_units
from layerscope.analysis.controls.null_distribution import p_values


def test_p_values_count_the_null_that_does_as_well() -> None:
    null = torch.tensor([0.1, 0.2, 0.2, 0.3])
    p = p_values(torch.tensor([0.0, 0.2, 0.25, 0.9]), null)
    assert p[:3].tolist() == [1.0, 4 / 5, 2 / 5]
    assert 0 < float(p[3]) < 1 / 5  # beyond all of them


def test_beyond_the_null_its_tail_goes_on_and_is_never_too_short() -> None:
    generator = torch.Generator().manual_seed(1)
    points = torch.linspace(2.5, 6, 15, dtype=torch.float64)
    for draw in (
        lambda n: torch.randn(n, generator=generator).double(),
        lambda n: torch.rand(n, generator=generator).double() * 3,
        lambda n: -torch.rand(n, generator=generator).double().log() / 2,
    ):
        null = draw(200)
        truth = draw(400_000)
        for value, p in zip(points.tolist(), p_values(points, null).tolist(), strict=True):
            assert p > 0
            assert p >= 0.5 * float((truth >= value).double().mean())
    assert float(p_values(torch.tensor([9.0]), torch.randn(200, generator=generator))) < 1e-3


def test_a_null_of_a_few_values_is_taken_for_normal() -> None:
    null = torch.tensor([0.1, 0.3, 0.2, 0.25, 0.15, 0.2])
    p = p_values(torch.tensor([0.2, 3.0]), null)
    assert float(p[0]) == 5 / 7  # counted: four of six, and one
    apart = ttest_1samp(null.numpy(), 0.2)
    assert apart.pvalue == pytest.approx(1)  # its mean is 0.2
    spread = float(null.std()) * (7 / 6) ** 0.5
    assert float(p[1]) == pytest.approx(t.sf(2.8 / spread, 5))
    assert p_values(torch.tensor([9.0]), torch.tensor([0.1, 0.2])).tolist() == [1 / 3]


def test_what_is_no_different_is_hardly_ever_significant() -> None:
    """New draws of the same distribution: a family in a hundred may be wrong, not every one."""
    generator = torch.Generator().manual_seed(2)
    wrong = 0
    for _ in range(200):
        null, values = (torch.randn(n, generator=generator) for n in (160, 64))
        wrong += bool((false_discovery_control(p_values(values, null).numpy()) <= 0.05).any())
    assert wrong / 200 <= 0.08


def measured(edge: torch.Tensor, part: torch.Tensor) -> dict[str, Measured]:
    words = {
        "edge": [f"edge {u}" for u in range(len(edge))],
        "part": [f"part {u}" for u in range(len(part))],
    }
    return {"conv": Measured({"edge": edge, "part": part}, words)}


def noise(seed: int, U: int = 64) -> dict[str, Measured]:
    generator = torch.Generator().manual_seed(seed)
    return measured(
        0.3 + 0.1 * torch.rand(U, generator=generator),
        0.01 + 0.02 * torch.rand(U, generator=generator),
    )


def test_only_what_beats_the_untrained_units_is_named_and_by_its_strongest_kind() -> None:
    found = noise(0)["conv"].values
    # Below the largest untrained ones: chance alone may name one unit in twenty.
    edge, part = found["edge"].clamp(max=0.38), found["part"].clamp(max=0.028)
    edge[:20] = 0.8  # far above all untrained units
    part[10:30] = 0.3  # further yet, in steps of the control's own spread
    naming = name_units(measured(edge, part), [noise(seed) for seed in range(1, 6)])["conv"]
    kinds = [unit.kind for unit in naming.units]
    assert kinds == ["edge"] * 10 + ["part"] * 20 + [None] * 34
    assert naming.units[3].name == "edge 3"
    assert naming.units[25].value == pytest.approx(0.3)
    assert float(naming.p["edge"][0]) < 1e-6
    assert 0.38 < naming.null_95["edge"] < 0.4


def test_a_certain_but_slight_preference_is_no_name() -> None:
    edge = torch.full((64,), 0.32)  # above every untrained unit, below the floor
    null = [measured(torch.full((64,), 0.1), torch.zeros(64)) for _ in range(5)]
    naming = name_units(measured(edge, torch.zeros(64)), null)["conv"]
    assert float(naming.p["edge"].max()) <= 1 / 321
    assert naming.count(None) == 64


def test_untrained_networks_keep_to_the_false_discovery_rate() -> None:
    copies = [noise(seed) for seed in range(8)]
    named = [naming["conv"] for naming in untrained_names(copies)]
    assert sum(64 - naming.count(None) for naming in named) / (8 * 64) <= 0.05


def test_the_ladder_adds_up_and_shows_its_control() -> None:
    copies = [noise(seed) for seed in range(1, 6)]
    found = noise(0)["conv"].values
    edge, part = found["edge"].clamp(max=0.38), found["part"].clamp(max=0.028)
    edge[:32] = 0.9
    names = name_units(measured(edge, part), copies)
    (rung,) = ladder(names, untrained_names(copies), measured(edge, part), copies)
    assert list(rung.shares) == ["edge", "part", "unnamed"]
    assert sum(share.share for share in rung.shares.values()) == pytest.approx(1)
    assert rung.shares["edge"].count == 32
    low, high = rung.shares["edge"].interval
    assert low < 0.5 < high
    assert rung.shares["edge"].untrained <= 0.05
    # Half the units reach the floor of edges by construction; of the copies', as many as do.
    assert rung.selective["edge"].share == 0.5 + float((edge[32:] >= 0.33).sum()) / 64
    reached = [float((copy["conv"].values["edge"] >= 0.33).float().mean()) for copy in copies]
    assert rung.selective["edge"].untrained == pytest.approx(reached)
