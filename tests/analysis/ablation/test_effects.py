"""Paired changes against scipy, groups against planted redundancy, controls against runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from layerscope.analysis.ablation.effects import Effects, between_levels
from layerscope.analysis.ablation.paired_change import mean_change, share_interval
from layerscope.analysis.ablation.unit_ablation import ablate
from layerscope.analysis.directions.layer_directions import LayerDirections
from layerscope.data.imageset import ImageSet
from layerscope.graph.program import Program
from layerscope.graph.read import read_program
from layerscope.models.probabilities import losses_of


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float() / 255


def program_of(model: nn.Module, imageset: ImageSet) -> Program:
    return read_program(model, normalise(imageset.pixels[:1]))


def test_a_mean_change_is_students_and_benjamini_hochbergs() -> None:
    values = torch.randn(6, 40, generator=torch.Generator().manual_seed(0)).double()
    values[:2] += 1
    found = mean_change(values)
    for s in range(6):
        expected: Any = stats.ttest_1samp(values[s].numpy(), 0.0)
        assert float(found.p[s]) == pytest.approx(expected.pvalue)
        low, high = expected.confidence_interval(0.95)
        assert found.interval[s].tolist() == pytest.approx([low, high])
    assert found.q.tolist() == pytest.approx(stats.false_discovery_control(found.p).tolist())
    same = mean_change(torch.tensor([[0.0] * 5, [0.5] * 5]))
    assert same.p.tolist() == [1, 0]
    assert same.interval.tolist() == [[0, 0], [0.5, 0.5]]


def test_the_interval_of_a_change_of_accuracy_covers_it() -> None:
    rng = np.random.default_rng(0)
    for gain, loss, n in ((0.02, 0.06, 60), (0.0, 0.02, 100), (0.1, 0.1, 40)):
        drawn = torch.from_numpy(rng.multinomial(n, [gain, loss, 1 - gain - loss], size=3000))
        found = share_interval(drawn[:, 0], drawn[:, 1], torch.full((3000,), n))
        truth = gain - loss
        inside = ((found[:, 0] <= truth) & (truth <= found[:, 1])).double().mean()
        assert 0.93 <= float(inside) <= 1.0
    one = torch.tensor([1])
    wide, narrow = share_interval(one, one, 20 * one, tests=10), share_interval(one, one, 20 * one)
    assert wide[0, 0] < narrow[0, 0] and narrow[0, 1] < wide[0, 1]
    assert share_interval(one * 0, one * 0, one * 0).isnan().all()


def redundant() -> tuple[nn.Module, ImageSet]:
    """Units 0 and 1 say the same, and either is enough; unit 2 decides nothing."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (300, 1, 1, 3), generator=generator).to(torch.uint8)
    labels = (pixels[:, 0, 0, 0] > 127).long()
    head = nn.Linear(3, 2)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 3), nn.ReLU(), head)
    model[1].weight.data = torch.tensor([[40.0, 0, 0], [40.0, 0, 0], [0, 0, 40.0]])
    model[1].bias.data = torch.tensor([-20.0, -20, 0])
    # Saturated in both: the second adds next to nothing while the first is there.
    head.weight.data = torch.tensor([[-1.0, -1, 0], [1.0, 1, 0]])
    head.bias.data = torch.tensor([0.6, -0.6])
    return model, ImageSet("pixels", "test", pixels, labels, ("dark", "light"))


def test_units_that_stand_in_for_each_other_show_together() -> None:
    model, imageset = redundant()
    found = ablate(
        program_of(model, imageset), "2", imageset, normalise=normalise, baseline="zero",
        groups=[(0, 1), (2,)], controls=20,
    )  # fmt: skip
    single, together = found.single, found.together
    assert single.accuracy[:2].abs().max() < 0.05
    assert together.accuracy[0] < -0.4
    assert together.loss.mean[0] > 5 * single.loss.mean[:2].sum()
    assert together.loss.q[0] < 0.001
    assert float(together.energy[0]) == pytest.approx(float(single.energy[:2].sum()))
    # A group of one is the unit alone.
    assert float(together.loss.mean[1]) == pytest.approx(float(single.loss.mean[2]), abs=1e-9)
    assert together.loss.mean[1] == 0 and together.loss.p[1] == 1
    low, high = together.class_interval[0, 1].tolist()
    assert low <= float(together.class_accuracy[0, 1]) <= high < -0.5


def test_losses_are_those_of_the_network_run_from_the_pixels() -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(5)
    pixels = torch.randint(0, 256, (70, 1, 6, 6), generator=generator).to(torch.uint8)
    imageset = ImageSet("noise", "test", pixels, torch.arange(70) % 3, ("a", "b", "c"))
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    write = nn.functional.normalize(torch.randn(2, 4), dim=1)
    directions = LayerDirections("pca", write.T.contiguous(), torch.zeros(2), write, False)
    found = ablate(
        program_of(model, imageset), "1", imageset, normalise=normalise,
        groups=[(0, 3)], directions=directions, controls=0, batch_size=32,
    )  # fmt: skip
    maps = model[1](model[0](normalise(pixels))).detach()
    before = losses_of(model[2:](maps), imageset.labels).detach()
    assert found.loss == pytest.approx(float(before.mean()), rel=1e-5)
    mean = maps.mean(0, keepdim=True).expand_as(maps)
    both = maps.clone()
    both[:, [0, 3]] = mean[:, [0, 3]]
    change = losses_of(model[2:](both), imageset.labels).detach() - before
    assert float(found.together.loss.mean[0]) == pytest.approx(float(change.mean()), abs=1e-6)
    for k in range(2):
        along = torch.einsum("bchw,c->bhw", mean - maps, write[k])
        changed = maps + along[:, None] * write[k].view(1, 4, 1, 1)
        change = losses_of(model[2:](changed), imageset.labels).detach() - before
        assert float(found.along.loss.mean[k]) == pytest.approx(float(change.mean()), abs=1e-6)
        energy = float(along.double().square().sum()) / 70
        assert float(found.along.energy[k]) == pytest.approx(energy, rel=1e-4)
    assert found.single.control is None


def test_a_control_between_its_levels_is_what_a_run_there_gives() -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(5)
    pixels = torch.randint(0, 256, (120, 1, 6, 6), generator=generator).to(torch.uint8)
    imageset = ImageSet("noise", "test", pixels, torch.arange(120) % 3, ("a", "b", "c"))
    model = nn.Sequential(nn.Conv2d(1, 12, 3), nn.Tanh(), nn.Flatten(), nn.Linear(192, 3))
    weights = model.state_dict()
    weights["0.weight"] *= torch.linspace(0.1, 2, 12).view(12, 1, 1, 1)
    weights["3.weight"] *= 10
    program = program_of(model, imageset)

    def control(units: list[int]) -> Effects:
        return ablate(
            program, "1", imageset, normalise=normalise, units=units, controls=30, controlled=120
        ).single

    every = control(list(range(12)))
    order = every.energy.argsort().tolist()
    small, largest = order[3], order[-1]
    two = control([small, largest])  # two units: each is run at its own energy
    assert every.control and two.control
    read_off, run = every.control.loss, two.control.loss
    spread = float(run[:, 0].std())
    # The same directions in both, since they are drawn for the same largest energy.
    assert torch.allclose(read_off[:, largest], run[:, 1])
    assert float((read_off[:, small] - run[:, 0]).abs().mean()) < 0.3 * spread
    assert 0.85 < float(read_off[:, small].std()) / spread < 1.15


def test_between_levels_follows_slope_and_curve() -> None:
    energy = torch.linspace(0, 4, 9, dtype=torch.float64)
    rising = torch.stack([levels.sqrt() * 2 for levels in (torch.tensor([1.0, 4.0]),)]).double()
    found = between_levels([1.0, 4.0], rising, energy)
    assert torch.allclose(found[0], 2 * energy.sqrt())
    assert float(found[0, 0]) == 0


def test_random_directions_lose_as_much_where_units_are_random() -> None:
    """Of units that are no more than random directions themselves, few are beyond the control."""
    torch.manual_seed(3)
    generator = torch.Generator().manual_seed(2)
    pixels = torch.randint(0, 256, (256, 1, 4, 4), generator=generator).to(torch.uint8)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 60), nn.Tanh(), nn.Linear(60, 3))
    model.state_dict()["3.weight"] *= 6
    labels = model(normalise(pixels)).argmax(1)
    imageset = ImageSet("noise", "test", pixels, labels, ("a", "b", "c"))
    found = ablate(program_of(model, imageset), "2", imageset, normalise=normalise)
    assert found.single.control is not None
    p = found.single.control.p
    assert p.min() >= 1 / 101
    assert float((p <= 0.05).double().mean()) <= 0.2


@pytest.mark.parametrize("seed", range(2))
def test_units_of_noise_are_found_to_matter_no_more_often_than_stated(seed: int) -> None:
    """A hundred units read noise that no label depends on: resampled, they change nothing on the
    average, though every picture's loss moves. One unit in fifty reads the class.
    """
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (400, 1, 1, 102), generator=generator).to(torch.uint8)
    labels = torch.arange(400) % 2
    pixels[:, 0, 0, 0] = labels.mul(200).to(torch.uint8)
    pixels[:, 0, 0, 1] = (1 - labels).mul(200).to(torch.uint8)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(102, 102, bias=False), nn.ReLU(), nn.Linear(102, 2)
    )
    model[1].weight.data = torch.eye(102)
    weight = torch.randn(2, 102, generator=generator) * 0.4
    weight[:, :2] = torch.tensor([[-3.0, 3.0], [3.0, -3.0]])
    model[3].weight.data = weight
    imageset = ImageSet("noise", "test", pixels, labels, ("a", "b"))
    found = ablate(
        program_of(model, imageset), "2", imageset, normalise=normalise, baseline="resample",
        controls=0, seed=seed,
    )  # fmt: skip
    loss = found.single.loss
    assert loss.q[:2].max() < 1e-6
    assert float((loss.p[2:] <= 0.05).double().mean()) <= 0.12
    assert int((loss.q[2:] <= 0.05).sum()) <= 2
