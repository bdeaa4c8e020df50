"""Ablations against networks whose answer is known, and against hooks from the pixels on."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from layerscope.analysis.ablation import replacement as replacing
from layerscope.analysis.ablation import stacked_variants as stacking
from layerscope.analysis.ablation.effects import levels_of
from layerscope.analysis.ablation.random_directions import random_directions
from layerscope.analysis.ablation.replacement import partners
from layerscope.analysis.ablation.unit_ablation import Ablations, ablate, drawn_evenly
from layerscope.data.imageset import ImageSet
from layerscope.errors import DataError, LayerNotFoundError, ModelError
from layerscope.graph.program import Program
from layerscope.graph.read import read_program
from layerscope.graph.state_guard import evaluating
from layerscope.pipeline.effects.ablation_evidence import ablation_record
from layerscope.seed import make_generator


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float() / 255


def noise_set(n: int, *, channels: int = 1, side: int = 6, K: int = 3) -> ImageSet:
    generator = torch.Generator().manual_seed(5)
    pixels = torch.randint(0, 256, (n, channels, side, side), generator=generator).to(torch.uint8)
    labels = torch.randint(0, K, (n,), generator=generator)
    return ImageSet("noise", "test", pixels, labels, tuple("abcdefgh"[:K]))


def program_of(model: nn.Module, imageset: ImageSet) -> Program:
    return read_program(model, normalise(imageset.pixels[:1]))


@pytest.fixture
def four_units() -> tuple[nn.Module, ImageSet]:
    """Three units each decide a class by one pixel; nothing reads the fourth."""
    pixels = torch.zeros(60, 1, 2, 2, dtype=torch.uint8)
    labels = torch.arange(60) % 3
    pixels.flatten(1)[torch.arange(60), labels] = 255
    pixels[:, 0, 1, 1] = torch.arange(60) * 4
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 4, bias=False), nn.ReLU(), nn.Linear(4, 3))
    model[1].weight.data = torch.eye(4)
    model[3].weight.data = torch.eye(3, 4)
    model[3].bias.data = torch.tensor([0.0, 0.35, 0.4])
    return model, ImageSet("pixels", "test", pixels, labels, ("a", "b", "c"))


def test_a_unit_that_alone_decides_a_class_costs_exactly_that_class(four_units) -> None:
    model, imageset = four_units
    found = ablate(program_of(model, imageset), "2", imageset, normalise=normalise, baseline="zero")
    assert (found.n, found.accuracy, found.class_accuracy.tolist()) == (60, 1.0, [1, 1, 1])
    assert found.class_counts.tolist() == [20, 20, 20]
    # Without its unit a picture of a or b goes to c, whose bias is largest; c stays with c.
    assert found.class_change.tolist() == [[-1, 0, 0], [0, -1, 0], [0, 0, 0], [0, 0, 0]]
    assert found.change.tolist() == pytest.approx([-1 / 3, -1 / 3, 0, 0])
    assert found.energy.tolist()[:3] == pytest.approx([1 / 3] * 3)


def test_the_control_takes_as_much_away_and_spares_what_nothing_reads(four_units) -> None:
    model, imageset = four_units
    model[1].weight.data[3, 3] = 3  # what nothing reads is the loudest
    program = program_of(model, imageset)
    found = ablate(program, "2", imageset, normalise=normalise, baseline="mean", controls=40)
    one = ablation_record(found, found.single, 0)
    assert one.baseline == "mean"
    assert one.accuracy_change == pytest.approx(-1 / 3)
    assert one.class_accuracy_change == (-1, 0, 0)
    assert one.control
    assert -1 / 3 < one.control.mean < 0
    assert one.control.low <= one.control.mean <= one.control.high
    unread = ablation_record(found, found.single, 3)
    assert unread.accuracy_change == 0
    assert unread.class_accuracy_change == (0, 0, 0)
    # Random directions of that energy touch the three units that are read.
    assert unread.control and unread.control.low < 0


def test_a_dead_unit_changes_nothing_and_neither_does_its_control(four_units) -> None:
    model, imageset = four_units
    model[1].weight.data[3] = 0
    for baseline in ("mean", "resample", "zero"):
        found = ablate(
            program_of(model, imageset), "2", imageset, normalise=normalise, baseline=baseline
        )
        assert found.energy[3] == 0
        assert found.change[3] == 0
        assert found.control[:, 3].tolist() == [0] * 100


class Skipping(nn.Module):
    """A skip connection around the layer, and work in place behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 5, 3, padding=1)
        self.conv = nn.Conv2d(5, 5, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(5 * 36, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = self.act(self.conv(x) + x)
        return self.head(x.view(x.size(0), -1))


def by_hooks(
    model: nn.Module, module: nn.Module, images: torch.Tensor, unit: int, stand_in: torch.Tensor
) -> torch.Tensor:
    """The oracle: run all of it, from the pixels, with a hook that overwrites the unit."""

    def hook(module: nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
        output = output.clone()
        output[:, unit] = stand_in[:, unit]
        return output

    handle = module.register_forward_hook(hook)
    with evaluating(model), torch.no_grad():
        logits = model(images)
    handle.remove()
    return logits


@pytest.mark.parametrize("baseline", ["mean", "resample", "zero"])
@pytest.mark.parametrize("layer", ["stem", "conv", "head"])
def test_three_baselines_agree_with_hooks_from_the_pixels_on(baseline, layer) -> None:
    torch.manual_seed(3)
    model, imageset = Skipping(), noise_set(50)
    images = normalise(imageset.pixels)
    seen = program_of(model, imageset).output_of(layer, images)
    own = seen.clone()
    order = torch.randperm(50, generator=make_generator(7, "ablation rows"))
    other = torch.empty_like(order)
    other[order] = order[partners(50, make_generator(7, f"ablation partners/{layer}"))]
    stand_in = {"mean": own.mean(0).expand_as(own), "resample": own[other], "zero": own * 0}[
        baseline
    ]
    found = ablate(
        program_of(model, imageset),
        layer,
        imageset,
        normalise=normalise,
        baseline=baseline,
        controls=2,
        seed=7,
        batch_size=16,
    )
    before = model(images).argmax(1) == imageset.labels
    assert found.accuracy == pytest.approx(float(before.float().mean()))
    changed = 0
    for unit in found.units:
        logits = by_hooks(model, model.get_submodule(layer), images, unit, stand_in)
        after = logits.argmax(1) == imageset.labels
        for k in range(3):
            of = imageset.labels == k
            expected = float(after[of].float().mean() - before[of].float().mean())
            assert found.class_change[unit, k] == pytest.approx(expected, abs=1e-6)
        changed += int((after != before).any())
        apart = (stand_in - own)[:, unit].double().square().sum() / 50
        assert float(found.energy[unit]) == pytest.approx(float(apart), rel=1e-4)
    assert changed > 0


def same(one: Ablations, other: Ablations) -> bool:
    return torch.equal(one.class_change, other.class_change) and torch.equal(
        one.control, other.control
    )


def test_a_seed_decides_all_and_the_network_is_left_as_it_was() -> None:
    torch.manual_seed(3)
    model, imageset = Skipping().train(), noise_set(90)
    program = program_of(model, imageset)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    drawn = torch.get_rng_state()
    settings = {"normalise": normalise, "baseline": "resample", "most_pictures": 40, "controls": 3}
    one, again, other = (
        ablate(program, "act", imageset, seed=seed, **settings) for seed in (1, 1, 2)
    )
    assert one.n == 40
    assert same(one, again)
    assert not same(one, other)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())


def test_stacks_and_kept_outputs_make_no_difference(monkeypatch) -> None:
    torch.manual_seed(3)
    model, imageset = Skipping(), noise_set(60)
    program = program_of(model, imageset)
    settings = {"normalise": normalise, "controls": 3, "batch_size": 16}
    stacked = ablate(program, "stem", imageset, **settings)
    monkeypatch.setattr(stacking, "ROWS_CPU", 1)
    monkeypatch.setattr(replacing, "KEPT_BYTES", 0)
    assert same(stacked, ablate(program, "stem", imageset, **settings))


class Mixes(nn.Module):
    """Compares each picture with the batch: no two changes may share one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return self.head((x - x.mean(0, keepdim=True)).mean((2, 3)) * 100)


def test_a_network_that_mixes_the_batch_is_run_one_change_at_a_time() -> None:
    torch.manual_seed(0)
    model, imageset = Mixes(), noise_set(40)
    found = ablate(
        program_of(model, imageset), "conv", imageset, normalise=normalise, baseline="zero"
    )
    images = normalise(imageset.pixels)
    for unit in found.units:
        logits = by_hooks(model, model.conv, images, unit, torch.zeros(40, 4, 4, 4))
        accuracy = float((logits.argmax(1) == imageset.labels).float().mean())
        assert found.accuracy + found.change[unit] == pytest.approx(accuracy)


def test_a_single_logit_in_colour_and_a_class_without_pictures() -> None:
    torch.manual_seed(0)
    imageset = noise_set(30, channels=3, K=2)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 1))
    rows = (imageset.labels == 1).nonzero()[:, 0]
    found = ablate(
        program_of(model, imageset), "1", imageset, normalise=normalise, rows=rows, units=[2, 0]
    )
    assert found.units == (2, 0)
    first = ablation_record(found, found.single, 0)
    assert first.class_accuracy_change[0] is None
    assert first.class_accuracy_change[1] == pytest.approx(first.accuracy_change)


def test_random_directions_carry_just_the_energy_asked_for() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(500, 12, dtype=torch.float64, generator=generator) * torch.arange(1, 13)
    moment = values.T @ values
    for energy in (float(moment[0, 0]), float(moment[5, 5]), float(moment[11, 11])):
        drawn = random_directions(
            lambda axes: (axes * (moment @ axes)).sum(0),
            12,
            most_energy=energy,
            generator=generator,
        )
        k = drawn.axes.shape[1]
        assert torch.allclose(drawn.axes.T @ drawn.axes, torch.eye(k, dtype=torch.float64))
        shares = drawn.shares(energy)
        assert shares.max() <= 1
        moved = values @ drawn.axes * shares @ drawn.axes.T
        assert float(moved.square().sum()) == pytest.approx(energy)


def test_random_directions_favour_no_unit() -> None:
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack(
        [
            random_directions(
                lambda axes: torch.ones(axes.shape[1]).double(),
                4,
                most_energy=1,
                generator=generator,
            ).axes[:, 0]
            for _ in range(4000)
        ]
    )
    # Of an even spread over the sphere: mean square 1 / U, mean fourth power 3 / (U (U + 2)).
    assert (draws.square().mean(0) - 1 / 4).abs().max() < 0.02
    assert (draws.pow(4).mean(0) - 3 / 24).abs().max() < 0.02


def test_pictures_are_drawn_in_the_classes_shares_and_partners_are_others() -> None:
    labels = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
    generator = torch.Generator().manual_seed(0)
    rows = drawn_evenly(labels, torch.arange(100), 20, generator)
    assert torch.bincount(labels[rows]).tolist() == [12, 6, 2]
    assert rows.unique().tolist() == rows.tolist()
    partner = partners(7, generator)
    assert partner.sort().values.tolist() == list(range(7))
    assert not (partner == torch.arange(7)).any()


def test_controls_run_at_few_energies_that_reach_every_change() -> None:
    none = torch.zeros(0)
    assert levels_of(torch.zeros(3), none) == []
    assert levels_of(torch.tensor([0.0, 3.0, 1.0]), none) == [1, 3]
    assert levels_of(torch.arange(14).double(), none) == [7, 13]
    assert levels_of(torch.arange(14).double(), torch.tensor([5.0, 40.0])) == [7, 13, 40]


def test_what_cannot_be_ablated_is_refused(four_units) -> None:
    model, imageset = four_units
    program = program_of(model, imageset)
    with pytest.raises(ModelError, match="no ablation baseline 'men'"):
        ablate(program, "2", imageset, normalise=normalise, baseline="men")  # type: ignore[arg-type]
    with pytest.raises(LayerNotFoundError, match="no unit 4 in '2'; they run from 0 to 3"):
        ablate(program, "2", imageset, normalise=normalise, units=[3, 4])
    with pytest.raises(LayerNotFoundError, match="no layer '7'"):
        ablate(program, "7", imageset, normalise=normalise)
    with pytest.raises(DataError, match="1 pictures of 'pixels' are given"):
        ablate(program, "2", imageset, normalise=normalise, rows=torch.tensor([3]))
