"""Receptive fields against the gradient: the pixels that move a unit are those it sees."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from layerscope.graph.read import read_graph
from layerscope.graph.receptive_field import ReceptiveField, receptive_fields
from layerscope.models import build, make_spec

SIDE, CHANNELS = 40, 2
NOTHING = (0, -1)


class Skip(nn.Module):
    """Adds, joins or multiplies what two convolutions of different reach see."""

    def __init__(self, joint: str, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, 2 * kernel + 1, padding=kernel)
        self.fit = nn.Conv2d(2 * CHANNELS, CHANNELS, 1)
        self.joint = joint

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.joint == "add":
            return self.conv(x) + x
        if self.joint == "cat":
            return self.fit(torch.cat([x, self.conv(x)], 1))
        return x * self.conv(x)


def module_of(kind: str, kernel: int, stride: int, padding: int, dilation: int) -> nn.Module:
    if kind == "conv":
        return nn.Conv2d(CHANNELS, CHANNELS, kernel, stride, padding, dilation)
    if kind == "pool":
        return nn.AvgPool2d(kernel, stride, min(padding, kernel // 2))
    return Skip(kind, padding)


def field_and_map(
    model: nn.Module, images: torch.Tensor
) -> tuple[ReceptiveField | None, torch.Tensor]:
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.2)
    side = images.shape[-1]
    layers = read_graph(model, images.detach())
    return receptive_fields(layers, height=side, width=side)[layers[-1].name], model(images)


def reach(maps: torch.Tensor, images: torch.Tensor, y: int, x: int) -> list[tuple[int, int]]:
    """The first and last row, and the first and last column, that move a unit."""
    (gradient,) = torch.autograd.grad(maps[0, 0, y, x], images, retain_graph=True)
    touched = gradient[0].abs().sum(0) > 0
    ends = [touched.any(axis).nonzero()[:, 0] for axis in (1, 0)]
    return [(int(end.min()), int(end.max())) if len(end) else NOTHING for end in ends]


parts = st.tuples(
    st.sampled_from(["conv", "pool", "add", "cat", "mul"]),
    st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2),
)  # fmt: skip


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(parts, min_size=1, max_size=4))
def test_fields_against_the_gradient(chosen: list[tuple[str, int, int, int, int]]) -> None:
    """With positive weights nothing cancels: what has a gradient is what is seen."""
    model = nn.Sequential(*(module_of(*part) for part in chosen))
    images = torch.rand(1, CHANNELS, SIDE, SIDE, dtype=torch.float64, requires_grad=True) + 0.5
    images = images.detach().requires_grad_()
    try:
        field, maps = field_and_map(model.double(), images)
    except Exception as error:  # the maps shrank to nothing
        assume("size" not in str(error))
        raise
    assert field is not None
    gapless = all(
        kind not in ("conv", "pool") or (kernel >= stride and (dilation == 1 or kind == "pool"))
        for kind, kernel, stride, _, dilation in chosen
    )
    H, W = maps.shape[2:]
    for y in {*range(0, H, max(1, H // 3)), H - 1}:
        x = min(y, W - 1)
        rows, columns = reach(maps, images, y, x)
        box = field.box(y, x, height=SIDE, width=SIDE)
        if rows == NOTHING:  # a unit at the border that sees padding, or falls between its gaps
            assert box[2:] != field.size_px
            continue
        if gapless:
            ends = [(box[i], box[i] + box[i + 2] - 1) for i in range(2)]
            assert [rows, columns] == ends
        for seen, start, size, at, jump in zip(
            (rows, columns), field.start_px, field.size_px, (y, x), field.stride_px, strict=True
        ):
            first, last = start + at * jump, start + at * jump + size - 1
            if first >= 0 and last < SIDE:
                assert seen == (first, last)
            else:  # kernels with gaps may leave more of the border out, never reach beyond
                assert seen[0] >= first and seen[1] <= last


def test_a_unit_that_sees_padding_alone_has_an_empty_box() -> None:
    field = ReceptiveField((1, 1), (1, 1), (-2, -2))  # a 1x1 convolution with padding 2
    assert field.box(0, 3, height=8, width=8) == (0, 1, 0, 1)
    assert field.box(2, 11, height=8, width=8) == (0, 8, 1, 0)
    assert field.box(2, 2, height=8, width=8) == (0, 0, 1, 1)


class Excites(nn.Module):
    """Scales its maps by a mean over space, as squeeze-and-excitation does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, stride=2)
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.last = nn.Conv2d(2, 1, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return self.last(x * self.mean(x))


def test_what_is_scaled_by_a_mean_over_space_sees_everything() -> None:
    images = torch.rand(1, 1, 13, 13, requires_grad=True)
    field, maps = field_and_map(Excites(), images)
    assert field is not None
    for y, x in ((0, 0), (1, 3)):
        assert field.box(y, x, height=13, width=13) == (0, 0, 13, 13)
        assert reach(maps, images, y, x) == [(0, 12), (0, 12)]


@pytest.mark.parametrize(
    ("pool", "size"), [(nn.AdaptiveAvgPool2d(3), 4), (nn.AdaptiveMaxPool2d(6), 2)]
)
def test_adaptive_pooling_that_divides_evenly_is_a_window(pool: nn.Module, size: int) -> None:
    layers = read_graph(nn.Sequential(pool), torch.zeros(1, 1, 12, 12))
    field = receptive_fields(layers, height=12, width=12)["0"]
    assert field == ReceptiveField((size, size), (size, size), (0, 0))


def test_an_uneven_pooling_has_no_field_and_a_norm_over_places_sees_everything() -> None:
    model = nn.Sequential(nn.AdaptiveAvgPool2d(5), nn.Conv2d(1, 1, 3))
    layers = read_graph(model, torch.zeros(1, 1, 12, 12))
    assert receptive_fields(layers, height=12, width=12) == {"0": None, "1": None}
    layers = read_graph(nn.Sequential(nn.GroupNorm(1, 1)), torch.zeros(1, 1, 12, 12))
    everything = ReceptiveField((12, 12), (0, 0), (0, 0))
    assert receptive_fields(layers, height=12, width=12) == {"0": everything}


def test_known_receptive_fields() -> None:
    spec = make_spec(
        "fashion-cnn", class_names="ab", channels=1, height=28, width=28, mean=[0], std=[1]
    )
    layers = read_graph(build(spec, torch.Generator()), torch.zeros(1, 1, 28, 28))
    fields = receptive_fields(layers, height=28, width=28)
    sizes = {name: field and field.size_px[0] for name, field in fields.items()}
    # By hand: 3; pooling +1; convolution +2*2; pooling +1*2.
    assert [sizes[f"features.{i}"] for i in range(6)] == [3, 3, 4, 8, 8, 10]
    assert sizes["classifier.0"] is None
    assert fields["features.5"].stride_px == (4, 4)  # type: ignore[union-attr]


def moved_by_nan(model: nn.Module, images: torch.Tensor, y: int, x: int, place: slice) -> bool:
    """Whether a unit of the last layer reads any of some rows, whatever its weights."""
    tried = images.detach().clone()
    tried[:, :, place] = torch.nan
    with torch.no_grad():
        return bool(model(tried)[0, :, y, x].isnan().any())


def test_weights_of_zero_hide_pixels_from_the_gradient_but_not_from_the_field() -> None:
    """A field is what the operations read: batch norms that begin at 0 may learn to let it pass."""
    torch.manual_seed(0)
    residual = nn.Sequential(nn.Conv2d(1, 1, 7, padding=3), nn.BatchNorm2d(1))
    nn.init.zeros_(residual[1].weight)

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.residual = residual

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.residual(x)

    model = nn.Sequential(Block(), nn.Conv2d(1, 1, 3)).eval()
    images = torch.rand(1, 1, 24, 24, requires_grad=True)
    layers = read_graph(model, images.detach())
    field = receptive_fields(layers, height=24, width=24)["1"]
    assert field is not None
    top, _, height, _ = field.box(10, 10, height=24, width=24)
    assert (top, height) == (7, 9)
    assert reach(model(images), images, 10, 10)[0] == (10, 12)
    assert moved_by_nan(model, images, 10, 10, slice(top, top + 1))
    assert not moved_by_nan(model, images, 10, 10, slice(top - 1, top))


def test_rows_that_an_early_layer_leaves_over_are_seen_by_none() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 3, stride=2), nn.Conv2d(1, 1, 3, padding=1))
    images = torch.rand(1, 1, 64, 64, requires_grad=True)  # row 63 is left over
    field, maps = field_and_map(model, images)
    assert field is not None
    last = maps.shape[2] - 1
    assert field.within_px == (0, 0, 63, 63)
    assert field.box(last, last, height=64, width=64) == (58, 58, 5, 5)
    assert reach(maps, images, last, last) == [(58, 62), (58, 62)]
    whole = torch.rand(1, 1, 65, 65, requires_grad=True)  # filled to the last row
    field, maps = field_and_map(model, whole)
    assert field is not None
    last = maps.shape[2] - 1
    assert field.box(last, last, height=65, width=65) == (60, 60, 5, 5)
    assert field.within_px is None
    assert reach(maps, whole, last, last) == [(60, 64), (60, 64)]


class Cropped(nn.Module):
    """Leaves out rows and columns between two convolutions, then reads zeros in their place."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 1, 3, padding=1)
        self.second = nn.Conv2d(1, 1, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)[:, :, 4:-3, 2:]
        return self.second(nn.functional.pad(x, (2, 2, 2, 2)))


def test_what_is_cropped_is_seen_by_none() -> None:
    images = torch.rand(1, 1, 24, 24, requires_grad=True)
    field, maps = field_and_map(Cropped(), images)
    assert field is not None
    assert field.within_px == (3, 1, 19, 23)  # rows 4 to 20 of a map whose units see one more
    H, W = maps.shape[2:]
    for y, x in ((0, 0), (H // 2, W // 2), (H - 1, W - 1)):
        (top, bottom), (left, right) = reach(maps, images, y, x)
        assert field.box(y, x, height=24, width=24) == (
            top, left, bottom - top + 1, right - left + 1,
        )  # fmt: skip
