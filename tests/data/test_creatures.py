"""The drawn creatures: reproducible, exactly masked, and told apart by their parts alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from layerscope.data import load
from layerscope.data.creatures import PART_NAMES, draw
from layerscope.data.creatures import shapes as forms
from layerscope.data.creatures.canvas import Canvas
from layerscope.errors import DataError


def test_a_longer_set_begins_with_a_shorter_one_and_parts_can_be_drawn_alone() -> None:
    whole = draw(70, size=32, seed=5)
    short, part = draw(9, size=32, seed=5), draw(6, size=32, seed=5, first=61)
    assert torch.equal(whole.pixels[:9], short.pixels)
    # Sums in another order may round a shade differently where pictures share a batch.
    assert (whole.pixels[61:67].int() - part.pixels.int()).abs().max() <= 1
    assert torch.equal(whole.masks[:9], short.masks)
    assert torch.equal(whole.labels, torch.arange(70) % 2)
    assert not torch.equal(draw(9, size=32, seed=6).pixels, short.pixels)


def test_parts_belong_to_the_creatures_that_have_them() -> None:
    drawn = draw(200, size=48, seed=0)
    seen = drawn.masks.flatten(2).any(2)
    cats, dogs = drawn.labels == 0, drawn.labels == 1
    share = {name: seen[:, i].float() for i, name in enumerate(PART_NAMES)}
    assert share["whiskers"][dogs].sum() == 0
    assert share["whiskers"][cats].mean() > 0.8
    for name in ("head", "ear", "eye", "snout", "body"):
        assert share[name].mean() > 0.9, name
    # What lies on the head belongs to it, too.
    head, eye = (drawn.masks[:, PART_NAMES.index(name)] for name in ("head", "eye"))
    assert (eye & ~head).sum() < 0.02 * eye.sum()


def test_a_part_painted_over_is_no_longer_in_its_mask() -> None:
    canvas = Canvas(1, 40)
    red, blue = torch.tensor([[1.0, 0, 0]]), torch.tensor([[0, 0, 1.0]])
    canvas.paint(forms.ellipse(canvas.x, canvas.y, 0.0, 0.0, 0.6, 0.6), red, part="body")
    canvas.paint(forms.box(canvas.x, canvas.y, 0.5, 0.0, 0.5, 1.0), blue)
    body = canvas.masks()[0, PART_NAMES.index("body")]
    # The oracle is the picture itself: where the body shows, it is red.
    is_red = canvas.colour[0, 0] >= 0.5
    assert torch.equal(body, is_red & (canvas.colour[0, 2] < 0.5))
    assert body.any() and not body[:, 21:].any()


def test_edges_are_as_a_finer_drawing_averages_them() -> None:
    def ellipse(size: int) -> torch.Tensor:
        canvas = Canvas(1, size)
        shape = forms.ellipse(canvas.x, canvas.y, 0.1, -0.05, 0.7, 0.45, 0.4)
        return canvas.cover(shape)

    fine = torch.nn.functional.avg_pool2d(ellipse(320)[:, None], 8)[:, 0]
    assert (ellipse(40) - fine).abs().max() < 0.15
    assert (ellipse(40) - fine).abs().mean() < 0.004


def test_distances_of_simple_shapes_in_closed_form() -> None:
    canvas = Canvas(1, 21)
    x, y = canvas.x, canvas.y
    circle = forms.ellipse(x, y, 0.0, 0.0, 0.5, 0.5)
    away = (x**2 + y**2).sqrt() > 0.1  # the middle has no direction
    assert torch.allclose(circle[away], ((x**2 + y**2).sqrt() - 0.5)[away], atol=1e-4)
    stroke = forms.capsule(x, y, (-0.5, 0.0), (0.5, 0.0), 0.1, 0.1)
    outside = (x.abs() - 0.5).clamp(min=0)
    assert torch.allclose(stroke, (outside**2 + y**2).sqrt() - 0.1, atol=1e-5)
    square = forms.box(x, y, 0.0, 0.0, 0.4, 0.4)
    assert torch.allclose(square[0, 10], x[0, 10].abs() - 0.4, atol=1e-5)
    wedge = forms.triangle(x, y, (-0.6, 0.6), (0.6, 0.6), (0.0, -0.6))
    assert wedge[0, 12, 10] < 0 < wedge[0, 2, 2]


@pytest.mark.parametrize(
    ("changes", "ok"),
    [
        ({"size": 31}, False),
        ({"size": 129}, False),
        ({"n": -1}, False),
        ({"seed": -1}, False),
        ({"size": 128, "n": 1}, True),
    ],
)
def test_what_cannot_be_drawn_is_refused(changes, ok) -> None:
    settings = {"n": 2, "size": 32, "seed": 0, **changes}
    if ok:
        assert draw(**settings).pixels.shape == (1, 3, 128, 128)
    else:
        with pytest.raises(DataError):
            draw(**settings)


@pytest.mark.slow
def test_neither_pixels_nor_colours_give_the_class_away() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = draw(3000, size=32, seed=1), draw(1000, size=32, seed=2)

    def raw(drawn) -> np.ndarray:
        return drawn.pixels.flatten(1).numpy() / 255.0

    def colours(drawn) -> np.ndarray:
        bins = (drawn.pixels // 64).long()
        place = bins[:, 0] * 16 + bins[:, 1] * 4 + bins[:, 2]
        return np.stack([np.bincount(row.flatten().numpy(), minlength=64) for row in place])

    def area(drawn) -> np.ndarray:
        return drawn.masks.any(1).flatten(1).float().mean(1, keepdim=True).numpy()

    for features, strength in ((raw, 1e-3), (colours, 1e-2), (area, 1.0)):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300))
        model.fit(features(train), train.labels.numpy())
        assert model.score(features(test), test.labels.numpy()) < 0.62, features.__name__


def test_creatures_come_from_the_cache_the_second_time() -> None:
    told: list[int] = []
    load("creatures", size=32, progress=lambda done, total: told.append(done))
    assert told[-1] == 5000
    told.clear()
    splits = load("creatures", size=32, progress=lambda done, total: told.append(done))
    assert not told
    assert (len(splits.train), len(splits.test)) == (4000, 1000)
    rows = torch.tensor([0, 3])
    assert splits.train.masks(rows).shape == (2, len(PART_NAMES), 32, 32)
    assert splits.train.masks(rows).dtype == torch.bool
