"""Directions against planted parts, closed forms and scikit-learn."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import nn

from layerscope.analysis.activations.pooled_features import gather_features
from layerscope.analysis.directions.find_directions import (
    covariance,
    directions_needed,
    find_directions,
    variance_fracs,
    variance_together,
)
from layerscope.analysis.directions.kept_parts import kept_accuracy, kept_variance
from layerscope.analysis.directions.projected_program import projected
from layerscope.data.imageset import ImageSet
from layerscope.errors import ModelError
from layerscope.graph.read import read_program


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def planted(n: int = 800) -> tuple[torch.Tensor, torch.Tensor]:
    """Three parts, each spread over units of its own, that are on now and then."""
    parts = torch.zeros(3, 12)
    for k in range(3):
        parts[k, 4 * k : 4 * k + 4] = torch.tensor([1.0, 0.8, 0.6, 0.4])
    parts = F.normalize(parts, dim=1)
    codes = torch.rand(n, 3, generator=seeded()) * (torch.rand(n, 3, generator=seeded(1)) < 0.3)
    codes = codes * torch.tensor([3.0, 2.0, 1.0])
    return codes @ parts, parts


def test_principal_components_are_scikit_learns() -> None:
    values = torch.randn(300, 7, generator=seeded()) @ torch.randn(7, 7, generator=seeded(1))
    found = find_directions(values, seeded(), how="pca", n=3)
    reference = PCA(3).fit(values.numpy())
    cosine = (found.write @ torch.from_numpy(reference.components_).float().T).diagonal().abs()
    assert cosine.min() > 0.9999
    expected = torch.from_numpy(reference.explained_variance_ratio_)
    assert torch.allclose(variance_fracs(found, values), expected.double(), atol=1e-5)
    assert variance_together(found, values, values) == pytest.approx(float(expected.sum()), 1e-4)
    read = found.values(values)
    assert read.mean(0).abs().max() < 1e-4
    assert (found.write.abs().argmax(1) == found.write.argmax(1)).all()


@pytest.mark.parametrize("how", ["nmf", "dictionary"])
def test_planted_parts_are_found_and_read(how) -> None:
    values, parts = planted()
    found = find_directions(values, seeded(), how=how, n=3)
    assert found.rectified
    cosine = parts @ found.write.T
    assert cosine.max(1).values.min() > 0.95
    best = cosine.argmax(1)
    assert len(set(best.tolist())) == 3
    read, wanted = found.values(values)[:, best], values @ parts.T
    assert (read >= 0).all()
    for k in range(3):
        assert torch.corrcoef(torch.stack([read[:, k], wanted[:, k]]))[0, 1] > 0.98


def test_the_way_fits_the_layer() -> None:
    values, _ = planted()
    assert find_directions(values, seeded()).how == "nmf"
    assert find_directions(values - 0.5, seeded()).how == "pca"
    with pytest.raises(ModelError, match="below zero, and nmf finds parts that add up; use pca"):
        find_directions(values - 0.5, seeded(), how="nmf")
    with pytest.raises(ModelError, match="cannot be found by 'ica'"):
        find_directions(values, seeded(), how="ica")  # type: ignore[arg-type]
    wide = torch.randn(4000, 40, generator=seeded())
    assert directions_needed(wide) == 16  # of 36
    assert directions_needed(wide[:, :3]) == 3
    assert directions_needed(torch.randn(500, 1, generator=seeded()).expand(-1, 9)) == 4
    constant = find_directions(torch.ones(50, 5), seeded())
    assert variance_fracs(constant, torch.ones(50, 5)).tolist() == [0] * len(constant)


def test_single_units_hold_what_is_along_their_axes_and_directions_what_is_not() -> None:
    along_axes = torch.randn(2000, 6, generator=seeded()) * torch.tensor([5.0, 4, 3, 0.1, 0.1, 0.1])
    found = kept_variance(along_axes[:1000], along_axes[1000:])
    assert found.numbers == (1, 2, 4)
    assert found.order[:3] == (0, 1, 2)
    assert torch.allclose(found.units, found.components, atol=0.01)
    assert float(found.units[0]) == pytest.approx(25 / 50.03, abs=0.03)
    # One direction that runs through all units equally, and noise of their own.
    common = torch.randn(2000, 1, generator=seeded(1)) * 2 + torch.randn(
        2000, 6, generator=seeded()
    )
    found = kept_variance(common[:1000], common[1000:])
    # Of unit covariance 4 + I: the component holds 25 of 30; one unit 5 + 5 * 16 / 5 = 21.
    assert float(found.components[0]) == pytest.approx(25 / 30, abs=0.02)
    assert float(found.units[0]) == pytest.approx(21 / 30, abs=0.03)
    assert (covariance(common) - 4 - torch.eye(6)).abs().max() < 0.5


def network() -> tuple[nn.Sequential, ImageSet]:
    """The class lies along one direction that all eight units share; each has noise of its own."""
    generator = seeded()
    pixels = torch.randint(100, 156, (300, 1, 1, 9), generator=generator).to(torch.uint8)
    labels = torch.arange(300) % 2
    pixels[:, 0, 0, 0] = labels.mul(60).add(98).to(torch.uint8)
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 8), nn.Identity(), nn.Linear(8, 2))
    weights = model.state_dict()
    weights["1.weight"].zero_()
    weights["1.weight"][:, 0] = 1.0
    weights["1.weight"][:, 1:] = torch.eye(8) * 2
    weights["1.bias"].fill_(-0.5 - 2 * 0.5)
    weights["3.weight"].copy_(torch.stack([-torch.ones(8), torch.ones(8)]))
    weights["3.bias"].zero_()
    return model, ImageSet("noise", "test", pixels, labels, ("a", "b"))


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float() / 255


def test_a_class_that_lies_along_a_direction_is_kept_by_it_and_not_by_a_unit() -> None:
    model, imageset = network()
    program = read_program(model, normalise(imageset.pixels[:1]))
    values = program.output_of("1", normalise(imageset.pixels))
    kept = kept_variance(values, values)
    found = kept_accuracy(program, "1", imageset, torch.arange(300), kept, normalise=normalise)
    assert found.whole > 0.97
    assert float(found.components[0]) > 0.95
    assert float(found.units[0]) < 0.9
    assert float(found.random[:, 0].mean()) < 0.9
    # Oracle: the first component alone, run by hand.
    mean, axis = values.mean(0), kept.axes[:, :1].float()
    alone = mean + (values - mean) @ axis @ axis.T
    right = (model[3](alone).argmax(1) == imageset.labels).float().mean()
    assert float(found.components[0]) == pytest.approx(float(right))


def test_a_network_seen_through_directions_reads_them_and_computes_the_same() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 2))
    pixels = torch.randint(0, 256, (20, 1, 6, 6), generator=seeded()).to(torch.uint8)
    imageset = ImageSet("noise", "test", pixels, torch.arange(20) % 2, ("a", "b"))
    program = read_program(model, normalise(pixels[:1]))
    maps = program.output_of("1", normalise(pixels))
    found = find_directions(maps.movedim(1, -1).reshape(-1, 6), seeded(), n=3)
    seen = projected(program, {"1": found})
    assert next(layer.shape for layer in seen.layers if layer.name == "1") == (3, 4, 4)
    shown = seen.output_of("1", normalise(pixels))
    expected = torch.einsum("bchw,ck->bkhw", maps, found.read).clamp(min=0)
    assert torch.allclose(shown, expected, atol=1e-5)
    logits = seen.run(normalise(pixels), lambda name, value: None)
    assert torch.allclose(logits, model(normalise(pixels)), atol=1e-5)
    features = gather_features(seen, ["1"], imageset, torch.arange(20), normalise, seed=0)
    assert torch.allclose(features["1"].peaks, expected.amax((2, 3)), atol=1e-5)


def test_a_nearly_silent_layer_has_as_many_parts_as_it_can_give() -> None:
    values = torch.zeros(48, 8)
    values[:14, 2] = torch.rand(14, generator=torch.Generator().manual_seed(0))
    found = find_directions(values, torch.Generator().manual_seed(0), n=4)
    assert found.write.tolist() == [[0, 0, 1, 0, 0, 0, 0, 0]]
    assert len(find_directions(torch.zeros(48, 8), torch.Generator().manual_seed(0), n=4)) == 0
