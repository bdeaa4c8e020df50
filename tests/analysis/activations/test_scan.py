"""One streaming pass, against numpy over all activations at once and a search by brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from layerscope.analysis.activations.scan import scan
from layerscope.analysis.activations.top_patches import PATCHES
from layerscope.analysis.activations.unit_statistics import BINS
from layerscope.data.imageset import ImageSet
from layerscope.errors import LayerNotFoundError


def pictures(n: int = 97) -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (n, 1, 12, 12), generator=generator, dtype=torch.uint8)
    return ImageSet("noise", "test", pixels, torch.arange(n) % 2, ("a", "b"))


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float() / 255 - 0.5


@pytest.fixture(scope="module")
def model() -> nn.Sequential:
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(1, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(500, 4), nn.ReLU(), nn.Linear(4, 2)
    )
    with torch.no_grad():
        net[0].bias[2] = -100  # a unit that never fires
    return net


def all_values(model: nn.Sequential, until: int) -> np.ndarray:
    with torch.no_grad():
        return model[:until](normalise(pictures().pixels)).numpy()


@pytest.mark.parametrize("batch_size", [97, 40, 7])
def test_statistics_against_numpy(model: nn.Sequential, batch_size: int) -> None:
    found = scan(model, pictures(), normalise=normalise, layers=["1", "4"], batch_size=batch_size)
    for layer, until in (("1", 2), ("4", 5)):
        values = all_values(model, until).reshape(
            97, -1 if layer == "4" else 5, *([] if layer == "4" else [100])
        )
        axes = (0,) if layer == "4" else (0, 2)
        figures = found[layer].statistics
        assert figures.n == 97
        assert figures.mean.numpy() == pytest.approx(values.mean(axes), abs=1e-6)
        assert figures.std.numpy() == pytest.approx(values.std(axes), abs=1e-6)
        assert figures.high.numpy() == pytest.approx(values.max(axes), abs=1e-6)
        assert figures.low.numpy() == pytest.approx(values.min(axes), abs=1e-6)
        assert figures.zero_frac.numpy() == pytest.approx((values == 0).mean(axes))
        rectified = layer == "1"
        silent = values.max(axes) <= 0 if rectified else values.max(axes) == values.min(axes)
        assert figures.dead.tolist() == silent.tolist()
    assert found["1"].statistics.dead.tolist() == [False, False, True, False, False]


def test_dense_histograms_count_every_value(model: nn.Sequential) -> None:
    figures = scan(model, pictures(), normalise=normalise, layers=["3"], batch_size=20)["3"]
    values = all_values(model, 4)
    statistics = figures.statistics
    assert statistics.counts.shape == (4, BINS)
    assert statistics.counts.sum(1).tolist() == [97] * 4
    for u in range(4):
        edges = statistics.edges[u].numpy().astype(float)
        edges[0], edges[-1] = -np.inf, np.inf  # the outermost bins take what lies beyond
        expected, _ = np.histogram(values[:, u], edges)
        # a value within rounding of an edge may fall to either side
        assert np.abs(np.cumsum(statistics.counts[u].numpy() - expected)).max() <= 1


@pytest.mark.parametrize("batch_size", [97, 40, 7, 1])
def test_top_places_against_brute_force(model: nn.Sequential, batch_size: int) -> None:
    found = scan(model, pictures(), normalise=normalise, layers=["1"], batch_size=batch_size)["1"]
    values = all_values(model, 2)  # (97, 5, 10, 10)
    assert found.map_px == (10, 10)
    for u in range(5):
        peaks = []
        for row in range(97):
            plane = values[row, u]
            best = max(float(v) for v in plane.flat)
            place = next(i for i, v in enumerate(plane.flat) if float(v) == best)
            peaks.append((-best, row, place))
        expected = sorted(peaks)[:PATCHES]
        assert found.top.rows[u].tolist() == [row for _, row, _ in expected]
        assert found.top.values[u].tolist() == pytest.approx([-v for v, _, _ in expected], abs=1e-6)
        if u != 2:
            assert found.top.places[u].tolist() == [place for _, _, place in expected]


def test_two_halves_merge_to_the_whole_in_either_order(model: nn.Sequential) -> None:
    rows = torch.arange(97)
    whole = scan(model, pictures(), normalise=normalise, layers=["1"])["1"]
    edges = {"1": whole.statistics.edges}
    parts = [
        scan(model, pictures(), normalise=normalise, layers=["1"], rows=rows[cut], edges=edges)["1"]
        for cut in (slice(0, 30), slice(30, 97))
    ]
    for merged in (parts[0].merged(parts[1]), parts[1].merged(parts[0])):
        assert torch.equal(merged.top.rows, whole.top.rows)
        assert torch.equal(merged.top.places, whole.top.places)
        assert torch.equal(merged.statistics.counts, whole.statistics.counts)
        assert torch.allclose(merged.statistics.mean, whole.statistics.mean, rtol=1e-9)
        assert torch.allclose(merged.statistics.std, whole.statistics.std, rtol=1e-6)
        assert torch.equal(merged.statistics.n_zero, whole.statistics.n_zero)
        assert merged.statistics.n == 97


class Functional(nn.Module):
    """Works in place on what a layer put out, and calls one module twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.relu = nn.ReLU(inplace=True)
        self.mix = nn.Conv2d(2, 2, 1)
        self.head = nn.Linear(200, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x).sub_(0.1)
        return self.head(self.relu(self.mix(self.relu(x))).flatten(1))


def test_what_is_measured_is_what_a_layer_put_out_whatever_is_done_with_it_later() -> None:
    torch.manual_seed(5)
    model = Functional().train()
    names = ["conv", "sub", "relu", "mix", "relu#2"]
    found = scan(model, pictures(), normalise=normalise, layers=names, batch_size=30)
    with torch.no_grad():
        conv = model.conv(normalise(pictures().pixels))
        sub = conv - 0.1
        mix = model.mix(sub.clamp(min=0))
    for name, values in zip(
        names, (conv, sub, sub.clamp(min=0), mix, mix.clamp(min=0)), strict=True
    ):
        assert torch.allclose(found[name].statistics.low, values.amin((0, 2, 3)), atol=1e-6), name
        assert torch.allclose(found[name].statistics.high, values.amax((0, 2, 3)), atol=1e-6), name
    assert all(module.training for module in model.modules())


def test_an_unknown_layer_is_refused_with_the_nearest_name(model: nn.Sequential) -> None:
    with pytest.raises(LayerNotFoundError, match="no layer 'conv'; there are: 0, 1"):
        scan(model, pictures(), normalise=normalise, layers=["0", "conv"])
    assert list(scan(model, pictures(), normalise=normalise, layers=["0"])) == ["0"]


@pytest.mark.parametrize("batch_size", [5, 8, 97])
@pytest.mark.parametrize("bias", [5.0, 0.0, -1.0])
def test_a_relu_scanned_with_what_it_reads_gives_what_it_gives_alone(
    batch_size: int, bias: float
) -> None:
    """Its peaks are the convolution's; with a large bias all of them are, from the first batch."""
    torch.manual_seed(4)
    net = nn.Sequential(nn.Conv2d(1, 5, 3), nn.ReLU(), nn.ReLU(inplace=True))
    with torch.no_grad():
        net[0].bias.fill_(bias)
        if bias < 5:
            net[0].bias[2] = -100
    settings = {"normalise": normalise, "batch_size": batch_size}
    together = scan(net, pictures(), layers=["0", "1", "2"], **settings)
    for layer in ("1", "2"):
        alone = scan(net, pictures(), layers=[layer], **settings)[layer]
        assert torch.equal(together[layer].top.values, alone.top.values)
        assert torch.equal(together[layer].top.rows, alone.top.rows)
        fires = alone.top.values > 0
        assert torch.equal(together[layer].top.places[fires], alone.top.places[fires])
        assert torch.equal(together[layer].statistics.high, alone.statistics.high)
        assert torch.equal(together[layer].statistics.dead, alone.statistics.dead)


def test_statistics_of_some_places_lie_near_those_of_all(model: nn.Sequential) -> None:
    whole = scan(model, pictures(), normalise=normalise, layers=["0"])["0"].statistics
    some = scan(model, pictures(), normalise=normalise, layers=["0"], counted=9)["0"].statistics
    assert whole.n_values == 97 * 100
    assert some.n_values == 97 * 9
    error = whole.std / some.n_values**0.5
    assert bool(((some.mean - whole.mean).abs() < 4 * error).all())
    assert some.std.numpy() == pytest.approx(whole.std.numpy(), rel=0.15)
    assert torch.equal(some.high, whole.high)  # the largest is looked for everywhere
